// When the ladder steps and why, in simulated seconds; which rungs there are and what each means for a camera.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { configSchema } from '../../daemon/config/schema.ts';
import { decisionScene } from '../../daemon/core/configured.ts';
import { DetectorLoad, type DetectorShares, type FrameCounts } from '../../daemon/core/detector-load.ts';
import { Ladder, type LadderStep, type Strain } from '../../daemon/core/ladder.ts';
import {
  type CameraClass,
  classOf,
  type LadderCamera,
  LadderPlan,
  RUNGS,
} from '../../daemon/core/ladder-rungs.ts';

const SETTINGS = configSchema.parse({ cameras: { a: { source: { type: 'scene' } } } }).ladder;
const CALM: DetectorShares = { busyShare: 0.3 };
const MEANS = { enabled: true, withoutLighter: undefined, modelRatio: 2.5 };

function camera(name: CameraClass, fps = 5): LadderCamera {
  return { name, class: name, fps, regions: true };
}
const ALL = [camera('low'), camera('normal'), camera('alert')];

interface TimedStep extends LadderStep {
  readonly atS: number;
}

/** One look a second, at what `strainAt` says of that second. */
function walk(ladder: Ladder, seconds: number, strainAt: (second: number) => Partial<Strain>): TimedStep[] {
  const steps: TimedStep[] = [];
  for (let second = 0; second < seconds; second += 1) {
    const calm = { flags: [], detector: CALM, loadRatioAbove: 1.5 };
    const step = ladder.look({ ...calm, ...strainAt(second) }, second * 1000);
    if (step !== undefined) steps.push({ ...step, atS: second });
  }
  return steps;
}

const heat = (celsius: number): Partial<Strain> => ({ hottest: { zone: 'cpu-thermal', celsius } });
const lost = (share: number): DetectorShares => ({
  busyShare: 1,
  worst: { camera: 'shed', lostShare: share },
});
const rungsOf = (steps: readonly TimedStep[]): number[] => steps.map(({ to }) => to);

describe('a ramp of heat', () => {
  // A minute to 88 °C and there, then slowly back to 60 °C.
  const ramp = (second: number): number =>
    second < 240 ? Math.min(88, 60 + second / 2) : Math.max(60, 88 - (second - 240) / 2);

  test('walks every rung down in order and every rung up again, and each step says why', () => {
    const ladder = new Ladder(SETTINGS, 7);
    const steps = walk(ladder, 900, (second) => heat(ramp(second)));
    expect(rungsOf(steps)).toEqual([1, 2, 3, 4, 5, 6, 7, 6, 5, 4, 3, 2, 1, 0]);
    expect(steps[0]).toMatchObject({ cause: 'heat', reason: '82.5 °C (cpu-thermal, limit 80)' });
    // Hot at second 40; half of downAfterS later, within seconds.
    expect(steps[0]!.atS).toBe(45);
    const up = steps[7]!;
    expect(up.cause).toBeUndefined();
    expect(up.reason).toBe('no strain for 60 s, 60.0 °C (cpu-thermal), detector 30 % busy');
  });

  test('waits three times as long between steps while it is only just too hot', () => {
    const steps = walk(new Ladder(SETTINGS, 7), 120, () => heat(81));
    expect(steps.map(({ atS }) => atS)).toEqual([5, 35, 65, 95]);
    const scorching = walk(new Ladder(SETTINGS, 7), 120, () => heat(85));
    expect(scorching.map(({ atS }) => atS)).toEqual([5, 15, 25, 35, 45, 55, 65]);
  });

  test('between cool and hot nothing is given up and nothing comes back', () => {
    const ladder = new Ladder(SETTINGS, 7);
    const steps = walk(ladder, 2000, (second) => heat(second < 20 ? 81 : 75.1 + (second % 5) * 0.9));
    expect(rungsOf(steps)).toEqual([1]);
    expect(ladder.rung).toBe(1);
  });

  test('a moment of heat is none', () => {
    expect(walk(new Ladder(SETTINGS, 7), 600, (second) => heat(second % 10 < 4 ? 90 : 60))).toEqual([]);
  });
});

