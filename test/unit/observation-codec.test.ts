// Observations as bytes, and the buffer they wait in: what comes back is what went in, as far as it is kept.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Observation, TrackView } from '../../daemon/core/types.ts';
import { HistoryFeed } from '../../daemon/store/history-feed.ts';
import { bodyBytes, decodeBody, encodeBody, renumber } from '../../daemon/store/observation-codec.ts';
import { Pending } from '../../daemon/store/pending.ts';
import { Requests } from '../../daemon/store/requests.ts';
import { memoryLogger } from '../support/logger.ts';
import { SimClock } from '../support/sim-clock.ts';

const LABELS = ['person', 'car', 'dog'];
const STAGES = { prepareMs: 1, waitMs: 1, inferMs: 1, trackMs: 1 };

const fraction = fc.double({ min: 0, max: 1, noNaN: true });
const arbitraryTrack: fc.Arbitrary<TrackView> = fc.record({
  id: fc.nat(4_000_000_000),
  label: fc.constantFrom(...LABELS),
  score: fc.float({ min: 0, max: 1, noNaN: true }),
  scoreMedian: fc.float({ min: 0, max: 1, noNaN: true }),
  box: fc.record({ x: fraction, y: fraction, width: fraction, height: fraction }),
  confirmed: fc.boolean(),
  threshold: fc.nat(1000).map((thousandths) => thousandths / 1000),
  stationary: fc.boolean(),
  velocity: fc.tuple(
    fc.double({ min: -7, max: 7, noNaN: true }),
    fc.double({ min: -7, max: 7, noNaN: true }),
  ),
  startedAtMs: fc.constant(0),
  startedMonoMs: fc.nat(1_000_000),
});
const arbitraryObservation: fc.Arbitrary<Observation> = fc
  .record({
    camera: fc.constantFrom('porch', 'yard'),
    stamp: fc.record({
      frame: fc.nat(4_000_000_000),
      atMs: fc.nat(2_000_000_000_000),
      monoMs: fc.constant(1_000_000),
    }),
    tracks: fc.array(arbitraryTrack, { maxLength: 20 }),
    ended: fc.array(fc.nat(4_000_000_000), { maxLength: 5 }),
    stages: fc.constant(STAGES),
    frameless: fc.boolean(),
  })
  .map(({ frameless, ...rest }) => (frameless ? { ...rest, frameless } : rest));

function encoded(observation: Observation): DataView {
  const view = new DataView(new ArrayBuffer(bodyBytes(observation) + 5));
  encodeBody(view, 5, observation, (label) => LABELS.indexOf(label));
  return new DataView(view.buffer, 5);
}

test('an observation comes back: numbers and scores exactly, boxes to a fiftieth of a pixel', () => {
  fc.assert(
    fc.property(arbitraryObservation, (observation) => {
      const body = encoded(observation);
      // The store's numbers of labels are others.
      renumber(body, (label) => label + 7);
      const { camera, stamp, ended, frameless } = observation;
      const back = decodeBody(body, { camera, ...stamp }, (label) => LABELS[label - 7]);
      expect({ ...back, tracks: [] }).toEqual({ camera, stamp, ended, frameless, tracks: [] });
      expect(back.tracks).toHaveLength(observation.tracks.length);
      for (const [index, track] of observation.tracks.entries()) {
        const { id, label, score, scoreMedian, confirmed, startedMonoMs } = track;
        const kept = back.tracks[index]!;
        expect(kept).toMatchObject({ id, label, score, scoreMedian, confirmed, startedMonoMs });
        expect(kept).toMatchObject({ threshold: track.threshold, stationary: track.stationary });
        for (const side of ['x', 'y', 'width', 'height'] as const)
          expect(Math.abs(kept.box[side] - track.box[side])).toBeLessThanOrEqual(0.5 / 65_535 + 1e-12);
        for (const axis of [0, 1] as const)
          expect(Math.abs(kept.velocity[axis] - track.velocity[axis])).toBeLessThanOrEqual(
            0.5 / 4096 + 1e-12,
          );
      }
    }),
  );
});

test('what is no observation is refused, whatever its bytes are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const body = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      try {
        const { tracks, ended } = decodeBody(body, { camera: 'a', atMs: 0, monoMs: 0 }, () => 'person');
        expect(8 + tracks.length * 32 + ended.length * 4).toBe(bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }),
  );
});

