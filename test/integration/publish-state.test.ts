// State topics against a real broker: what it holds is what is so, whatever happened to it or to the daemon meanwhile.
import { describe, expect, onTestFinished } from 'vitest';
import { PUBLISHED_LABELS_MAX } from '../../daemon/core/presence.ts';
import type { Rule, Zone } from '../../daemon/core/rule-types.ts';
import { Whereabouts } from '../../daemon/core/whereabouts.ts';
import { StateTopics } from '../../daemon/publish/state.ts';
import { labelPath, labelSnapshotPath } from '../../daemon/publish/topics.ts';
import { heldAt } from '../support/held.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { type TestPublisher, type TestPublisherOptions, testPublisher } from '../support/publisher.ts';
import { SimClock } from '../support/sim-clock.ts';
import { Subscriber } from '../support/subscriber.ts';
import { TopicNotes } from '../support/topic-notes.ts';
import { DOOR, observation, placesOf, ruleOf, stampOf, standing, trackView } from '../support/tracks.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });
const GATE: Zone = { ...DOOR, name: 'gate' };

interface Scene {
  readonly cameras?: readonly string[];
  readonly zones?: readonly Zone[];
}

interface World extends TestPublisher {
  readonly state: StateTopics;
  readonly clock: SimClock;
  arrange(scene: Scene): void;
  /** One person inside the zone, confirmed; `x` is where it stands. */
  see(frame: number, x: number): void;
}

function named(cameras: readonly string[]): { cameras: Record<string, object>; rules: Rule[] } {
  return {
    cameras: Object.fromEntries(cameras.map((name) => [name, {}])),
    rules: [ruleOf({ labels: ['person'] })],
  };
}

/** With the camera porch, online, and the zone door; its publisher is not started. */
function world(options: TestPublisherOptions, scene: Scene = {}): World {
  const clock = new SimClock(stampOf(0).atMs);
  const published = testPublisher(options);
  const state = new StateTopics({ retained: published.retained, clock });
  const whereabouts = new Whereabouts(new Map());
  const arrange = ({ cameras = ['porch'], zones = [DOOR] }: Scene): void => {
    whereabouts.rearrange(placesOf(zones));
    state.arrange({ ...named(cameras), places: placesOf(zones) });
  };
  arrange(scene);
  state.cameraStatus('porch', 'online');
  const see = (frame: number, x: number): void => {
    const seen = observation(frame, [trackView({ id: 1, box: standing(x, 0.8) })]);
    state.observe(seen, whereabouts.observe(seen));
  };
  return { ...published, state, clock, arrange, see };
}

async function connected(made: World): Promise<World> {
  await made.publisher.start();
  await waitFor('the connection', () => made.publisher.state().connected);
  return made;
}

/** What a subscriber that comes now finds at the broker below the cameras: topic and payload. */
async function camerasAt(broker: Mosquitto, { retained }: TestPublisher): Promise<Record<string, string>> {
  const held = await heldAt(broker, retained, 'vedette/+/camera/#');
  return Object.fromEntries([...held].map(([topic, payload]) => [topic, payload.toString('utf8')]));
}

function count(fields: { count: number; active: number; scoreMax: number; frame: number }): string {
  const { frame, ...counts } = fields;
  return JSON.stringify({ v: 1, ...counts, at: new Date(stampOf(frame).atMs).toISOString() });
}

const NOBODY = { count: 0, active: 0, scoreMax: 0, frame: 0 };
const EMPTY = {
  'vedette/pi/camera/porch/status': 'online',
  'vedette/pi/camera/porch/motion': 'OFF',
  'vedette/pi/camera/porch/label/person': count(NOBODY),
  'vedette/pi/camera/porch/zone/door/person': count(NOBODY),
};