describe('other strains', () => {
  test('under-voltage counts unless it is told not to', () => {
    const flags = ['under-voltage'];
    const steps = walk(new Ladder(SETTINGS, 7), 30, () => ({ flags }));
    expect(steps[0]).toMatchObject({ to: 1, cause: 'power', reason: 'the board says: under-voltage' });
    const ignored = new Ladder({ ...SETTINGS, underVoltage: false }, 7);
    // It makes the board slow down as well: that is no heat.
    expect(walk(ignored, 300, () => ({ flags: [...flags, 'throttled'] }))).toEqual([]);
  });

  test('a board that slows itself down is hot, whatever its sensors say', () => {
    const steps = walk(new Ladder(SETTINGS, 7), 10, () => ({ ...heat(60), flags: ['throttled'] }));
    expect(steps).toMatchObject([{ to: 1, cause: 'heat', reason: 'the board says: throttled' }]);
    const soft = ['soft temperature limit'];
    expect(walk(new Ladder(SETTINGS, 7), 300, () => ({ ...heat(62), flags: soft }))).toEqual([]);
  });

  test('a saturated detector is told with the camera that loses most', () => {
    const steps = walk(new Ladder(SETTINGS, 7), 25, () => ({ detector: lost(0.384) }));
    expect(steps.map(({ atS }) => atS)).toEqual([0, 10, 20]);
    expect(steps[0]).toMatchObject({
      cause: 'saturation',
      reason: 'the detector is saturated: camera shed loses 38 % of its frames (limit 10 %)',
    });
  });

  test('frames lost while the detector idles came in bursts: that is no saturation', () => {
    const detector = { ...lost(0.5), busyShare: 0.39 };
    expect(walk(new Ladder(SETTINGS, 7), 300, () => ({ detector }))).toEqual([]);
    const ladder = new Ladder(SETTINGS, 7);
    walk(ladder, 300, (second) => ({ detector, ...(second < 10 ? heat(90) : {}) }));
    expect(ladder.rung).toBe(0);
  });

  test('mixed: while one strain goes and the other stays it goes on down, and up only when both are over', () => {
    const ladder = new Ladder(SETTINGS, 7);
    const steps = walk(ladder, 400, (second) => ({
      ...heat(second < 10 ? 90 : 60),
      detector: second >= 10 && second < 40 ? lost(0.5) : CALM,
      flags: second >= 40 && second < 50 ? ['under-voltage'] : [],
    }));
    expect(steps.map(({ cause }) => cause)).toEqual([
      ...['heat', 'saturation', 'saturation', 'saturation', 'power'],
      ...[undefined, undefined, undefined, undefined, undefined],
    ]);
    expect(steps[5]!.atS).toBe(50 + SETTINGS.upAfterS);
    expect(ladder.rung).toBe(0);
  });
});

describe('the way up', () => {
  test('is not gone where the detector would be too busy one rung up, or nothing is known of it', () => {
    const down = (second: number): boolean => second < 10;
    for (const detector of [undefined, { busyShare: 0.61 }]) {
      const steps = walk(new Ladder(SETTINGS, 7), 600, (second) =>
        down(second) ? heat(90) : { detector, loadRatioAbove: 1.5 },
      );
      expect(rungsOf(steps)).toEqual([1]);
    }
    const steps = walk(new Ladder(SETTINGS, 7), 600, (second) =>
      down(second) ? heat(90) : { detector: { busyShare: 0.59 }, loadRatioAbove: 1.5 },
    );
    expect(rungsOf(steps)).toEqual([1, 0]);
  });

  test('reckons with what the detector could do when it was saturated', () => {
    const ups = (busyShare: number): number[] => {
      const ladder = new Ladder(SETTINGS, 1);
      const full = { ...lost(0.5), busyShare: 0.7 };
      const steps = walk(ladder, 600, (second) => ({
        detector: second < 5 ? full : { busyShare },
        loadRatioAbove: 1.5,
      }));
      return rungsOf(steps);
    };
    // 0.42 is 0.63 one rung up: nine tenths of the 0.7 at which it lost frames.
    expect(ups(0.43)).toEqual([1]);
    expect(ups(0.41)).toEqual([1, 0]);
  });

  test('becomes longer each time it was gone too early, at most sixteen times as long', () => {
    const ladder = new Ladder(SETTINGS, 7);
    // Enough for rung 1 only: full effort saturates.
    const steps = walk(ladder, 4000, () => ({ detector: ladder.rung === 0 ? lost(0.3) : CALM }));
    const ups = steps.filter(({ to }) => to === 0).map(({ atS }) => atS);
    const waits = ups.map((atS) => atS - steps.findLast((step) => step.atS < atS)!.atS);
    // The first look without strain is that after the step.
    expect(waits.slice(0, 6)).toEqual([61, 121, 241, 481, 961, 961]);
    expect(steps.length).toBeLessThanOrEqual(15);
  });

  test('becomes shorter again when full effort has held until the next strain', () => {
    const ladder = new Ladder(SETTINGS, 7);
    // A bad beginning, then a short heat every hour.
    const isHot = (second: number): boolean => second >= 4000 && second % 3600 < 8;
    const steps = walk(ladder, 8 * 3600, (second) => ({
      detector: second < 4000 && ladder.rung === 0 ? lost(0.3) : CALM,
      ...(isHot(second) ? heat(90) : {}),
    }));
    const later = steps.filter(({ atS }) => atS > 4000);
    const waits = later.slice(1).flatMap(({ to, atS }, index) => (to === 0 ? [atS - later[index]!.atS] : []));
    expect(Math.max(...waits)).toBeGreaterThan(400);
    expect(waits.at(-1)).toBeLessThan(70);
    expect(waits).toEqual([...waits].sort((a, b) => b - a));
  });

  test('becomes shorter again when what was taken back has held', () => {
    const ladder = new Ladder(SETTINGS, 7);
    const isWorking = (second: number): boolean => second < 460 && ladder.rung === 0;
    const steps = walk(ladder, 3000, (second) => ({
      detector: isWorking(second) ? lost(0.3) : CALM,
      ...(second >= 460 && second < 500 ? heat(90) : {}),
    }));
    expect(ladder.rung).toBe(0);
    const ups = steps.filter(({ cause, atS }) => cause === undefined && atS > 500).map(({ atS }) => atS);
    const waits = ups.slice(1).map((atS, index) => atS - ups[index]!);
    expect(waits).toEqual([480, 240, 120, 60]);
  });
});

