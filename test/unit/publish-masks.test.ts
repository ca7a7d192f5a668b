// Pictures made with other privacy masks than their camera has now do not stay at a broker: the standing topics over restarts,
// reloads and lost connections, with a broker on paper that takes message by message. With a real one:
// integration/publish-masks.test.ts.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Connection } from '../../daemon/publish/connection.ts';
import type { Masks } from '../../daemon/publish/mask-notes.ts';
import { type StandingScene, StandingTopics } from '../../daemon/publish/standing-topics.ts';
import { memoryLogger } from '../support/logger.ts';
import { SimClock } from '../support/sim-clock.ts';
import { TopicNotes } from '../support/topic-notes.ts';
import { placesOf, ruleOf } from '../support/tracks.ts';

type Settled = (refusal: string | undefined, heard: boolean) => void;

const strip = (right: number): Masks[string] => ({
  points: [
    [0, 0],
    [right, 0],
    [right, 1],
  ],
});
const NONE: Masks = {};
const LEFT: Masks = { left: strip(0.3) };
const WIDE: Masks = { left: strip(0.6) };

/** Undefined: the configuration has no such camera. */
function sceneOf(masks: Masks | undefined): StandingScene {
  const porch = masks && { detect: { width: 1280, height: 720 }, masks };
  return {
    cameras: porch === undefined ? {} : { porch },
    rules: [ruleOf({ labels: ['person'] })],
    places: placesOf([]),
    pictures: true,
    frigate: { enabled: true, prefix: 'frigate' },
    homeassistant: { enabled: false, prefix: 'homeassistant' },
    device: 'pi',
    healthS: 30,
  };
}

/** One house: a broker that keeps what comes to it, and a daemon that is killed, configured anew and started again. */
class House {
  /** What the broker holds: a picture says the masks it was made with. */
  readonly held = new Map<string, string>();
  readonly memory = new TopicNotes();
  /** On its way. */
  #line: { topic: string; payload: string; settled?: Settled }[] = [];
  #masks: Masks | undefined;
  #topics: StandingTopics;
  #connected = false;
  #news = 0;

  constructor(masks?: Masks) {
    this.#masks = masks;
    this.#topics = this.#started();
  }

