// A running daemon whose clock passes midnight: rules by day and by night take turns. Its wall clock is libfaketime's.
import { join } from 'node:path';
import { expect } from 'vitest';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { startDaemon } from '../support/daemon.ts';
import { fakeTimeEnvironment, fakeTimePath, setOffset } from '../support/fake-time.ts';
import { freePort } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const WAIT_MS = 90_000;
/** Saturday 31 October 2026 becomes Sunday in Berlin: 23:00 UTC. */
const MIDNIGHT_MS = Date.parse('2026-10-31T23:00:00Z');

testNeeding({ programs: ['faketime'] })(
  'at midnight where the board is, rules of Saturday give way to rules of Sunday',
  async () => {
    const folder = tempDir();
    const offset = join(folder, 'offset');
    const setClock = (toMs: number): void => setOffset(offset, (toMs - Date.now()) / 1000);
    const port = await freePort();
    const { cameras, rules } = busyScene();
    const on = (day: string): object =>
      Object.fromEntries(
        Object.entries(rules).map(([name, rule]) => [
          `${day}-${name}`,
          { ...rule, schedule: [{ days: [day] }] },
        ]),
      );
    const config = writeConfig({
      device: { name: 'pi' },
      location: { timeZone: 'Europe/Berlin' },
      mqtt: { embedded: { enabled: true, port }, drainDelayS: 0 },
      snapshots: { reserveMb: 0 },
      cameras,
      rules: { ...on('sat'), ...on('sun') },
    });
    setClock(MIDNIGHT_MS - 600_000);
    const daemon = startDaemon(['run', '--config', config, '--data', folder], {
      env: {
        // The system's zone is another one, and it does not matter.
        TZ: 'Asia/Tokyo',
        ...fakeTimeEnvironment(fakeTimePath()!, offset),
      },
    });
    await waitFor('the start', () => daemon.stderr().includes('started'), WAIT_MS);
    const subscriber = await Subscriber.connect({ url: `mqtt://127.0.0.1:${port}` });
    const alerts = (): { rule: string; atMs: number }[] =>
      subscriber.messages
        .filter(({ topic }) => topic === 'vedette/pi/alert')
        .map(({ payload }) => {
          const { rule, at } = JSON.parse(payload) as { rule: string; at: string };
          return { rule, atMs: Date.parse(at) };
        });
    const countOf = (day: string): number => alerts().filter(({ rule }) => rule.startsWith(day)).length;
    await waitFor('two alerts on Saturday', () => countOf('sat') > 1, WAIT_MS);
    expect(countOf('sun')).toBe(0);
    setClock(MIDNIGHT_MS - 2000);
    await waitFor('two alerts on Sunday', () => countOf('sun') > 1, WAIT_MS);
    for (const { rule, atMs } of alerts()) {
      expect([rule, atMs < MIDNIGHT_MS ? 'sat' : 'sun']).toEqual([rule, rule.slice(0, 3)]);
    }
  },
);