test('whatever is measured: one rung at a time, within the ladder, ten seconds apart, and never up within a minute', () => {
  const strain = fc.record({
    hottest: fc.option(
      fc.record({ zone: fc.constant('cpu'), celsius: fc.double({ min: 20, max: 110, noNaN: true }) }),
      {
        nil: undefined,
      },
    ),
    flags: fc.subarray(['under-voltage', 'throttled', 'frequency capped']),
    detector: fc.option(
      fc.record({
        busyShare: fc.double({ min: 0, max: 1, noNaN: true }),
        worst: fc.record({ camera: fc.constant('a'), lostShare: fc.double({ min: 0, max: 1, noNaN: true }) }),
      }),
      { nil: undefined },
    ),
    loadRatioAbove: fc.double({ min: 1, max: 4, noNaN: true }),
  });
  const spells = fc.array(fc.tuple(strain, fc.integer({ min: 1, max: 200 })), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(
    fc.property(
      spells,
      fc.integer({ min: 0, max: 7 }),
      fc.integer({ min: 200, max: 2500 }),
      (list, of, everyMs) => {
        const ladder = new Ladder(SETTINGS, of);
        const steps: (LadderStep & { atMs: number })[] = [];
        let atMs = 0;
        for (const [measured, looks] of list)
          for (let look = 0; look < looks; look += 1) {
            atMs += everyMs;
            const step = ladder.look(measured, atMs);
            if (step !== undefined) steps.push({ ...step, atMs });
            expect(ladder.rung).toBeGreaterThanOrEqual(0);
            expect(ladder.rung).toBeLessThanOrEqual(of);
          }
        for (const [index, step] of steps.entries()) {
          expect(Math.abs(step.to - step.from)).toBe(1);
          const before = steps[index - 1];
          if (before === undefined) continue;
          expect(step.from).toBe(before.to);
          const leastMs = step.to > step.from ? 10_000 : 60_000;
          expect(step.atMs - before.atMs).toBeGreaterThanOrEqual(leastMs);
        }
      },
    ),
    { numRuns: 100 },
  );
});

describe('the rungs', () => {
  test('are seven, rate before regions before input, alert-class cameras after all others', () => {
    expect(RUNGS.map((rung) => ('of' in rung ? `${rung.gives} ${rung.of}` : rung.gives))).toEqual([
      ...['rate low', 'rate normal', 'regions low', 'regions normal'],
      ...['rate alert', 'regions alert', 'model'],
    ]);
  });

  test('hold together, and touch an alert-class camera only when everything else is given up', () => {
    const plan = new LadderPlan(ALL, MEANS);
    expect(plan.of).toBe(7);
    const at = (rung: number) => ALL.map((one) => plan.effortOf(one, rung));
    const full = { rate: 1, regions: true };
    const least = { rate: 0.5, regions: false };
    expect(at(0)).toEqual([full, full, full]);
    expect(at(3)).toEqual([least, { rate: 0.5, regions: true }, full]);
    expect(at(4)).toEqual([least, least, full]);
    expect(at(5)).toEqual([least, least, { rate: 0.5, regions: true }]);
    expect(at(6)).toEqual([least, least, least]);
    expect(plan.usesLighterModel(6)).toBe(false);
    expect(plan.usesLighterModel(7)).toBe(true);
  });

  test('that would change nothing are left out, and it is said why', () => {
    const plan = new LadderPlan([{ ...camera('alert'), regions: false }], {
      ...MEANS,
      withoutLighter: 'there is none',
    });
    expect(plan.rungs.map(({ step }) => step)).toEqual(['alert-class cameras at half their rate']);
    expect(plan.skipped.map(({ reason }) => reason)).toEqual([
      ...['no low-class camera', 'no normal-class camera', 'no low-class camera', 'no normal-class camera'],
      ...['no alert-class camera looks at regions', 'there is none'],
    ]);
    expect(new LadderPlan(ALL, { ...MEANS, enabled: false })).toMatchObject({
      of: 0,
      rungs: [],
      skipped: [],
    });
  });

  test('reckon how much more there is to do one rung up', () => {
    const plan = new LadderPlan([camera('low', 10), camera('normal', 5), camera('alert', 5)], MEANS);
    expect(plan.loadRatioAbove(1)).toBeCloseTo(20 / 15);
    expect(plan.loadRatioAbove(2)).toBeCloseTo(15 / 12.5);
    expect(plan.loadRatioAbove(3)).toBe(2);
    expect(plan.loadRatioAbove(7)).toBe(2.5);
  });

  test('with another configuration as much stays given up as there are rungs for', () => {
    const before = new LadderPlan(ALL, MEANS);
    const after = new LadderPlan([camera('normal'), camera('alert')], {
      ...MEANS,
      withoutLighter: 'there is none',
    });
    const moved = [0, 1, 2, 3, 4, 5, 6, 7].map((rung) => after.rungAfter(before, rung));
    expect(moved).toEqual([0, 0, 1, 1, 2, 3, 4, 4]);
    expect(new LadderPlan(ALL, { ...MEANS, enabled: false }).rungAfter(before, 7)).toBe(0);
  });
});

test('the class of a camera comes from the rules that look at it, and from its priority', () => {
  const source = { type: 'scene' };
  const square = [
    [0, 0],
    [1, 0],
    [1, 1],
  ];
  const { cameras, rules } = configSchema.parse({
    cameras: {
      door: { source, zones: { mat: { points: square } } },
      cat: { source, priority: 'low' },
      yard: { source },
      gate: { source, priority: 'high' },
      shed: { source, priority: 'low', zones: { mat: { points: square } } },
    },
    rules: {
      mat: { trigger: { type: 'enter', zone: 'mat' } },
      note: { trigger: { type: 'appear' }, severity: 'info' },
      broken: { trigger: { type: 'fault', of: ['offline'] }, severity: 'critical' },
    },
  });
  const scene = decisionScene({ cameras, rules });
  const classes = Object.entries(cameras).map(([name, { priority }]) => [
    name,
    classOf(name, priority, scene),
  ]);
  expect(Object.fromEntries(classes)).toEqual({
    ...{ door: 'alert', cat: 'low', yard: 'normal', gate: 'alert', shed: 'alert' },
  });
});

describe('the load of the detector', () => {
  const counts = (framesProcessed: number, framesOvertaken: number, framesStill = 0): FrameCounts => {
    return { framesProcessed, framesOvertaken, framesStill };
  };
  const cameras = (a: FrameCounts, b: FrameCounts) =>
    new Map([
      ['a', a],
      ['b', b],
    ]);

  test('is unknown until the time has passed, and again after a restart', () => {
    const load = new DetectorLoad();
    for (let second = 0; second < 10; second += 1)
      expect(load.look(new Map(), second * 1000, 10_000)).toBeUndefined();
    expect(load.look(new Map(), 10_000, 10_000)).toEqual({ busyShare: 0 });
    load.restart();
    expect(load.look(new Map(), 11_000, 10_000)).toBeUndefined();
  });

  test('is that of the worst camera; frames that needed no look count for nothing', () => {
    const load = new DetectorLoad();
    load.look(cameras(counts(100, 7), counts(50, 90)), 0, 10_000);
    load.ran(2500);
    load.ran(2500);
    const shares = load.look(cameras(counts(140, 17, 30), counts(100, 95)), 10_000, 10_000);
    expect(shares).toEqual({ busyShare: 0.5, worst: { camera: 'a', lostShare: 0.5 } });
  });

  test('forgets what is older than the time it looks over', () => {
    const load = new DetectorLoad();
    for (let second = 0; second <= 40; second += 1) {
      // Saturated for the first ten seconds only.
      const overtaken = Math.min(second, 10);
      load.look(cameras(counts(second * 5, overtaken), counts(0, 0)), second * 1000, 10_000);
    }
    expect(load.look(cameras(counts(210, 10), counts(0, 0)), 41_000, 10_000)).not.toHaveProperty('worst');
  });

  test('a few frames lost, or a worker that begins again, say nothing', () => {
    const load = new DetectorLoad();
    load.look(cameras(counts(0, 0), counts(500, 2)), 0, 10_000);
    const shares = load.look(cameras(counts(2, 3), counts(9, 8)), 10_000, 10_000);
    expect(shares).toEqual({ busyShare: 0 });
  });
});
