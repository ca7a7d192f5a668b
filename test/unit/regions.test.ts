import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LookPlan, REGIONS_MAX } from '../../daemon/camera/look-plan.ts';
import { type MotionSight, RegionPlanner, type RegionPlannerOptions } from '../../daemon/camera/regions.ts';
import { shareWithin } from '../../daemon/core/geometry.ts';
import { Tracker } from '../../daemon/core/tracker.ts';
import type { Box } from '../../daemon/core/types.ts';
import { person, stampOf, standing, TRACK_OPTIONS } from '../support/tracks.ts';

const FRAME = { width: 1280, height: 720 };
const INPUT = { width: 320, height: 320 };
const STILL: MotionSight = { state: 'still', boxes: new Float32Array(64), count: 0 };
const FAR: Box = { x: 0.6, y: 0.3, width: 0.015, height: 0.06 };

function moving(...boxes: readonly Box[]): MotionSight {
  const numbers = new Float32Array(64);
  for (const [i, { x, y, width, height }] of boxes.entries()) numbers.set([x, y, width, height], i * 4);
  return { state: 'moving', boxes: numbers, count: boxes.length };
}

/** Plans looks at frames of its own time. */
class Watch {
  readonly plan = new LookPlan(FRAME, INPUT);
  readonly planner: RegionPlanner;
  tracker = new Tracker(TRACK_OPTIONS);

  constructor(options: Partial<RegionPlannerOptions> = {}) {
    this.planner = new RegionPlanner({
      frame: FRAME,
      input: INPUT,
      regions: true,
      inferencesPerS: 10,
      fullLookS: 10,
      ...options,
    });
  }

  /** The regions of the frame at `monoMs`, as boxes of the frame; none where it needs no look. */
  at(monoMs: number, motion: MotionSight | undefined): Box[] {
    if (!this.planner.needsLook(monoMs, this.tracker.tracks, motion) || !this.planner.hasBudget) return [];
    this.planner.fill(this.plan, monoMs);
    return this.plan.regions.slice(0, this.plan.count).map(({ x, y, width, height }) => ({
      x: x / FRAME.width,
      y: y / FRAME.height,
      width: width / FRAME.width,
      height: height / FRAME.height,
    }));
  }
}

const WHOLE: Box = { x: 0, y: 0, width: 1, height: 1 };

