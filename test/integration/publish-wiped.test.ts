// Several boards at one real broker: none takes away what is another's, though its data folder be a copy, and what was taken
// away is put back.
import { describe, expect } from 'vitest';
import { READ_BACK_MS } from '../../daemon/publish/home-assistant-channel.ts';
import { isNote } from '../../daemon/publish/memory-notes.ts';
import { type StandingScene, StandingTopics } from '../../daemon/publish/standing-topics.ts';
import { AGAIN_MS_MIN } from '../../daemon/publish/wipe-watch.ts';
import { heldAt } from '../support/held.ts';
import { type LogRecord, memoryLogger } from '../support/logger.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { jpegLike } from '../support/pictures.ts';
import { type TestPublisher, testPublisher } from '../support/publisher.ts';
import { SimClock } from '../support/sim-clock.ts';
import { Subscriber } from '../support/subscriber.ts';
import { TopicNotes } from '../support/topic-notes.ts';
import { placesOf, ruleOf } from '../support/tracks.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });
const KEEPALIVE_S = 30;
const RETRY_MAX_S = 1;

interface BoardOptions {
  readonly url: string;
  readonly device?: string;
  /** Every digit of what the machine is known by. */
  readonly machine?: string;
  readonly memory?: TopicNotes;
}

interface Board extends TestPublisher {
  readonly topics: StandingTopics;
  readonly clock: SimClock;
  readonly words: LogRecord[];
}

function sceneOf(device: string): StandingScene {
  return {
    cameras: { porch: { detect: { width: 1280, height: 720 }, masks: {} } },
    rules: [ruleOf({ labels: ['person'] })],
    places: placesOf([]),
    pictures: true,
    frigate: { enabled: false, prefix: 'frigate' },
    homeassistant: { enabled: true, prefix: 'homeassistant' },
    device,
    healthS: 30,
  };
}

/** Connected, with a camera, and Home Assistant has been told. */
async function board({
  url,
  device = 'pi',
  machine = 'a',
  memory = new TopicNotes(),
}: BoardOptions): Promise<Board> {
  const clock = new SimClock();
  const { logger, records: words } = memoryLogger();
  const topics = new StandingTopics({
    scene: sceneOf(device),
    memory,
    version: '0.1.0',
    machine: () => machine.repeat(16),
    clock,
    logger,
  });
  topics.cameraStatus('porch', 'online');
  const { retained, pictures, channels } = topics;
  const listener = await Subscriber.connect({ url, filters: ['homeassistant/#'] });
  const config = { keepaliveS: KEEPALIVE_S, retryMaxS: RETRY_MAX_S };
  const published = testPublisher({ url, device, clock, config, before: { retained, pictures }, channels });
  await published.publisher.start();
  await waitFor('the connection', () => published.publisher.state().connected);
  await clock.advance(READ_BACK_MS);
  await listener.waitFor('a discovery message of this life', ({ retain }) => !retain);
  await listener.close();
  return { ...published, topics, clock, words };
}

async function heldTopics(broker: Mosquitto, { retained }: TestPublisher): Promise<string[]> {
  return [...(await heldAt(broker, retained, '#')).keys()].sort();
}

const discoveryOf = (machine: string): string => `homeassistant/device/vedette_${machine.repeat(16)}/config`;

describe('a data folder', () => {
  testMosquitto('copied to another board clears nothing of the board it was copied from', async () => {
    const broker = await Mosquitto.start();
    const memory = new TopicNotes();
    const original = await board({ url: broker.url, memory });
    original.topics.picture('porch', { label: 'person', jpeg: jpegLike(1, 100) });
    const before = await heldTopics(broker, original);
    expect(before).toContain(discoveryOf('a'));
    const copied = new TopicNotes([...(memory.topics ?? [])]);
    const copy = await board({ url: broker.url, device: 'gate', machine: 'b', memory: copied });
    const held = await heldTopics(broker, copy);
    expect(held).toEqual(expect.arrayContaining(before));
    expect(held).toContain(discoveryOf('b'));
    expect(copied.topics?.filter((topic) => topic.startsWith('vedette/pi/') && !isNote(topic))).toEqual([]);
    // From now on it is its own.
    await copy.publisher.stop();
    const renamed = await board({ url: broker.url, device: 'yard', machine: 'b', memory: copied });
    const after = await heldTopics(broker, renamed);
    expect(after.filter((topic) => topic.startsWith('vedette/gate/'))).toEqual([]);
    expect(after).toEqual(expect.arrayContaining(before));
  });

  testMosquitto(
    'put into a new board of the same name still clears what is gone below that name',
    async () => {
      const broker = await Mosquitto.start();
      const memory = new TopicNotes();
      const first = await board({ url: broker.url, memory });
      first.topics.retained.set('camera/gone/status', 'online');
      await heldTopics(broker, first);
      await first.publisher.stop();
      const second = await board({ url: broker.url, machine: 'b', memory });
      expect(await heldTopics(broker, second)).not.toContain('vedette/pi/camera/gone/status');
    },
  );

  testMosquitto('of a version that noted no machine is taken for ours', async () => {
    const broker = await Mosquitto.start();
    const memory = new TopicNotes();
    const first = await board({ url: broker.url, device: 'old', memory });
    await heldTopics(broker, first);
    await first.publisher.stop();
    memory.topics = (memory.topics ?? []).filter((topic) => !isNote(topic));
    const second = await board({ url: broker.url, memory });
    const held = await heldTopics(broker, second);
    expect(held.filter((topic) => topic.startsWith('vedette/old/'))).toEqual([]);
  });
});

