// Rules about the daemon itself, in a running daemon: a camera that is gone for good or covered, a detector that dies again and again, a
// disk without room.
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { smallDisk, testMounting } from '../fixtures/store/harness.ts';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { childrenOf, type RunningDaemon, startDaemon } from '../support/daemon.ts';
import { freePort } from '../support/mosquitto.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const WAIT_MS = 90_000;

interface HeardAlert {
  readonly rule: string;
  readonly trigger: string;
  readonly fault?: string;
  readonly camera?: string;
  readonly eventId?: string;
  readonly message: string;
}

interface House {
  readonly daemon: RunningDaemon;
  readonly alerts: () => HeardAlert[];
  /** The first alert of a rule. */
  readonly alertOf: (rule: string) => Promise<HeardAlert>;
  /** The words on its status topic so far. */
  readonly statusesOf: (camera: string) => string[];
}

async function openHouse(document: object, dataDir = tempDir()): Promise<House> {
  const port = await freePort();
  const config = writeConfig({
    device: { name: 'pi' },
    mqtt: { embedded: { enabled: true, port }, drainDelayS: 0 },
    ...document,
  });
  const daemon = startDaemon(['run', '--config', config, '--data', dataDir]);
  await waitFor('the start', () => daemon.stderr().includes('started'), WAIT_MS);
  const subscriber = await Subscriber.connect({ url: `mqtt://127.0.0.1:${port}` });
  const alerts = (): HeardAlert[] =>
    subscriber.messages
      .filter(({ topic }) => topic === 'vedette/pi/alert')
      .map(({ payload }) => JSON.parse(payload) as HeardAlert);
  const alertOf = (rule: string): Promise<HeardAlert> =>
    waitFor(`an alert of ${rule}`, () => alerts().find((alert) => alert.rule === rule), WAIT_MS);
  const statusesOf = (camera: string): string[] =>
    subscriber.messages
      .filter(({ topic }) => topic === `vedette/pi/camera/${camera}/status`)
      .map(({ payload }) => payload);
  return { daemon, alerts, alertOf, statusesOf };
}

/** A rule about one kind of fault. */
function faultRule(fault: string, forS: number): object {
  return { trigger: { type: 'fault', of: [fault], forS }, cooldownS: 3600 };
}

test('a camera whose program dies for good is an alert that names it', async () => {
  const program = join(tempDir(), 'camera');
  // Four frames, then it is gone, and so is its file.
  const frame = '$((64 * 64 * 3 / 2))';
  writeFileSync(program, `#!/bin/sh\nfor i in 1 2 3 4; do head -c ${frame} /dev/zero; sleep 0.5; done\n`);
  chmodSync(program, 0o755);
  const gone = { source: { type: 'command', command: [program] }, detect: { width: 64, height: 64, fps: 2 } };
  const { cameras } = busyScene();
  const rule = { ...faultRule('offline', 2), cameras: ['gone'] };
  const house = await openHouse({ cameras: { ...cameras, gone }, rules: { 'no-camera': rule } });
  rmSync(program);
  const alert = await house.alertOf('no-camera');
  expect(alert).toMatchObject({ trigger: 'fault', fault: 'offline', camera: 'gone' });
  expect(alert).not.toHaveProperty('eventId');
  expect(alert.message).toContain('gone');
  expect(house.alerts()).toHaveLength(1);
});

test('a lens that is covered makes its camera blind, which is an alert, and online again when it is not', async () => {
  const { cameras } = busyScene();
  const source = { type: 'scene', happenings: ['cover@9-18'] };
  const covered = { source, detect: { width: 320, height: 192, fps: 5 }, sight: { blindS: 2 } };
  const rule = { ...faultRule('blind', 1), cameras: ['covered'] };
  const house = await openHouse({ cameras: { ...cameras, covered }, rules: { tampered: rule } });
  const alert = await house.alertOf('tampered');
  expect(alert).toMatchObject({ trigger: 'fault', fault: 'blind', camera: 'covered' });
  expect(alert).not.toHaveProperty('eventId');
  expect(alert.message).toBe('covered is blind');
  const words = (): string[] => house.statusesOf('covered');
  await waitFor('the picture', () => words().at(-1) === 'online', WAIT_MS);
  expect(words().slice(-2)).toEqual(['blind', 'online']);
  expect(house.daemon.stderr()).toMatch(
    /camera 'covered': nothing can be made out for 2 s \(\d+ % of the view have lost their edges, \d+ % their detail\)/,
  );
  expect(house.alerts()).toHaveLength(1);
});

test('a detector that is killed whenever it is there is one alert, of the whole daemon', async () => {
  const { cameras } = busyScene();
  const house = await openHouse({ cameras, rules: { 'no-detector': faultRule('detector', 4) } });
  const killed = new Set<number>();
  const alert = await waitFor(
    'an alert of the detector',
    () => {
      for (const { pid, command } of childrenOf(house.daemon.pid)) {
        // Not while it is still setpriv.
        if (!command.includes('detector/process') || command.includes('setpriv') || killed.has(pid)) continue;
        killed.add(pid);
        process.kill(pid, 'SIGKILL');
      }
      return house.alerts().find(({ rule }) => rule === 'no-detector');
    },
    WAIT_MS,
  );
  expect(killed.size).toBeGreaterThan(1);
  expect(alert).toMatchObject({ trigger: 'fault', fault: 'detector' });
  expect(alert).not.toHaveProperty('camera');
  expect(house.alerts()).toHaveLength(1);
});

testMounting()(
  'a full disk is an alert that is stored and sent all the same (needs root: a tmpfs)',
  async () => {
    const { path } = smallDisk('24m');
    const { cameras, rules } = busyScene();
    const house = await openHouse(
      {
        cameras,
        rules: { ...rules, 'no-room': faultRule('disk', 1) },
        snapshots: { enabled: false },
        store: { reserveMb: 4 },
      },
      path,
    );
    await house.alertOf('in-strip3');
    expect(house.alerts().some(({ rule }) => rule === 'no-room')).toBe(false);
    writeFileSync(join(path, 'filler'), '');
    await fill(join(path, 'filler'));
    const alert = await house.alertOf('no-room');
    expect(alert).toMatchObject({ trigger: 'fault', fault: 'disk' });
    expect(alert).not.toHaveProperty('camera');
  },
);

/** Takes all room there is, again and again until nothing gives any. */
async function fill(path: string): Promise<void> {
  const chunk = Buffer.alloc(65_536);
  for (let refused = 0; refused < 3; ) {
    try {
      writeFileSync(path, chunk, { flag: 'a' });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      refused += 1;
    }
  }
}