describe('when a frame needs a look', () => {
  test('nothing moves and nobody is there: the whole frame, every fullLookS, and nothing else', () => {
    const watch = new Watch();
    const looks = Array.from({ length: 151 }, (_, i) => watch.at(i * 200, STILL));
    expect(looks.flatMap((look, i) => (look.length > 0 ? [i] : []))).toEqual([0, 50, 100, 150]);
    expect(looks.flat()).toEqual([WHOLE, WHOLE, WHOLE, WHOLE]);
  });

  test('nobody watches for motion, or it is not calibrated yet: the whole of every frame', () => {
    const watch = new Watch();
    for (let i = 0; i < 20; i += 1) expect(watch.at(i * 200, undefined)).toEqual([WHOLE]);
    for (let i = 20; i < 40; i += 1) {
      expect(watch.at(i * 200, { ...STILL, state: 'calibrating' })).toEqual([WHOLE]);
    }
  });

  test('something small moves: as close a look as there is, with the whole frame every two seconds', () => {
    const watch = new Watch();
    const looks = Array.from({ length: 31 }, (_, i) => watch.at(i * 200, moving(FAR)));
    expect(looks.map((look) => look.length)).toEqual(
      Array.from({ length: 31 }, (_, i) => (i % 10 === 0 ? 2 : 1)),
    );
    const [close] = looks[1]!;
    expect(close).toMatchObject({ width: 160 / 1280, height: 160 / 720 });
    expect(shareWithin(FAR, close!)).toBeCloseTo(1);
  });

  test('somebody large enough for it is looked for in the whole frame, confirmed or not', () => {
    const watch = new Watch();
    watch.at(0, STILL);
    const large = person(0.9, standing(0.5, 0.8, 0.08, 0.2));
    watch.tracker.step([large], stampOf(1));
    expect(watch.at(200, STILL)).toEqual([WHOLE]);
    for (let frame = 2; frame <= 4; frame += 1) watch.tracker.step([large], stampOf(frame));
    expect(watch.tracker.tracks[0]).toMatchObject({ confirmed: true });
    expect(watch.at(400, STILL)).toEqual([WHOLE]);
  });

  test('somebody small is looked for closely from the first', () => {
    const watch = new Watch();
    watch.at(0, STILL);
    watch.tracker.step([person(0.9, FAR)], stampOf(1));
    expect(watch.at(200, STILL)[0]!.width).toBeLessThan(0.5);
  });

  test('what the whole frame shows well needs no region of its own beside it', () => {
    const large: Box = { x: 0.4, y: 0.3, width: 0.1, height: 0.4 };
    expect(new Watch().at(0, moving(large))).toEqual([WHOLE]);
  });

  test('what no region holds is looked at in the whole frame, every frame', () => {
    const watch = new Watch();
    const huge: Box = { x: 0.1, y: 0.1, width: 0.6, height: 0.85 };
    for (let i = 0; i < 10; i += 1) expect(watch.at(i * 200, moving(huge))).toEqual([WHOLE]);
  });

  test('a track that walks is followed, motion or not; one at rest is looked at now and then', () => {
    const watch = new Watch();
    for (let frame = 0; frame <= 60; frame += 1) {
      watch.tracker.step([person(0.9, standing(0.3, 0.5, 0.02, 0.08))], stampOf(frame));
      const looks = watch.at(stampOf(frame + 1).monoMs, STILL);
      if (watch.tracker.tracks[0]!.stationary) break;
      expect(looks.length).toBeGreaterThanOrEqual(1);
    }
    expect(watch.tracker.tracks[0]!.stationary).toBe(true);
    const start = watch.tracker.tracks[0]!.lookedMonoMs;
    const frames = Array.from({ length: 50 }, (_, i) => watch.at(start + (i + 1) * 200, STILL).length);
    // Nobody tells the tracker of looks here: from the fifth second on it is due.
    expect(frames.slice(0, 23).reduce((sum, count) => sum + count, 0)).toBeLessThanOrEqual(1);
    expect(frames.slice(26).every((count) => count > 0)).toBe(true);
  });

  test('motion at something at rest has it looked at soon: it may be setting out', () => {
    const watch = new Watch();
    const box = standing(0.3, 0.5, 0.02, 0.08);
    for (let frame = 0; frame <= 60; frame += 1) watch.tracker.step([person(0.9, box)], stampOf(frame));
    const { monoMs } = stampOf(60);
    watch.at(monoMs, STILL);
    expect(watch.at(monoMs + 200, moving(box))).toEqual([]);
    expect(watch.at(monoMs + 600, moving(box))).toHaveLength(1);
  });
});

