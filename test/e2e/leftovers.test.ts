// What a daemon has left at the broker in an earlier life, or under an earlier name, and does not say any more is taken away: by
// a daemon that was killed, configured anew and started again, with a broker that kept everything.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { stringify } from 'yaml';
import { connectReadOnly } from '../../daemon/store/read.ts';
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

/** Home Assistant's are under another name, which they keep. */
const FILTERS = ['vedette/#', 'frigate/#'];

/** Topics that a broker holds for whoever comes now. All of them: they come before the first message that is new. */
async function heldAt(broker: Mosquitto): Promise<string[]> {
  const subscriber = await Subscriber.connect({ url: broker.url, filters: FILTERS, qos: 0 });
  await subscriber.waitFor('news', ({ topic, retain }) => topic.endsWith('/health') && !retain);
  await subscriber.close();
  return subscriber.messages
    .filter(({ retain, payload }) => retain && payload !== '')
    .map(({ topic }) => topic);
}

/** Topics that a daemon knows it may have left at a broker. */
function remembered(data: string): Set<string> {
  const database = connectReadOnly(join(data, 'vedette.db'));
  try {
    return new Set(database.prepare<[], string>('SELECT topic FROM retained_topics').pluck().all());
  } finally {
    database.close();
  }
}

describe('a daemon that starts again with another configuration', () => {
  testBroker('takes away its old name, a camera, its pictures and the words of Frigate', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const subscriber = await Subscriber.connect({ url: broker.url, filters: FILTERS });
    const data = tempDir();
    const mqtt = { url: broker.url, drainDelayS: 0, retryMaxS: 1, healthS: 1 };
    const { cameras, rules } = busyScene();
    const before = { device: { name: 'old' }, mqtt, cameras: { ...cameras, lane: LANE }, rules };
    const config = writeConfig({ ...before, frigate: { enabled: true } });
    const first = startDaemon(['run', '--config', config, '--data', data]);
    const named = [
      'vedette/old/camera/yard/label/person/snapshot',
      'vedette/old/camera/lane/motion',
      'vedette/old/status',
      'frigate/available',
    ];
    for (const name of named) {
      await subscriber.waitFor(name, ({ topic, payload }) => topic === name && payload !== '');
    }
    const event = await subscriber.waitFor('an event', ({ topic }) => topic === 'frigate/events');
    expect(frigateEvent(event.payload)).toMatchObject({ type: 'new' });
    await waitFor('the store to remember them', () => {
      const topics = remembered(data);
      return named.every((topic) => topics.has(topic));
    });
    first.kill('SIGKILL');
    await first.exited;
    // What was said for the first time in the moment of the kill may not be remembered.
    const known = remembered(data);

    const after = { ...before, device: { name: 'new' }, cameras, snapshots: { publish: false } };
    writeFileSync(config, stringify(after));
    const second = startDaemon(['run', '--config', config, '--data', data]);
    await subscriber.waitFor(
      'its status',
      ({ topic, payload }) => topic === 'vedette/new/status' && payload === 'online',
    );
    const strange = (topic: string): boolean => {
      const ours = topic.startsWith('vedette/new/');
      return ours ? /lane|snapshot/.test(topic) : known.has(topic);
    };
    await waitFor('nothing old', async () => !(await heldAt(broker)).some(strange), 60_000);
    const label = 'vedette/new/camera/yard/label/person';
    await waitFor('what is so', async () => (await heldAt(broker)).includes(label), 60_000);

    // The same while the daemon lives and the broker is away.
    await broker.kill();
    writeFileSync(config, stringify({ ...after, device: { name: 'third' } }));
    second.kill('SIGHUP');
    await waitFor('the reload', () => /configuration reloaded/.test(second.stderr()), 60_000);
    await broker.restart();
    await subscriber.waitFor('the third status', ({ topic }) => topic === 'vedette/third/status');
    const isOld = (topic: string): boolean => topic.startsWith('vedette/new/');
    await waitFor('only the third name', async () => !(await heldAt(broker)).some(isOld), 60_000);
    second.kill('SIGTERM');
    expect(await second.exited).toBe(0);
  });
});
