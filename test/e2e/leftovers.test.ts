// What a daemon has left at the broker in an earlier life, or under an earlier name, and does not say any more is taken away: by
// a daemon that was killed, configured anew and started again, with a broker that kept everything.
import { writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { stringify } from 'yaml';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { startDaemon } from '../support/daemon.ts';
import { frigateEvent } from '../support/frigate-schema.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testBroker = testNeeding({ programs: ['mosquitto'] });
const LANE = { source: { type: 'scene', seed: 2 }, detect: { width: 640, height: 384 } };

/** Topics that a broker holds for whoever comes now. All of them: they come before the first message that is new. */
async function heldAt(broker: Mosquitto): Promise<string[]> {
  const subscriber = await Subscriber.connect({ url: broker.url, filters: ['#'], qos: 0 });
  await subscriber.waitFor('news', ({ topic, retain }) => topic.endsWith('/health') && !retain);
  await subscriber.close();
  return subscriber.messages
    .filter(({ retain, payload }) => retain && payload !== '')
    .map(({ topic }) => topic);
}

describe('a daemon that starts again with another configuration', () => {
  testBroker('takes away its old name, a camera, its pictures and the words of Frigate', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const subscriber = await Subscriber.connect({ url: broker.url, filters: ['#'] });
    const data = tempDir();
    const mqtt = { url: broker.url, drainDelayS: 0, retryMaxS: 1, healthS: 1 };
    const { cameras, rules } = busyScene();
    const before = { device: { name: 'old' }, mqtt, cameras: { ...cameras, lane: LANE }, rules };
    const config = writeConfig({ ...before, frigate: { enabled: true } });
    const first = startDaemon(['run', '--config', config, '--data', data]);
    for (const end of [
      'old/camera/yard/label/person/snapshot',
      'old/camera/lane/motion',
      'frigate/available',
    ]) {
      await subscriber.waitFor(end, ({ topic, payload }) => topic.endsWith(end) && payload !== '');
    }
    const event = await subscriber.waitFor('an event', ({ topic }) => topic === 'frigate/events');
    expect(frigateEvent(event.payload)).toMatchObject({ type: 'new' });
    first.kill('SIGKILL');
    await first.exited;

    const after = { ...before, device: { name: 'new' }, cameras, snapshots: { publish: false } };
    writeFileSync(config, stringify(after));
    const second = startDaemon(['run', '--config', config, '--data', data]);
    await subscriber.waitFor(
      'its status',
      ({ topic, payload }) => topic === 'vedette/new/status' && payload === 'online',
    );
    const strange = (topic: string): boolean =>
      !topic.startsWith('vedette/new/') || /lane|snapshot/.test(topic);
    await waitFor('nothing old', async () => !(await heldAt(broker)).some(strange), 60_000);
    const held = await heldAt(broker);
    expect(held).toContain('vedette/new/camera/yard/label/person');

    // The same while the daemon lives and the broker is away.
    await broker.kill();
    writeFileSync(config, stringify({ ...after, device: { name: 'third' } }));
    second.kill('SIGHUP');
    await waitFor('the reload', () => /configuration reloaded/.test(second.stderr()), 60_000);
    await broker.restart();
    await subscriber.waitFor('the third status', ({ topic }) => topic === 'vedette/third/status');
    const alien = (topic: string): boolean => !topic.startsWith('vedette/third/');
    await waitFor('only the third name', async () => !(await heldAt(broker)).some(alien), 60_000);
    second.kill('SIGTERM');
    expect(await second.exited).toBe(0);
  });
});
