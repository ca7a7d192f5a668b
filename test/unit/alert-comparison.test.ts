// Which alerts of two lists are the same: by rule, camera, and time or object.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareAlerts, countRules, type FiredAlert } from '../../daemon/core/alert-comparison.ts';
import type { WouldAlert } from '../../daemon/core/backtest.ts';

function would(atMs: number, more: Partial<WouldAlert> = {}): WouldAlert {
  const words = {
    rule: 'door',
    trigger: 'enter',
    severity: 'warning',
    camera: 'porch',
    message: '',
  } as const;
  return { ...words, count: 1, atMs, ...more };
}

function fired(atMs: number, more: Partial<FiredAlert> = {}): FiredAlert {
  return { ...would(atMs), id: `a${atMs}`, ...more };
}

/** The object number `track` of the porch. */
function subject(track: number): Pick<WouldAlert, 'subject'> {
  return { subject: { camera: 'porch', track, startedAtMs: track * 100_000 } };
}

const times = (alerts: readonly { atMs: number }[]): number[] => alerts.map(({ atMs }) => atMs);

test('alerts of one rule and camera within a second are the same, each once, the nearest first', () => {
  const { kept, added, removed } = compareAlerts(
    [fired(1000), fired(5000), fired(9000)],
    [would(1600), would(1100), would(9999), would(20_000)],
  );
  expect(kept.map(({ fired: one, would: other }) => [one.atMs, other.atMs])).toEqual([
    [1000, 1100],
    [9000, 9999],
  ]);
  expect(times(added)).toEqual([1600, 20_000]);
  expect(times(removed)).toEqual([5000]);
});

test('further apart they are the same when they are about the same object', () => {
  const { kept, added, removed } = compareAlerts(
    [fired(1000, subject(1)), fired(2500, subject(2))],
    [would(9000, subject(1)), would(9500, subject(3))],
  );
  expect(kept.map(({ fired: one, would: other }) => [one.atMs, other.atMs])).toEqual([[1000, 9000]]);
  expect(times(added)).toEqual([9500]);
  expect(times(removed)).toEqual([2500]);
});

test('a track of the same number that began at another time is another object', () => {
  const later = { subject: { camera: 'porch', track: 1, startedAtMs: 900_000 } };
  expect(compareAlerts([fired(1000, subject(1))], [would(9000, later)]).kept).toEqual([]);
});

test('of two objects at the same moment each goes with itself', () => {
  const { kept } = compareAlerts(
    [fired(1000, subject(1)), fired(1000, subject(2))],
    [would(1000, subject(2)), would(1000, subject(1))],
  );
  expect(kept.map(({ fired: one, would: other }) => one.subject?.track === other.subject?.track)).toEqual([
    true,
    true,
  ]);
});

test('another camera, another rule, no camera at all: not the same', () => {
  const { kept, added, removed } = compareAlerts(
    [fired(1000), fired(1000, { rule: 'gate' })],
    [would(1000, { camera: 'yard' }), would(1000, { rule: 'full' })],
  );
  expect([kept.length, added.length, removed.length]).toEqual([0, 2, 2]);
});

test('rules are counted in the order of the configuration, those that are gone after them', () => {
  const comparison = compareAlerts([fired(1000), fired(9000, { rule: 'old' })], [would(1000), would(30_000)]);
  expect(countRules(['quiet', 'door'], comparison)).toEqual([
    { rule: 'quiet', fired: 0, wouldFire: 0, kept: 0, added: 0, removed: 0 },
    { rule: 'door', fired: 1, wouldFire: 2, kept: 1, added: 1, removed: 0 },
    { rule: 'old', fired: 1, wouldFire: 0, kept: 0, added: 0, removed: 1 },
  ]);
});

test('no alert is lost or counted twice, and a list compared with itself is all kept', () => {
  const alert = fc.record({
    rule: fc.constantFrom('door', 'gate'),
    camera: fc.constantFrom('porch', 'yard'),
    atMs: fc.nat(20_000),
    track: fc.nat(4),
  });
  const more = ({ rule, camera, track }: { rule: string; camera: string; track: number }) => {
    return { rule, camera, ...subject(track) };
  };
  fc.assert(
    fc.property(fc.array(alert, { maxLength: 30 }), fc.array(alert, { maxLength: 30 }), (ours, theirs) => {
      const olds = ours.map((one) => fired(one.atMs, more(one)));
      const news = theirs.map((one) => would(one.atMs, more(one)));
      const { kept, added, removed } = compareAlerts(olds, news);
      expect(new Set([...kept.map((pair) => pair.fired), ...removed]).size).toBe(olds.length);
      expect(new Set([...kept.map((pair) => pair.would), ...added]).size).toBe(news.length);
      const same = compareAlerts(
        olds,
        ours.map((one) => would(one.atMs, more(one))),
      );
      expect([same.kept.length, same.added.length]).toEqual([ours.length, 0]);
    }),
  );
});
