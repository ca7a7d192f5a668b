// The perception feed as CBOR: read by a decoder that is not ours it says the same as the JSON, whatever was seen.
import { decode } from 'cbor2';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Observation, TrackView } from '../../daemon/core/types.ts';
import { CborWriter } from '../../daemon/publish/cbor.ts';
import { detectionsCbor, detectionsJson } from '../../daemon/publish/detections.ts';
import { documentedChannels } from '../support/asyncapi.ts';

const fraction = fc.double({ min: 0, max: 1, noNaN: true });
const duration = fc.double({ min: 0, max: 100_000, noNaN: true });
const speed = fc.double({ min: -10, max: 10, noNaN: true });

/** Of a box with its right and lower edge inside the frame. */
const box = fc.tuple(fraction, fraction, fraction, fraction).map(([left, top, across, down]) => {
  return { x: left, y: top, width: across * (1 - left), height: down * (1 - top) };
});

const track: fc.Arbitrary<TrackView> = fc.record({
  id: fc.integer({ min: 1, max: 1_000_000 }),
  label: fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme' }),
  score: fraction,
  scoreMedian: fraction,
  box,
  confirmed: fc.boolean(),
  threshold: fraction,
  stationary: fc.boolean(),
  velocity: fc.tuple(speed, speed),
  startedAtMs: duration,
  startedMonoMs: duration,
});

const observation: fc.Arbitrary<Observation> = fc.record({
  camera: fc.stringMatching(/^[a-z0-9_-]{1,64}$/),
  stamp: fc.record({
    frame: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    atMs: fc.double({ min: 1.7e12, max: 4e12, noNaN: true }),
    monoMs: fc.constant(0),
  }),
  tracks: fc.array(track, { maxLength: 64 }),
  ended: fc.constant([]),
  stages: fc.record({ prepareMs: duration, waitMs: duration, inferMs: duration, trackMs: duration }),
});

/** Numbers of both, side by side, where everything else is equal. */
function numbersOf(a: unknown, b: unknown, path = ''): [string, number, number][] {
  if (typeof a === 'number' && typeof b === 'number') return [[path, a, b]];
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) {
    expect(Object.keys(b), path).toEqual(Object.keys(a));
    return Object.entries(a).flatMap(([key, value]) =>
      numbersOf(value, (b as Record<string, unknown>)[key], `${path}/${key}`),
    );
  }
  expect(b, path).toBe(a);
  return [];
}

describe('the perception feed as CBOR', () => {
  test('says what the JSON says, in the same order, numbers as exact or more', () => {
    fc.assert(
      fc.property(observation, duration, (seen, nowMonoMs) => {
        const json: unknown = JSON.parse(detectionsJson(seen, nowMonoMs));
        const cbor: unknown = decode(detectionsCbor(seen, nowMonoMs));
        for (const [path, said, sent] of numbersOf(json, cbor)) {
          // Half of the last decimal of the JSON, and 24 bits of a float.
          const tolerance = /Ms$/.test(path) ? 0.0051 : /score$/.test(path) ? 0.000051 : 0.0000051;
          expect(Math.abs(sent - said), path).toBeLessThanOrEqual(tolerance + Math.abs(said) * 2 ** -24);
        }
      }),
    );
  });

  test('is by the contract, as is the JSON', () => {
    const messages = documentedChannels()
      .filter(({ name }) => /^detections/.test(name))
      .map((channel) => channel.messages[0]!);
    expect(messages.map(({ contentType }) => contentType)).toEqual(['application/json', 'application/cbor']);
    fc.assert(
      fc.property(observation, duration, (seen, nowMonoMs) => {
        expect(messages[0]!.problemOf(JSON.parse(detectionsJson(seen, nowMonoMs)))).toBeUndefined();
        expect(messages[1]!.problemOf(decode(detectionsCbor(seen, nowMonoMs)))).toBeUndefined();
      }),
    );
  });

  test('a message does not change when the next one is made', () => {
    const [first, second] = fc.sample(observation, { numRuns: 2, seed: 1 }) as [Observation, Observation];
    const before = detectionsCbor(first, 1);
    const copy = Buffer.from(before);
    detectionsCbor(second, 2);
    expect(before.equals(copy)).toBe(true);
  });
});

describe('the writer of CBOR', () => {
  test.each([0, 23, 24, 255, 256, 65_535, 65_536, 4_294_967_295, 4_294_967_296, Number.MAX_SAFE_INTEGER])(
    'writes %d in the shortest form',
    (value) => {
      const writer = new CborWriter(1);
      writer.unsigned(value);
      const bytes = writer.take();
      expect(decode(bytes, { requirePreferred: true })).toBe(value);
    },
  );

  test('writes texts of every length and alphabet', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 400 }), { maxLength: 300 }), (texts) => {
        const writer = new CborWriter(1);
        writer.array(texts.length);
        for (const text of texts) writer.text(text);
        expect(decode(writer.take())).toEqual(texts);
      }),
    );
  });
});
