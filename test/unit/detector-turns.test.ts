// Turns at the detector, whatever the cameras do: shares follow the weights, nobody waits for ever, being away earns
// nothing. Every bound is in runs, not in time.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Turn, Turns } from '../../daemon/detector/turns.ts';

interface Camera {
  readonly weight: number;
  readonly turn: Turn<Camera>;
  runs: number;
}

/** The protocol allows more than the 1, 2 and 4 of the configuration. */
const anyWeights = fc.array(fc.integer({ min: 1, max: 16 }), { minLength: 1, maxLength: 32 });

function camerasOf(turns: Turns<Camera>, list: readonly number[]): Camera[] {
  return list.map((weight) => {
    const camera = { weight, runs: 0 } as { -readonly [Key in keyof Camera]: Camera[Key] };
    camera.turn = turns.join(camera);
    return camera;
  });
}

/** Up to two requests wait or run per camera, as the camera worker keeps it. */
function ask(turns: Turns<Camera>, camera: Camera, waiting: number): void {
  while (camera.turn.waiting < waiting) turns.ask(camera.turn, camera.weight);
}

/** One run; who it was for. */
function run(turns: Turns<Camera>): Camera | undefined {
  const camera = turns.next();
  if (camera !== undefined) camera.runs += 1;
  return camera;
}

function sum(list: readonly Camera[]): number {
  return list.reduce((total, { weight }) => total + weight, 0);
}

test('one camera alone gets every turn, and no camera gets none', () => {
  const turns = new Turns<Camera>();
  expect(turns.next()).toBeUndefined();
  const [camera] = camerasOf(turns, [1]);
  for (let n = 0; n < 10; n += 1) {
    ask(turns, camera!, 2);
    expect(run(turns)).toBe(camera);
  }
});

test('low, normal and high are mixed evenly, not one after the other', () => {
  const turns = new Turns<Camera>();
  const cameras = camerasOf(turns, [1, 2, 4]);
  const order = Array.from({ length: 14 }, () => {
    for (const camera of cameras) ask(turns, camera, 2);
    return run(turns)?.weight;
  });
  expect(order.join('')).toBe('42414244241424');
});

test('cameras that always wait get their shares to within one turn at every moment', () => {
  fc.assert(
    fc.property(anyWeights, (list) => {
      const turns = new Turns<Camera>();
      const cameras = camerasOf(turns, list);
      for (let n = 1; n <= 200; n += 1) {
        for (const camera of cameras) ask(turns, camera, 2);
        run(turns);
        for (const { runs, weight } of cameras) {
          expect(Math.abs(runs - (n * weight) / sum(cameras))).toBeLessThan(1 + 1e-6);
        }
      }
    }),
    { numRuns: 60 },
  );
});

/** Per run a bit pattern: which of the cameras ask for one more. */
const arrivals = fc.array(fc.integer({ min: 0, max: 0xffffffff }), { minLength: 1, maxLength: 250 });

function someAsk(turns: Turns<Camera>, cameras: readonly Camera[], pattern: number): void {
  cameras.forEach((camera, i) => {
    if (pattern & (1 << i) && camera.turn.waiting < 2) turns.ask(camera.turn, camera.weight);
  });
}

test('a camera that waits gets its share of all there are, whatever the others do, and soon', () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 4, 16), anyWeights, arrivals, (weight, list, patterns) => {
      const turns = new Turns<Camera>();
      const others = camerasOf(turns, list.slice(1));
      const [patient] = camerasOf(turns, [weight]);
      const share = weight / (sum(others) + weight);
      let sinceRun = 0;
      patterns.forEach((pattern, i) => {
        someAsk(turns, others, pattern);
        ask(turns, patient!, 1);
        sinceRun = run(turns) === patient ? 0 : sinceRun + 1;
        expect(patient!.runs).toBeGreaterThan((i + 1) * share - 1 - 1e-6);
        expect(sinceRun).toBeLessThanOrEqual(2 / share);
      });
    }),
    { numRuns: 300 },
  );
});

/** Turns of the one beyond what the other's weight lets it have; one turn of each is the bound of fair queueing. */
function expectTogether(one: Camera, other: Camera): void {
  const apart = Math.abs(one.runs / one.weight - other.runs / other.weight);
  expect(apart).toBeLessThan(1 / one.weight + 1 / other.weight + 1e-6);
}

test('two cameras that wait are served as their weights say, whatever others do', () => {
  fc.assert(
    fc.property(anyWeights, arrivals, (list, patterns) => {
      const turns = new Turns<Camera>();
      const [first, second, ...others] = camerasOf(turns, [1, ...list, 4]);
      for (const pattern of patterns) {
        for (const camera of [first!, second!]) ask(turns, camera, 2);
        someAsk(turns, others, pattern);
        run(turns);
        expectTogether(first!, second!);
      }
    }),
    { numRuns: 300 },
  );
});

test('a camera that comes back has earned nothing while it was away', () => {
  const times = fc.nat(300);
  fc.assert(
    fc.property(anyWeights, anyWeights, times, arrivals, ([weight], list, awayRuns, patterns) => {
      const turns = new Turns<Camera>();
      const [returned, busy, ...others] = camerasOf(turns, [weight!, ...list, 1]);
      ask(turns, returned!, 2);
      for (let n = 0; n < awayRuns; n += 1) {
        for (const camera of [busy!, ...others]) ask(turns, camera, 2);
        run(turns);
      }
      for (const camera of [returned!, busy!]) camera.runs = 0;
      for (const pattern of patterns) {
        for (const camera of [returned!, busy!]) ask(turns, camera, 2);
        someAsk(turns, others, pattern);
        run(turns);
        const ahead = returned!.runs / returned!.weight - busy!.runs / busy!.weight;
        // The other one may have been a turn ahead when it came, and a turn behind now.
        expect(ahead).toBeLessThan(1 / returned!.weight + 2 / busy!.weight + 1e-6);
      }
    }),
    { numRuns: 300 },
  );
});

test('a camera that leaves is forgotten with all that it asked for', () => {
  const turns = new Turns<Camera>();
  const [gone, stays] = camerasOf(turns, [4, 1]);
  for (const camera of [gone!, stays!]) ask(turns, camera, 2);
  turns.leave(gone!.turn);
  turns.leave(gone!.turn);
  expect([run(turns), run(turns), run(turns)]).toEqual([stays, stays, undefined]);
});

test('shares hold as well after a year of turns', () => {
  const turns = new Turns<Camera>();
  const cameras = camerasOf(turns, [1, 2, 4, 1, 2, 4]);
  // What a camera of weight 1 alone gets at thirty runs a second.
  turns.ask(cameras[0]!.turn, 1 / 9.5e8);
  run(turns);
  for (const camera of cameras) camera.runs = 0;
  for (let n = 0; n < 14_000; n += 1) {
    for (const camera of cameras) ask(turns, camera, 2);
    run(turns);
  }
  expect(cameras.map(({ runs }) => Math.round(runs / 100))).toEqual([10, 20, 40, 10, 20, 40]);
});
