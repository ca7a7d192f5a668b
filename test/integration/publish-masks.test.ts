// Privacy masks that change while the daemon does not run, with a real broker: the pictures from before are taken away there, all
// others stay. Step by step: unit/publish-masks.test.ts.
import { describe, expect } from 'vitest';
import type { Masks } from '../../daemon/publish/mask-notes.ts';
import { StandingTopics } from '../../daemon/publish/standing-topics.ts';
import { heldAt } from '../support/held.ts';
import { memoryLogger } from '../support/logger.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { jpegLike } from '../support/pictures.ts';
import { type TestPublisher, testPublisher } from '../support/publisher.ts';
import { SimClock } from '../support/sim-clock.ts';
import { TopicNotes } from '../support/topic-notes.ts';
import { placesOf } from '../support/tracks.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });
const FENCE: Masks = {
  fence: {
    points: [
      [0, 0],
      [0.5, 0],
      [0.5, 1],
    ],
  },
};

/** A daemon of two cameras, not started; the porch has these masks. */
function life({ url }: Mosquitto, memory: TopicNotes, masks: Masks): TestPublisher {
  const detect = { width: 1280, height: 720 };
  const topics = new StandingTopics({
    scene: {
      cameras: { porch: { detect, masks }, lane: { detect, masks: FENCE } },
      rules: [],
      places: placesOf([]),
      pictures: true,
      frigate: { enabled: false, prefix: 'frigate' },
      homeassistant: { enabled: false, prefix: 'homeassistant' },
      device: 'pi',
      healthS: 30,
    },
    memory,
    version: '0.1.0',
    clock: new SimClock(),
    logger: memoryLogger().logger,
  });
  const { retained, pictures, channels } = topics;
  return testPublisher({ url, before: { retained, pictures }, channels });
}

async function connected(made: TestPublisher): Promise<TestPublisher> {
  await made.publisher.start();
  await waitFor('the connection', () => made.publisher.state().connected);
  return made;
}

async function picturesAt(broker: Mosquitto, { retained }: TestPublisher): Promise<string[]> {
  const topics = [...(await heldAt(broker, retained)).keys()];
  return topics.filter((topic) => topic.endsWith('/snapshot')).sort();
}

function picturesOf(camera: string): string[] {
  const below = `vedette/pi/camera/${camera}`;
  return [`${below}/label/person/snapshot`, `${below}/snapshot`];
}

/** A life without a mask at the porch that leaves a picture of each camera at the broker. */
async function firstLife(broker: Mosquitto, memory: TopicNotes): Promise<void> {
  const first = await connected(life(broker, memory, {}));
  for (const camera of ['porch', 'lane']) first.picture(camera, { label: 'person', jpeg: jpegLike(1) });
  expect(await picturesAt(broker, first)).toEqual([...picturesOf('lane'), ...picturesOf('porch')]);
  await first.publisher.stop();
}

describe('a daemon that starts again with a mask it did not have', () => {
  testMosquitto('takes the pictures of that camera away, and no others', async () => {
    const broker = await Mosquitto.start();
    const memory = new TopicNotes();
    await firstLife(broker, memory);
    const second = await connected(life(broker, memory, FENCE));
    expect(await picturesAt(broker, second)).toEqual(picturesOf('lane'));
    second.picture('porch', { label: 'person', jpeg: jpegLike(2) });
    await second.publisher.stop();
    const third = await connected(life(broker, memory, FENCE));
    expect(await picturesAt(broker, third)).toEqual([...picturesOf('lane'), ...picturesOf('porch')]);
  });

  testMosquitto('does so when the broker is back, in whichever life that is', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const memory = new TopicNotes();
    await firstLife(broker, memory);
    await broker.stop();
    const second = life(broker, memory, FENCE);
    second.picture('porch', { label: 'cat', jpeg: jpegLike(2) });
    await second.publisher.start();
    await waitFor('an attempt', () => second.publisher.state().reason !== undefined);
    await second.publisher.stop();
    const third = life(broker, memory, FENCE);
    third.picture('porch', { label: 'person', jpeg: jpegLike(3) });
    await third.publisher.start();
    await broker.restart();
    await waitFor('the connection', () => third.publisher.state().connected);
    const held = await heldAt(broker, third.retained);
    for (const topic of picturesOf('porch')) expect([...held.get(topic)!]).toEqual([...jpegLike(3)]);
    await third.publisher.stop();
  });

  testMosquitto(
    'takes those of a version that kept no notes of masks away where there are masks',
    async () => {
      const broker = await Mosquitto.start();
      const memory = new TopicNotes();
      await firstLife(broker, memory);
      memory.topics = memory.topics!.filter((topic) => !topic.includes('/masks/'));
      const second = await connected(life(broker, memory, {}));
      expect(await picturesAt(broker, second)).toEqual(picturesOf('porch'));
    },
  );
});