test('values outside the frame and the fields are held at their ends', () => {
  const track = {
    id: 1,
    label: 'car',
    score: 0.5,
    scoreMedian: 0.5,
    confirmed: true,
    threshold: 0.7,
    stationary: false,
    startedAtMs: 0,
    startedMonoMs: 9,
  };
  const observation: Observation = {
    camera: 'porch',
    stamp: { frame: 1, atMs: 10, monoMs: 5 },
    tracks: [{ ...track, box: { x: -0.5, y: 2, width: 1.5, height: 0 }, velocity: [99, -99] }],
    ended: [],
    stages: STAGES,
  };
  const back = decodeBody(
    encoded(observation),
    { camera: 'porch', atMs: 10, monoMs: 5 },
    (label) => LABELS[label],
  );
  expect(back.tracks[0]).toMatchObject({ box: { x: 0, y: 1, width: 1, height: 0 }, startedMonoMs: 5 });
  expect(back.tracks[0]!.velocity[0]).toBeCloseTo(8, 2);
});

function frames(feed: HistoryFeed, count: number, tracks = 1): void {
  const track: TrackView = {
    ...{
      id: 1,
      label: 'person',
      score: 0.5,
      scoreMedian: 0.5,
      confirmed: true,
      threshold: 0.7,
      stationary: false,
      startedAtMs: 0,
      startedMonoMs: 0,
    },
    ...{ box: { x: 0, y: 0, width: 1, height: 1 }, velocity: [0, 0] },
  };
  for (let frame = 1; frame <= count; frame += 1) {
    const stamp = { frame, atMs: frame, monoMs: frame };
    feed.observed({ camera: 'porch', stamp, tracks: Array(tracks).fill(track), ended: [], stages: STAGES });
  }
}

function feedOf(): { feed: HistoryFeed; clock: SimClock; due: () => number } {
  let due = 0;
  const clock = new SimClock();
  const onDue = (): void => {
    due += 1;
  };
  const feed = new HistoryFeed({ clock, logger: memoryLogger().logger, onDue });
  return { feed, clock, due: () => due };
}

test('observations are handed over after two seconds or 256 frames, one batch at a time', async () => {
  const { feed, clock, due } = feedOf();
  frames(feed, 3);
  frames(feed, 5, 0);
  expect([feed.take(), due()]).toEqual([undefined, 0]);
  await clock.advance(2000);
  expect(due()).toBe(1);
  expect(feed.take()).toMatchObject({ type: 'history', names: ['porch', 'person'] });
  frames(feed, 256);
  expect(feed.take()).toBeUndefined();
  feed.heard({ type: 'history', written: 3, dropped: 0, kept: true, bytes: 100, problem: '' });
  expect(feed.take()?.rows.byteLength).toBe(256 * (24 + 8 + 32));
  expect(feed.state).toMatchObject({ written: 3, dropped: 0, bytes: 100, problem: undefined });
});

test('while the disk is slow a bounded number waits, the rest is dropped and counted', () => {
  const { feed } = feedOf();
  frames(feed, 256);
  expect(feed.take()).toBeDefined();
  frames(feed, 10_000);
  expect(feed.take()).toBeUndefined();
  const { dropped } = feed.state;
  const waiting = feed.takeAll()!.rows.byteLength;
  expect(waiting).toBeLessThanOrEqual(128 * 1024);
  expect(dropped).toBe(10_000 - waiting / (24 + 8 + 32));
});

test('observations go to the thread only when no write waits, and with the last request of all', () => {
  const { feed } = feedOf();
  const [requests, pending] = [new Requests(feed), new Pending(10, () => {})];
  const taken = (): string[] =>
    [...requests.take(false, pending, () => ({ bytesMax: 1, inHand: [] }))].map(({ type }) => type);
  frames(feed, 256);
  pending.delivered([1]);
  expect(taken()).toEqual(['write']);
  expect(taken()).toEqual([]);
  requests.written();
  expect(taken()).toEqual(['history']);
  frames(feed, 1);
  expect([...requests.last()].map(({ type }) => type)).toEqual(['history', 'close']);
});
