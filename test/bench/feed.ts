// What a message of the perception feed costs the main thread, and how large it is, as JSON and as CBOR.
import type { Observation, TrackView } from '../../daemon/core/types.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { detectionsCbor, detectionsJson } from '../../daemon/publish/detections.ts';
import type { BenchLine } from './figures.ts';

const OBJECTS = [0, 1, 5, 20];
const WARM_UP = 20_000;
const ROUNDS = 100_000;

export async function benchFeed(): Promise<BenchLine[]> {
  return OBJECTS.flatMap((objects) => {
    const seen = observationWith(objects);
    return [
      line(`${objects} objects as JSON`, () => detectionsJson(seen, 66.13)),
      line(`${objects} objects as CBOR`, () => detectionsCbor(seen, 66.13)),
    ];
  });
}

function line(what: string, encode: () => string | Buffer): BenchLine {
  for (let round = 0; round < WARM_UP; round += 1) encode();
  const startMs = systemClock.monoMs();
  for (let round = 0; round < ROUNDS; round += 1) encode();
  const microseconds = ((systemClock.monoMs() - startMs) * 1000) / ROUNDS;
  const bytes = encode().length;
  return { what: `feed: ${what}`, value: `${microseconds.toFixed(2)} µs, ${bytes} bytes`, target: '' };
}

function observationWith(objects: number): Observation {
  return {
    camera: 'porch',
    stamp: { frame: 4711, atMs: 1_780_348_443_087.25, monoMs: 0 },
    tracks: Array.from({ length: objects }, (_, index) => track(index + 1)),
    ended: [],
    stages: { prepareMs: 3.2134, waitMs: 0.4123, inferMs: 61.1234, trackMs: 1.1234 },
  };
}

function track(id: number): TrackView {
  return {
    id,
    label: 'person',
    score: 0.91234,
    scoreMedian: 0.9,
    box: { x: 0.41234 / id, y: 0.25123, width: 0.12213, height: 0.33333 },
    confirmed: true,
    threshold: 0.7,
    stationary: false,
    velocity: [0.0312345, -0.0123],
    startedAtMs: 0,
    startedMonoMs: 0,
  };
}