  /** Pictures at the broker made with other masks than those of now. */
  get untrue(): string[] {
    const now = JSON.stringify(this.#masks);
    return [...this.held].flatMap(([topic, made]) =>
      topic.endsWith('/snapshot') && made !== now ? [topic] : [],
    );
  }

  get pictures(): string[] {
    return [...this.held.keys()].filter((topic) => topic.endsWith('/snapshot')).sort();
  }

  /** Messages on their way. */
  get underWay(): number {
    return this.#line.length;
  }

  connect(): void {
    if (this.#connected) return;
    this.#connected = true;
    const publish = (topic: string, payload: string, _retain: boolean, settled: Settled): void => {
      this.#line.push({ topic, payload, settled });
    };
    const publishOnce = (topic: string, payload: string | Buffer): boolean => {
      this.#line.push({ topic, payload: payload.toString() });
      return true;
    };
    const connection = { publish, publishOnce, bufferedBytes: 0 } as unknown as Connection;
    for (const channel of this.#all) channel.opened({ connection, device: 'pi' });
  }

  /** The connection is lost, with all that is on its way. */
  cut(): void {
    this.#line = [];
    if (!this.#connected) return;
    this.#connected = false;
    for (const channel of this.#all) channel.closed();
  }

  /** So many messages come to the broker; their acknowledgements may be lost. */
  deliver(count = Number.POSITIVE_INFINITY, acknowledged = true): void {
    for (let left = count; left > 0 && this.#line.length > 0; left -= 1) {
      const { topic, payload, settled } = this.#line.shift()!;
      if (payload === '') this.held.delete(topic);
      else this.held.set(topic, payload);
      if (acknowledged) settled?.(undefined, true);
    }
  }

  picture(): void {
    if (this.#masks === undefined) return;
    this.#topics.picture('porch', { label: 'person', jpeg: Buffer.from(JSON.stringify(this.#masks)) });
  }

  /** Something of QoS 1. */
  news(): void {
    this.#news += 1;
    this.#topics.retained.set('news', String(this.#news));
  }

  /** Killed, then started with these masks, without a connection yet. */
  restart(masks: Masks | undefined): void {
    this.cut();
    this.#masks = masks;
    this.#topics = this.#started();
  }

  reload(masks: Masks | undefined): void {
    const both = masks !== undefined && this.#masks !== undefined;
    const isOther = both && JSON.stringify(masks) !== JSON.stringify(this.#masks);
    this.#masks = masks;
    this.#topics.arrange(sceneOf(masks), isOther ? ['porch'] : []);
  }

  get #all() {
    return [this.#topics.retained, this.#topics.pictures, ...this.#topics.channels];
  }

  #started(): StandingTopics {
    const clock = new SimClock();
    const { logger } = memoryLogger();
    const scene = sceneOf(this.#masks);
    const topics = new StandingTopics({ scene, memory: this.memory, version: '0.1.0', clock, logger });
    topics.retained.set('status', 'online');
    return topics;
  }
}

/** With a picture made with these masks at the broker. */
function houseWithPicture(masks: Masks): House {
  const house = new House(masks);
  house.connect();
  house.picture();
  house.deliver();
  expect(house.pictures).toContain('vedette/pi/camera/porch/snapshot');
  return house;
}

function connectAndDeliver(house: House): void {
  house.connect();
  house.deliver();
}

const OWN_PICTURES = ['vedette/pi/camera/porch/label/person/snapshot', 'vedette/pi/camera/porch/snapshot'];

test.each([
  [NONE, LEFT],
  [LEFT, WIDE],
  [LEFT, NONE],
])('a restart with other masks takes the pictures of before away: %j, then %j', (before, after) => {
  const house = houseWithPicture(before);
  house.restart(after);
  connectAndDeliver(house);
  expect(house.pictures).toEqual([]);
});

test('a restart with the same masks keeps them, whatever the masks are called', () => {
  const house = houseWithPicture({ ...LEFT, top: strip(0.1) });
  house.restart({ first: strip(0.1), second: strip(0.3) });
  connectAndDeliver(house);
  expect(house.pictures).toEqual(OWN_PICTURES);
});

test.each([
  [LEFT, []],
  [NONE, OWN_PICTURES],
])(
  'of a version without notes only the pictures of a camera with masks are taken away: %j',
  (masks, kept) => {
    const house = houseWithPicture(NONE);
    house.memory.topics = house.memory.topics!.filter((topic) => !topic.includes('/masks/'));
    house.restart(masks);
    // What was sent is lost, and the daemon is killed.
    house.connect();
    house.restart(masks);
    connectAndDeliver(house);
    expect(house.pictures).toEqual(kept);
    house.restart(masks);
    connectAndDeliver(house);
    expect(house.pictures).toEqual(kept);
  },
);

test('they are taken away however many lives have passed without the broker', () => {
  const house = houseWithPicture(NONE);
  house.restart(LEFT);
  house.picture();
  house.restart(LEFT);
  house.reload(WIDE);
  house.restart(LEFT);
  connectAndDeliver(house);
  expect(house.pictures).toEqual([]);
});

test('the clearing is repeated until it has come to the broker, and not after that', () => {
  const house = houseWithPicture(NONE);
  house.restart(LEFT);
  house.connect();
  house.picture();
  house.cut();
  expect(house.untrue).not.toEqual([]);
  house.restart(LEFT);
  connectAndDeliver(house);
  expect(house.pictures).toEqual([]);
  house.picture();
  house.deliver();
  house.restart(LEFT);
  connectAndDeliver(house);
  expect(house.pictures).toEqual(OWN_PICTURES);
});

test('a reload clears, also where the daemon is killed before the broker has it', () => {
  const house = houseWithPicture(NONE);
  house.reload(LEFT);
  house.restart(LEFT);
  connectAndDeliver(house);
  expect(house.pictures).toEqual([]);
});

test('of two clearings under way, the first of which has come to the broker, the second is repeated', () => {
  const house = houseWithPicture(NONE);
  house.restart(LEFT);
  house.connect();
  house.picture();
  const { underWay } = house;
  house.reload(WIDE);
  house.deliver(underWay);
  expect(house.untrue).not.toEqual([]);
  house.restart(WIDE);
  connectAndDeliver(house);
  expect(house.pictures).toEqual([]);
});

test('a reload of something else, while a clearing is under way, takes no newer picture away', () => {
  const house = houseWithPicture(NONE);
  house.restart(LEFT);
  house.connect();
  house.picture();
  house.reload(LEFT);
  house.deliver();
  expect(house.untrue).toEqual([]);
  expect(house.pictures).toEqual(expect.arrayContaining(OWN_PICTURES));
});

test('a Frigate picture is taken away although pictures wait because the connection was lost after three', () => {
  const house = houseWithPicture(NONE);
  house.cut();
  connectAndDeliver(house);
  house.reload(LEFT);
  house.cut();
  house.connect();
  house.picture();
  house.cut();
  connectAndDeliver(house);
  expect(house.pictures).toEqual([]);
});

test('a picture from before a database that opens late is taken away at the next connect', () => {
  const house = houseWithPicture(NONE);
  const { topics } = house.memory;
  house.memory.topics = undefined;
  house.restart(LEFT);
  connectAndDeliver(house);
  house.memory.topics = topics;
  house.cut();
  connectAndDeliver(house);
  expect(house.pictures).toEqual([]);
});

test('notes are never published, and those of masks that are gone do not pile up', () => {
  const house = houseWithPicture(NONE);
  const sent = new Set<string>();
  for (const masks of [LEFT, WIDE, NONE, undefined, LEFT, WIDE]) {
    house.restart(masks);
    connectAndDeliver(house);
    for (const topic of house.held.keys()) sent.add(topic);
  }
  expect([...sent].filter((topic) => topic.includes('masks'))).toEqual([]);
  expect(house.memory.topics!.filter((topic) => topic.includes('/masks/'))).toHaveLength(1);
});

type Step =
  | { readonly does: 'settle' | 'connect' | 'cut' | 'picture' | 'news' }
  | { readonly does: 'restart' | 'reload'; readonly masks: Masks | undefined }
  | { readonly does: 'deliver'; readonly count: number; readonly acknowledged: boolean };

const masksOf = fc.constantFrom<Masks | undefined>(NONE, LEFT, WIDE, undefined);
/** Often enough all goes well: what was taken for certain too early shows only after that. */
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 7,
    arbitrary: fc.record({
      does: fc.constantFrom('settle', 'settle', 'picture', 'picture', 'connect', 'cut', 'news'),
    }),
  },
  { weight: 4, arbitrary: fc.record({ does: fc.constantFrom('restart', 'reload'), masks: masksOf }) },
  {
    weight: 2,
    arbitrary: fc.record({
      does: fc.constant('deliver'),
      count: fc.integer({ min: 1, max: 20 }),
      acknowledged: fc.boolean(),
    }),
  },
);
function take(house: House, next: Step): void {
  if (next.does === 'deliver') house.deliver(next.count, next.acknowledged);
  else if (next.does === 'restart' || next.does === 'reload') house[next.does](next.masks);
  else if (next.does === 'settle') allIsTrue(house);
  else house[next.does]();
}

function allIsTrue(house: House): void {
  connectAndDeliver(house);
  expect(house.untrue).toEqual([]);
}

test('whatever happens, whenever all has come to the broker no picture shows what the masks of now hide', () => {
  fc.assert(
    fc.property(masksOf, fc.array(step, { maxLength: 40, size: 'max' }), (masks, steps) => {
      const house = new House(masks);
      for (const next of steps) take(house, next);
      allIsTrue(house);
    }),
    { numRuns: 500 },
  );
});