describe('state topics', () => {
  testMosquitto('say that nobody is there before anybody was, then who is', async () => {
    const broker = await Mosquitto.start();
    const made = await connected(world({ url: broker.url }));
    expect(await camerasAt(broker, made)).toEqual(EMPTY);
    made.see(1, 0.7);
    made.see(2, 0.9);
    const there = count({ count: 1, active: 1, scoreMax: 0.9, frame: 2 });
    expect(await camerasAt(broker, made)).toEqual({
      'vedette/pi/camera/porch/status': 'online',
      'vedette/pi/camera/porch/motion': 'ON',
      'vedette/pi/camera/porch/label/person': there,
      'vedette/pi/camera/porch/zone/door/person': there,
    });
  });

  testMosquitto('come to rest without a frame that says so', async () => {
    const broker = await Mosquitto.start();
    const made = await connected(world({ url: broker.url }));
    await made.state.start();
    onTestFinished(() => made.state.stop());
    made.see(1, 0.7);
    made.see(2, 0.9);
    await made.clock.advance(10_000);
    expect(await camerasAt(broker, made)).toMatchObject({
      'vedette/pi/camera/porch/motion': 'OFF',
      'vedette/pi/camera/porch/label/person': expect.stringContaining('"count":1,"active":0'),
    });
  });

  testMosquitto('are whole again at a broker that has lost everything', async () => {
    const broker = await Mosquitto.start();
    const made = await connected(world({ url: broker.url }));
    made.see(1, 0.7);
    const before = await camerasAt(broker, made);
    await broker.kill();
    await broker.restart();
    await waitFor('the second connection', () => made.publisher.state().reconnects === 1);
    expect(await camerasAt(broker, made)).toEqual(before);
  });

  testMosquitto('catch up with what happened while the broker was away, once', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const made = await connected(world({ url: broker.url }));
    made.see(1, 0.7);
    await camerasAt(broker, made);
    await broker.kill();
    await waitFor('the loss', () => !made.publisher.state().connected);
    for (let frame = 2; frame < 50; frame += 1) made.see(frame, frame % 2 ? 0.7 : 0.2);
    made.arrange({ zones: [GATE] });
    await broker.restart();
    const subscriber = await Subscriber.connect({ url: broker.url });
    await waitFor('the second connection', () => made.publisher.state().reconnects === 1);
    const held = await camerasAt(broker, made);
    expect(Object.keys(held).filter((topic) => topic.includes('/zone/'))).toEqual([
      'vedette/pi/camera/porch/zone/gate/person',
    ]);
    expect(held['vedette/pi/camera/porch/label/person']).toContain('"count":1,"active":1');
    // What the broker had kept, and the newest.
    expect(subscriber.on('/label/person').length).toBeLessThanOrEqual(2);
  });

  testMosquitto('of a zone or a camera that is gone are cleared', async () => {
    const broker = await Mosquitto.start();
    const made = await connected(world({ url: broker.url }));
    made.arrange({ zones: [] });
    expect(Object.keys(await camerasAt(broker, made)).filter((topic) => topic.includes('/zone/'))).toEqual(
      [],
    );
    made.arrange({ cameras: [] });
    expect(await camerasAt(broker, made)).toEqual({ 'vedette/pi/camera/porch/status': 'online' });
  });

  testMosquitto(
    'of a camera and a zone removed while the daemon was down are cleared by the next one',
    async () => {
      const broker = await Mosquitto.start({ persistent: true });
      const memory = new TopicNotes();
      const first = await connected(world({ url: broker.url, memory }, { zones: [GATE] }));
      first.state.arrange({ ...named(['porch', 'lane']), places: new Map() });
      await camerasAt(broker, first);
      await first.publisher.stop();
      const second = await connected(world({ url: broker.url, memory }));
      expect(await camerasAt(broker, second)).toEqual(EMPTY);
    },
  );
});

testMosquitto('labels that no rule names have topics as soon as the model is known', async () => {
  const broker = await Mosquitto.start();
  const made = await connected(world({ url: broker.url }));
  const labels = async (): Promise<string[]> =>
    Object.keys(await camerasAt(broker, made)).filter((topic) => topic.includes('/label/'));
  made.state.arrange({ cameras: { porch: {} }, places: new Map(), rules: [] });
  expect(await labels()).toEqual([]);
  made.state.takeModel(['cat', 'dog']);
  expect(await labels()).toEqual(['vedette/pi/camera/porch/label/cat', 'vedette/pi/camera/porch/label/dog']);
});

testMosquitto(
  'until the model is known all labels of an earlier life stand, and nobody is there',
  async () => {
    const broker = await Mosquitto.start();
    const made = await connected(world({ url: broker.url }));
    const before = Array.from({ length: PUBLISHED_LABELS_MAX + 2 }, (_, index) => `before-${index}`);
    const labels = async (): Promise<string[]> =>
      Object.keys(await camerasAt(broker, made)).flatMap((topic) => /\/label\/(.+)$/.exec(topic)?.[1] ?? []);
    made.state.arrange({ cameras: { porch: {} }, places: new Map(), rules: [] });
    made.state.recall([
      ...before.map((label) => labelPath('porch', label)),
      labelSnapshotPath('porch', 'shown'),
    ]);
    expect((await labels()).sort()).toEqual(before.sort());
    const held = await camerasAt(broker, made);
    expect(held['vedette/pi/camera/porch/label/before-0']).toBe(count(NOBODY));
    made.state.takeModel(['cat', 'before-0']);
    expect((await labels()).sort()).toEqual(['before-0', 'cat']);
  },
);