describe('regions', () => {
  test('two who are near each other share one, two who are not have two', () => {
    const near = { ...FAR, x: 0.63 };
    const away = { ...FAR, x: 0.1 };
    const watch = new Watch();
    watch.at(0, STILL);
    const shared = watch.at(200, moving(FAR, near));
    expect(shared).toHaveLength(1);
    for (const box of [FAR, near]) expect(shareWithin(box, shared[0]!)).toBeCloseTo(1);
    expect(watch.at(400, moving(FAR, away))).toHaveLength(2);
  });

  test('there are no more than the budget has room for; who waited longest is next', () => {
    const watch = new Watch({ inferencesPerS: 5 });
    const boxes = [0.05, 0.3, 0.55, 0.8].map((x) => ({ ...FAR, x }));
    watch.at(0, STILL);
    let inferences = 0;
    const served = new Map<number, number>();
    for (let i = 1; i <= 100; i += 1) {
      const looks = watch.at(i * 200, moving(...boxes));
      inferences += looks.length;
      for (const [n, box] of boxes.entries()) {
        if (looks.some((look) => look.width < 0.5 && shareWithin(box, look) > 0.99))
          served.set(n, (served.get(n) ?? 0) + 1);
      }
    }
    expect(inferences).toBeLessThanOrEqual(5 * 20 + REGIONS_MAX);
    const times = [0, 1, 2, 3].map((n) => served.get(n) ?? 0);
    expect(Math.min(...times)).toBeGreaterThan(0.6 * Math.max(...times));
  });

  test('motion that is never more than motion is looked at ever more rarely, until something is found there', () => {
    const watch = new Watch();
    const count = (from: number, found: boolean): number => {
      let looks = 0;
      for (let i = 0; i < 100; i += 1) {
        if (watch.at(from + i * 200, moving(FAR)).some(({ width }) => width < 0.5)) looks += 1;
        watch.planner.learn(watch.plan, found ? [person(0.8, FAR)] : []);
        watch.plan.begin(0);
      }
      return looks;
    };
    expect(count(0, true)).toBe(100);
    const tired = count(20_000, false);
    expect(tired).toBeLessThan(40);
    expect(count(40_000, false)).toBeLessThan(tired);
    count(60_000, true);
    expect(count(80_000, true)).toBe(100);
  });

  test('switched off, or not allowed: what needs a look is looked at in the whole frame', () => {
    for (const watch of [new Watch({ regions: false }), new Watch()]) {
      watch.planner.regionsAllowed = false;
      for (let i = 0; i < 20; i += 1) expect(watch.at(i * 200, moving(FAR))).toEqual([WHOLE]);
      expect(watch.plan.covers(FAR)).toBe(true);
    }
  });

  test('whatever moves, wherever: regions lie in the frame and can be read by the word', () => {
    const side = fc.double({ min: 0, max: 1, noNaN: true });
    const box = fc.record({ x: side, y: side, width: side, height: side });
    const size = fc.record({
      width: fc.integer({ min: 1, max: 60 }).map((n) => n * 64),
      height: fc.integer({ min: 32, max: 1080 }).map((n) => n * 2),
    });
    fc.assert(
      fc.property(size, fc.array(box, { maxLength: 16 }), (frame, boxes) => {
        const planner = new RegionPlanner({
          frame,
          input: INPUT,
          regions: true,
          inferencesPerS: 10,
          fullLookS: 10,
        });
        const plan = new LookPlan(frame, INPUT);
        for (let i = 0; i < 4; i += 1) {
          if (!planner.needsLook(i * 200, [], moving(...boxes)) || !planner.hasBudget) continue;
          planner.fill(plan, i * 200);
          expect(plan.count).toBeLessThanOrEqual(REGIONS_MAX);
          for (const { x, y, width, height } of plan.regions.slice(0, plan.count)) {
            expect(x >= 0 && y >= 0 && x + width <= frame.width && y + height <= frame.height).toBe(true);
            expect([x % 8, width % 8, y % 2, height % 2]).toEqual([0, 0, 0, 0]);
          }
        }
      }),
    );
  });
});

describe('what a look covers', () => {
  function planOf(x: number, y: number, side: number): LookPlan {
    const plan = new LookPlan(FRAME, INPUT);
    plan.begin(320);
    plan.add(x, y, side, side);
    return plan;
  }

  test('what lies in the region, unless it is too small there and could be looked at more closely', () => {
    expect(planOf(640, 100, 320).covers(FAR)).toBe(true);
    expect(planOf(0, 100, 320).covers(FAR)).toBe(false);
    const plan = new LookPlan(FRAME, INPUT);
    plan.begin(320);
    plan.add(0, 0, 1280, 720);
    expect(plan.covers(FAR)).toBe(false);
    expect(plan.covers({ ...FAR, width: 0.05, height: 0.2 })).toBe(true);
    plan.begin(1280);
    plan.add(0, 0, 1280, 720);
    expect(plan.covers(FAR)).toBe(true);
  });

  test('who is half out of the picture was looked for at its edge', () => {
    const plan = new LookPlan(FRAME, INPUT);
    plan.begin(320);
    plan.add(0, 0, 1280, 720);
    expect(plan.covers({ x: -0.1, y: 0.3, width: 0.2, height: 0.5 })).toBe(true);
    expect(plan.covers({ x: -0.3, y: 0.3, width: 0.2, height: 0.5 })).toBe(false);
  });

  test('a box is cut where its region ends and the picture does not', () => {
    const plan = planOf(640, 0, 320);
    const region = plan.regions[0]!;
    expect(plan.cuts(region, { x: 0.5, y: 0.1, width: 0.05, height: 0.2 })).toBe(true);
    expect(plan.cuts(region, { x: 0.55, y: 0.1, width: 0.2, height: 0.2 })).toBe(true);
    expect(plan.cuts(region, { x: 0.55, y: 0.1, width: 0.05, height: 320 / 720 - 0.1 })).toBe(true);
    expect(plan.cuts(region, { x: 0.55, y: 0, width: 0.05, height: 0.2 })).toBe(false);
  });
});
