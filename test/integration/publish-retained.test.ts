// The retained tree against a real broker: what it remembers over restarts of the daemon, and what it takes away.
import { describe, expect } from 'vitest';
import { countPayload } from '../../daemon/publish/state.ts';
import { isSnapshotPathOf } from '../../daemon/publish/topics.ts';
import { heldAt } from '../support/held.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { jpegLike } from '../support/pictures.ts';
import { type TestPublisher, testPublisher } from '../support/publisher.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { TopicNotes } from '../support/topic-notes.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });

/** Topics that a broker holds, without those of the daemon itself. */
async function topicsAt(broker: Mosquitto, { retained }: TestPublisher): Promise<string[]> {
  const topics = [...(await heldAt(broker, retained, '#')).keys()];
  return topics.filter((topic) => !/\/(?:health|pi\/status|new\/status)$/.test(topic)).sort();
}

async function connected(world: TestPublisher): Promise<TestPublisher> {
  await world.publisher.start();
  await waitFor('the connection', () => world.publisher.state().connected);
  return world;
}

const many = (count: number): string => countPayload({ count, active: 0, scoreMax: 0.9, atMs: 0 });

testMosquitto('a broker that is too slow gets the newest, not all there was between', async () => {
  const broker = await Mosquitto.start();
  const made = await connected(testPublisher({ url: broker.url, config: { keepaliveS: 60 } }));
  const notByContract = 'values by which the test tells messages apart';
  const subscriber = await Subscriber.connect({ url: broker.url, notByContract });
  broker.freeze();
  for (let value = 1; value <= 500; value += 1) made.retained.set('camera/porch/label/person', many(value));
  made.retained.set('camera/porch/label/cat', many(1));
  made.retained.clear('camera/porch/label/cat');
  made.retained.set('camera/porch/label/cat', many(2));
  broker.thaw();
  const values = (label: string): string[] => subscriber.on(`label/${label}`).map(({ payload }) => payload);
  await waitFor('the newest', () => values('person').includes(many(500)) && values('cat').includes(many(2)));
  expect(values('person')).toEqual([many(1), many(500)]);
  expect(values('cat')).toEqual([many(1), '', many(2)]);
});

testMosquitto(
  'a topic that is cleared and set again while the broker takes one message at a time is set',
  async () => {
    const broker = await Mosquitto.start({ lines: ['max_inflight_messages 1'] });
    const made = await connected(testPublisher({ url: broker.url, config: { keepaliveS: 60 } }));
    await topicsAt(broker, made);
    broker.freeze();
    made.cameraStatus('porch', 'online');
    made.cameraStatus('porch', 'offline');
    made.retained.clear('camera/porch/status');
    made.cameraStatus('porch', 'disabled');
    broker.thaw();
    const held = await heldAt(broker, made.retained, 'vedette/pi/camera/#');
    expect([...held].map(([topic, payload]) => `${topic} ${payload}`)).toEqual([
      'vedette/pi/camera/porch/status disabled',
    ]);
  },
);

testMosquitto('a broker that comes back with what it had long ago is put right', async () => {
  const folder = tempDir();
  // Mosquitto's own way: what is on disk is as old as its last save.
  const lines = ['persistence true', `persistence_location ${folder}/`, 'autosave_interval 3600'];
  const broker = await Mosquitto.start({ lines });
  const made = await connected(testPublisher({ url: broker.url }));
  for (const camera of ['porch', 'gone']) made.cameraStatus(camera, 'online');
  await topicsAt(broker, made);
  // Saves.
  await broker.restart();
  await waitFor('the second connection', () => made.publisher.state().reconnects === 1);
  made.retained.clear('camera/gone/status');
  expect(await topicsAt(broker, made)).toEqual(['vedette/pi/camera/porch/status']);
  await broker.kill();
  await broker.restart();
  await waitFor('the third connection', () => made.publisher.state().reconnects === 2);
  expect(await topicsAt(broker, made)).toEqual(['vedette/pi/camera/porch/status']);
});

