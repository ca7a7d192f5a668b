// Other rules on observations and facts, without a file: what counts, which facts are respected, and what is said of times in
// which nobody looked.
import { describe, expect, test } from 'vitest';
import { Backtest, type BacktestOptions } from '../../daemon/core/backtest.ts';
import { decisionScene } from '../../daemon/core/configured.ts';
import type { Fact, Observation } from '../../daemon/core/types.ts';
import { configOf, framesOf, HOUSE_MS, type Visit } from '../support/recorded-house.ts';

const CONFIG = configOf({
  cameras: {
    porch: {
      source: { type: 'scene' },
      zones: {
        door: {
          points: [
            [0, 0],
            [1, 0],
            [1, 1],
            [0, 1],
          ],
          inertia: 1,
        },
      },
    },
  },
  rules: { door: { trigger: { type: 'enter', zone: 'door' }, cooldownS: 0 } },
});

function backtestOf(more: Partial<BacktestOptions> = {}): Backtest {
  return new Backtest({
    ...{ scene: decisionScene(CONFIG), threshold: () => undefined, counts: () => true },
    ...{ sinceMs: 0, untilMs: Number.MAX_SAFE_INTEGER },
    ...more,
  });
}

const at = (s: number) => ({ atMs: HOUSE_MS + s * 1000, monoMs: 5000 + s * 1000 });
const status = (word: 'online' | 'offline'): Fact => ({ kind: 'status', camera: 'porch', status: word });
const armed = (on: boolean): Fact => ({ kind: 'armed', camera: 'porch', armed: on });

/** One life with facts at these seconds, between the frames of these visits. */
function life(
  backtest: Backtest,
  visits: readonly Visit[],
  facts: readonly (readonly [number, Fact])[],
): void {
  backtest.begin({ hasFacts: true });
  const frames: Observation[] = framesOf(visits).filter(
    ({ tracks, ended }) => tracks.length + ended.length > 0,
  );
  const steps = [
    ...frames.map((frame) => [frame.stamp.monoMs, () => backtest.observe(frame)] as const),
    ...facts.map(([s, fact]) => [at(s).monoMs - 1, () => backtest.learn(fact, at(s))] as const),
  ].sort(([a], [b]) => a - b);
  for (const [, step] of steps) step();
  backtest.end(at(Math.max(...visits.map(({ toS }) => toS)) + 1));
}

const seconds = ({ alerts }: Backtest): number[] => alerts.map(({ atMs }) => (atMs - HOUSE_MS) / 1000);
const visit = (track: number, fromS: number): Visit => ({ track, fromS, toS: fromS + 5, x: 0.5 });

describe('facts', () => {
  test('a camera that was not armed makes no alert, nor later for who came meanwhile', () => {
    const backtest = backtestOf();
    life(
      backtest,
      [visit(1, 1), visit(2, 21), visit(3, 41)],
      [
        [0, status('online')],
        [20, armed(false)],
        [24, armed(true)],
      ],
    );
    expect(seconds(backtest)).toEqual([1.4, 41.4]);
  });

  test('when a camera was away, and when nothing was kept of one that was not, is said', () => {
    const backtest = backtestOf();
    life(
      backtest,
      [visit(1, 1), visit(2, 400), visit(3, 1000)],
      [
        [0, status('online')],
        [10, status('offline')],
        [390, status('online')],
      ],
    );
    expect(backtest.silences).toEqual([
      { why: 'offline', camera: 'porch', fromMs: at(10).atMs, untilMs: at(390).atMs },
      { why: 'unkept', camera: 'porch', fromMs: at(405.2).atMs, untilMs: at(1000).atMs },
    ]);
    expect(backtest.gaps).toHaveLength(1);
  });

  test('without facts of a life nothing is said of cameras, and rules fire', () => {
    const backtest = backtestOf();
    backtest.begin({ hasFacts: false });
    for (const frame of framesOf([visit(1, 1)])) backtest.observe(frame);
    backtest.end(at(6));
    backtest.begin({ hasFacts: false });
    for (const frame of framesOf([visit(1, 500)]).slice(2500)) backtest.observe(frame);
    backtest.end(at(506));
    expect(seconds(backtest)).toEqual([1.4, 500.4]);
    expect(backtest.silences).toEqual([{ why: 'stopped', fromMs: at(6).atMs, untilMs: at(500).atMs }]);
    expect(backtest.withoutFacts).toBe(backtest.observations);
  });
});

describe('what counts', () => {
  test('is within the time, and what the caller wants', () => {
    const within = backtestOf({ sinceMs: at(20).atMs, untilMs: at(40).atMs });
    life(within, [visit(1, 1), visit(2, 21), visit(3, 41)], [[0, status('online')]]);
    expect(seconds(within)).toEqual([21.4]);
    const none = backtestOf({ counts: ({ camera }) => camera === 'yard' });
    life(none, [visit(1, 1)], [[0, status('online')]]);
    expect(none.alerts).toEqual([]);
  });

  test('knows the object of an alert', () => {
    const backtest = backtestOf();
    life(backtest, [visit(7, 1)], [[0, status('online')]]);
    expect(backtest.alerts[0]?.subject).toEqual({ camera: 'porch', track: 7, startedAtMs: at(1).atMs });
  });
});

describe('confirmation', () => {
  const unsure: Visit = { ...visit(1, 1), score: 0.6 };
  const fired = (threshold: BacktestOptions['threshold'], visits: readonly Visit[]): number[] => {
    const backtest = backtestOf({ threshold });
    life(backtest, visits, [[0, status('online')]]);
    return seconds(backtest);
  };

  test('is that of then where the configuration names no threshold, or the same one', () => {
    expect(fired(() => undefined, [unsure, visit(2, 21)])).toEqual([21.4]);
    expect(fired(() => 0.7, [unsure, visit(2, 21)])).toEqual([21.4]);
  });

  test('is judged anew by another threshold, label by label', () => {
    expect(fired(() => 0.55, [unsure])).toEqual([1.4]);
    expect(fired((_, label) => (label === 'cat' ? 0.55 : 0.95), [unsure, visit(2, 21)])).toEqual([]);
  });

  test('once given is not taken back when scores fall, and a new track of the same number begins anew', () => {
    const frames = framesOf([unsure]).map((frame, index) => ({
      ...frame,
      tracks: frame.tracks.map((track) => ({ ...track, scoreMedian: index > 12 ? 0.3 : track.scoreMedian })),
    }));
    const backtest = backtestOf({ threshold: () => 0.55 });
    backtest.begin({ hasFacts: false });
    for (const frame of frames) backtest.observe({ ...frame, ended: [] });
    const again = framesOf([{ ...unsure, fromS: 21, toS: 26, score: 0.5 }]).slice(100);
    for (const frame of again) backtest.observe(frame);
    backtest.end(at(30));
    expect(seconds(backtest)).toEqual([1.4]);
  });
});