describe('what another takes away while we are connected', () => {
  testMosquitto('a board that had our name and gets its own: everything is there again', async () => {
    const broker = await Mosquitto.start();
    const theirs = new TopicNotes();
    const namesake = await board({ url: broker.url, machine: 'b', memory: theirs });
    namesake.topics.picture('porch', { label: 'person', jpeg: jpegLike(2, 100) });
    await heldTopics(broker, namesake);
    await namesake.publisher.stop();
    const ours = await board({ url: broker.url });
    ours.topics.picture('porch', { label: 'person', jpeg: jpegLike(1, 100) });
    const ofOurs = (topics: readonly string[]): string[] =>
      topics.filter((topic) => topic.startsWith('vedette/pi/') || topic === discoveryOf('a'));
    const before = ofOurs(await heldTopics(broker, ours));
    const renamed = await board({ url: broker.url, device: 'gate', machine: 'b', memory: theirs });
    await waitFor('the loss to be noticed', () =>
      ours.words.some(({ topic }) => topic === 'vedette/pi/status'),
    );
    expect(await heldTopics(broker, renamed)).not.toContain('vedette/pi/camera/porch/status');
    await ours.clock.advance(AGAIN_MS_MIN);
    expect(ofOurs(await heldTopics(broker, ours))).toEqual(before);
  });

  testMosquitto('the discovery message alone: it is there again', async () => {
    const broker = await Mosquitto.start();
    const ours = await board({ url: broker.url });
    const other = testPublisher({ url: broker.url, device: 'other' });
    other.retained.setTopic(discoveryOf('a'), '');
    await other.publisher.start();
    await waitFor('the loss to be noticed', () => ours.words.some(({ topic }) => topic === discoveryOf('a')));
    await ours.clock.advance(2 * AGAIN_MS_MIN + READ_BACK_MS);
    expect(await heldTopics(broker, ours)).toContain(discoveryOf('a'));
  });

  testMosquitto('two boards of one name push each other out, and take that for no loss', async () => {
    const broker = await Mosquitto.start();
    const first = await board({ url: broker.url });
    const second = await board({ url: broker.url, machine: 'b' });
    await waitFor('the first to be pushed out', () => !first.publisher.state().connected);
    await first.clock.advance(RETRY_MAX_S * 1000);
    await waitFor('the second to be pushed out', () => !second.publisher.state().connected);
    await waitFor('the connection', () => first.publisher.state().connected);
    await heldTopics(broker, first);
    expect([...first.words, ...second.words].filter(({ code }) => code === 'MQTT_CONNECT')).toEqual([]);
  });
});

testMosquitto('of a camera that is taken away each topic is cleared once', async () => {
  const broker = await Mosquitto.start();
  const ours = await board({ url: broker.url });
  ours.topics.picture('porch', { label: 'person', jpeg: jpegLike(1, 100) });
  await heldTopics(broker, ours);
  const witness = await Subscriber.connect({ url: broker.url });
  ours.topics.arrange({ ...sceneOf('pi'), cameras: {} }, []);
  ours.topics.retained.set('camera/marker/status', 'online');
  await witness.waitFor('all of it', ({ topic, retain }) => topic.includes('marker') && !retain);
  const cleared = witness.messages.filter(({ payload }) => payload === '').map(({ topic }) => topic);
  expect(cleared.sort()).toEqual([
    'vedette/pi/camera/porch/label/person',
    'vedette/pi/camera/porch/label/person/snapshot',
    'vedette/pi/camera/porch/motion',
    'vedette/pi/camera/porch/snapshot',
    'vedette/pi/camera/porch/status',
  ]);
});

testMosquitto(
  'the last will that comes after a new name is cleared as well, and only then forgotten',
  async () => {
    const broker = await Mosquitto.start();
    const memory = new TopicNotes();
    const first = await board({ url: broker.url, device: 'old', memory });
    await heldTopics(broker, first);
    await first.publisher.stop();
    const renamed = await board({ url: broker.url, memory });
    await heldTopics(broker, renamed);
    // As a broker does with a dead connection of the old name.
    const will = testPublisher({ url: broker.url, device: 'will' });
    will.retained.setTopic('vedette/old/status', 'offline');
    await will.publisher.start();
    await waitFor('the will', async () => (await heldTopics(broker, will)).includes('vedette/old/status'));
    expect(memory.topics).toContain('vedette/old/status');
    await renamed.clock.advance(2 * KEEPALIVE_S * 1000);
    expect(await heldTopics(broker, renamed)).not.toContain('vedette/old/status');
    await waitFor('the memory to follow', () => !memory.topics?.includes('vedette/old/status'));
  },
);