describe('a daemon that starts again', () => {
  testMosquitto('clears what it had set in its last life and does not say any more', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const memory = new TopicNotes();
    const first = await connected(testPublisher({ url: broker.url, memory }));
    first.cameraStatus('gone', 'online');
    first.cameraStatus('porch', 'online');
    first.retained.setTopic('other/config', '{}');
    await first.publisher.stop();
    const second = testPublisher({ url: broker.url, memory });
    second.cameraStatus('porch', 'online');
    await connected(second);
    expect(await topicsAt(broker, second)).toEqual(['vedette/pi/camera/porch/status']);
    await waitFor('the memory to follow', () => !memory.topics?.some((topic) => /gone|other/.test(topic)));
    expect(memory.topics).toContain('vedette/pi/camera/porch/status');
  });

  testMosquitto('keeps the pictures of its cameras until there are newer ones', async () => {
    const broker = await Mosquitto.start();
    const memory = new TopicNotes();
    const keeps = (path: string): boolean => isSnapshotPathOf(['porch'], path);
    const first = await connected(testPublisher({ url: broker.url, memory, keeps }));
    first.picture('porch', { label: 'person', jpeg: jpegLike(1, 100) });
    first.picture('gone', { label: 'person', jpeg: jpegLike(1, 100) });
    await first.publisher.stop();
    const second = await connected(testPublisher({ url: broker.url, memory, keeps }));
    expect(await topicsAt(broker, second)).toEqual([
      'vedette/pi/camera/porch/label/person/snapshot',
      'vedette/pi/camera/porch/snapshot',
    ]);
    second.pictures.forget('porch');
    expect(await topicsAt(broker, second)).toEqual([]);
  });

  testMosquitto('pictures forgotten while the broker is away are cleared when it is back', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const memory = new TopicNotes();
    const keeps = (path: string): boolean => isSnapshotPathOf(['porch'], path);
    const first = await connected(testPublisher({ url: broker.url, memory, keeps }));
    first.picture('porch', { label: 'person', jpeg: jpegLike(1, 100) });
    await first.publisher.stop();
    await broker.stop();
    const second = testPublisher({ url: broker.url, memory, keeps });
    second.pictures.forget('porch');
    await second.publisher.start();
    await broker.restart();
    await waitFor('the connection', () => second.publisher.state().connected);
    expect(await topicsAt(broker, second)).toEqual([]);
  });

  testMosquitto(
    'under another name, with the broker away at that moment, leaves nothing behind',
    async () => {
      const broker = await Mosquitto.start({ persistent: true });
      const memory = new TopicNotes();
      const first = await connected(testPublisher({ url: broker.url, memory, device: 'old' }));
      first.cameraStatus('porch', 'online');
      await waitFor('all to be remembered', () => memory.topics?.length === 3);
      await broker.stop();
      await first.publisher.stop();
      const second = testPublisher({ url: broker.url, memory, device: 'new' });
      second.cameraStatus('porch', 'online');
      await second.publisher.start();
      await broker.restart();
      await waitFor('the connection', () => second.publisher.state().connected);
      const held = await topicsAt(broker, second);
      expect(held.filter((topic) => topic.includes('/old/'))).toEqual([]);
    },
  );

  testMosquitto('whose database opens late clears at the next connect', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const memory = new TopicNotes();
    const first = await connected(testPublisher({ url: broker.url, memory }));
    first.cameraStatus('gone', 'online');
    await first.publisher.stop();
    const { topics } = memory;
    memory.topics = undefined;
    const second = await connected(testPublisher({ url: broker.url, memory }));
    expect(await topicsAt(broker, second)).toEqual(['vedette/pi/camera/gone/status']);
    memory.topics = topics;
    await broker.restart();
    await waitFor('the second connection', () => second.publisher.state().reconnects === 1);
    expect(await topicsAt(broker, second)).toEqual([]);
  });
});
