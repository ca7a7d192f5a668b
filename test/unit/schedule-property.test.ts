// Schedules against a slow oracle that knows nothing of offsets: it reads the clocks of the zone minute by minute and finds
// the times of windows in what they show. Also: what was asked before changes no answer.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DAYS, type Location, type ScheduleWindow } from '../../daemon/core/rule-types.ts';
import { Schedule } from '../../daemon/core/schedule.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const ZONES = [
  'UTC',
  'Europe/Berlin',
  'Europe/Dublin',
  'America/New_York',
  'America/St_Johns',
  'America/Havana',
  'America/Sao_Paulo',
  'America/Santiago',
  'Africa/Casablanca',
  'Africa/Cairo',
  'Asia/Beirut',
  'Asia/Kathmandu',
  'Asia/Tehran',
  'Australia/Adelaide',
  'Australia/Lord_Howe',
  'Pacific/Auckland',
  'Pacific/Chatham',
  'Pacific/Apia',
  'Pacific/Kiritimati',
  'Antarctica/Troll',
];

/** What the clocks show, minute after minute, as minutes since 1 January 1970 by the calendar of the place. */
function clocksShow(timeZone: string, fromMs: number, minutes: number): Int32Array {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
  return Int32Array.from({ length: minutes }, (_, i) => {
    const shown = format.format(fromMs + i * MINUTE_MS);
    return Date.parse(`${shown.replace(' ', 'T')}Z`) / MINUTE_MS;
  });
}

/** First or last minute that shows a time; where none does, the first that shows a later one. */
function minuteShowing(shown: Int32Array, wanted: number, which: 'first' | 'last'): number {
  const found = which === 'first' ? shown.indexOf(wanted) : shown.lastIndexOf(wanted);
  return found === -1 ? shown.findIndex((minute) => minute > wanted) : found;
}

const minutesOf = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));

/** Which of the minutes are covered: the manual, taken by the letter. */
function oracle(windows: readonly ScheduleWindow[], shown: Int32Array): boolean[] {
  const covered = Array.from({ length: shown.length }, () => false);
  const firstDay = Math.floor(shown[0]! / 1440) + 1;
  const lastDay = Math.floor(shown.at(-1)! / 1440) - 2;
  for (const { days, from = '00:00', to = '24:00' } of windows) {
    const [begin, end] = [minutesOf(from), minutesOf(to) || 1440];
    for (let day = firstDay; day <= lastDay; day += 1) {
      const weekday = new Date(day * DAY_MS).toLocaleDateString('en-GB', {
        weekday: 'short',
        timeZone: 'UTC',
      });
      if (days !== undefined && !days.includes(weekday.toLowerCase() as (typeof DAYS)[number])) continue;
      const endsOn = end < begin ? day + 1 : day;
      const first = minuteShowing(shown, day * 1440 + begin, 'first');
      const last = minuteShowing(shown, endsOn * 1440 + end, end === 1440 ? 'first' : 'last');
      covered.fill(true, first, Math.max(first, last));
    }
  }
  return covered;
}

const time = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 1, 15, 29, 30, 31, 45, 59))
  .map((parts) => parts.map((part) => String(part).padStart(2, '0')).join(':'));
/** More often than not in the hours in which clocks are changed. */
const nightTime = fc.oneof(
  time,
  time.map((text) => `0${Number(text.slice(0, 2)) % 5}${text.slice(2)}`),
);
const clockWindow = fc
  .record({
    days: fc.option(fc.uniqueArray(fc.constantFrom(...DAYS), { minLength: 1, maxLength: 7 }), {
      nil: undefined,
    }),
    from: fc.option(nightTime, { nil: undefined }),
    to: fc.option(nightTime, { nil: undefined }),
  })
  .filter(({ from = '00:00', to = '24:00' }) => from !== to && !(from === '00:00' && to === '00:00'));
const clockWindows = fc.array(clockWindow, { minLength: 1, maxLength: 3 });

/** Days on which a zone changes its clocks, found by looking at each day of some years; else any day. */
const changeDays = new Map<string, number[]>();
function changesOf(timeZone: string): number[] {
  const known = changeDays.get(timeZone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en', {
    timeZone,
    hour: 'numeric',
    minute: 'numeric',
    hourCycle: 'h23',
  });
  const days: number[] = [];
  for (let atMs = Date.UTC(2009); atMs < Date.UTC(2031); atMs += DAY_MS) {
    if (format.format(atMs) !== format.format(atMs + DAY_MS)) days.push(atMs);
  }
  changeDays.set(timeZone, days);
  return days;
}
const zoneAndDay = fc.constantFrom(...ZONES).chain((timeZone) => {
  const anyDay = fc.integer({ min: Date.UTC(1990) / DAY_MS, max: Date.UTC(2040) / DAY_MS });
  const days = changesOf(timeZone);
  const changeDay = days.length === 0 ? anyDay : fc.constantFrom(...days).map((atMs) => atMs / DAY_MS);
  return fc.record({
    timeZone: fc.constant(timeZone),
    day: fc.oneof({ weight: 4, arbitrary: changeDay }, anyDay),
  });
});

/** Compares the day that begins at `fromMs` in UTC, half a day before it and a day after it, every so many minutes. */
function expectAsOracle(
  windows: readonly ScheduleWindow[],
  timeZone: string,
  { fromMs, step }: { readonly fromMs: number; readonly step: number },
): void {
  // Windows of the days around reach in.
  const readMs = fromMs - 3 * DAY_MS;
  const shown = clocksShow(timeZone, readMs, 8 * 1440);
  const covered = oracle(windows, shown);
  const schedule = new Schedule(windows, { timeZone });
  for (let i = 2.5 * 1440; i < 5 * 1440; i += step) {
    const atMs = readMs + i * MINUTE_MS;
    if (schedule.covers(atMs) === covered[i]) continue;
    const at = `${timeZone} ${new Date(atMs).toISOString()}, ${schedule.words(atMs)}`;
    expect.fail(`${at}: ${!covered[i]} instead of ${covered[i]}`);
  }
}

test('it covers the minutes that a slow reading of the clocks gives, on the nights in which they change and on others', () => {
  fc.assert(
    fc.property(zoneAndDay, clockWindows, ({ timeZone, day }, windows) => {
      expectAsOracle(windows, timeZone, { fromMs: day * DAY_MS, step: 1 });
    }),
    { numRuns: 150 },
  );
}, 120_000);

test('on every change of the clocks of every zone from 2024 to 2027 nights that begin or end in it are right', () => {
  const windows: ScheduleWindow[] = [
    { from: '22:00', to: '02:10' },
    { from: '02:20', to: '06:00', days: ['sun'] },
  ];
  for (const timeZone of ZONES) {
    for (const fromMs of changesOf(timeZone)) {
      const isLate = fromMs > Date.UTC(2024) && fromMs < Date.UTC(2028);
      if (isLate) expectAsOracle(windows, timeZone, { fromMs, step: 5 });
    }
  }
}, 120_000);

const places: Location[] = [
  { timeZone: 'Europe/Berlin', latitude: 52.52, longitude: 13.405 },
  { timeZone: 'Europe/Oslo', latitude: 69.65, longitude: 18.96 },
  { timeZone: 'Pacific/Auckland', latitude: -36.85, longitude: 174.76 },
  { timeZone: 'America/New_York', latitude: 40.71, longitude: -74.01 },
  // Coordinates and time zone of two places: odd, and no reason to lose anything.
  { timeZone: 'UTC', latitude: -36.85, longitude: 174.76 },
];
const sunTime = fc
  .tuple(fc.constantFrom('sunrise', 'sunset'), fc.constantFrom('', '+00:30', '-01:15', '+12:00', '-12:00'))
  .map((parts) => parts.join(''));
const anyWindow = fc.oneof(
  clockWindow,
  fc.record({ from: sunTime, to: fc.oneof(sunTime, nightTime) }).filter(({ from, to }) => from !== to),
  fc.record({ from: nightTime, to: sunTime }),
);

test('whatever was asked before, the answer is that of a schedule that was asked nothing', () => {
  const start = Date.UTC(2026, 2, 27);
  const times = fc.array(
    fc.oneof(
      fc.integer({ min: start, max: start + 4 * DAY_MS }),
      fc.integer({ min: start, max: start + 400 * DAY_MS }),
      fc.integer({ min: 0, max: Date.UTC(2100) }),
      fc.constantFrom(0, Number.NaN, Number.POSITIVE_INFINITY, -1e17, 1e17),
    ),
    { minLength: 1, maxLength: 12 },
  );
  const windows = fc.array(anyWindow, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(fc.constantFrom(...places), windows, times, (location, all, asked) => {
      const schedule = new Schedule(all, location);
      for (const atMs of asked) {
        const fresh = new Schedule(all, location);
        expect(schedule.covers(atMs)).toBe(fresh.covers(atMs));
        expect(schedule.next(atMs)).toEqual(fresh.next(atMs));
      }
    }),
    { numRuns: 100 },
  );
}, 120_000);

test('next is where covers changes, and between its ends nothing changes', () => {
  const windows = fc.array(anyWindow, { minLength: 1, maxLength: 3 });
  const time = fc.integer({ min: Date.UTC(2020), max: Date.UTC(2030) });
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(fc.constantFrom(...places), windows, time, share, (location, all, atMs, part) => {
      const schedule = new Schedule(all, location);
      const between = (fromMs: number, toMs: number): number => Math.floor(fromMs + part * (toMs - fromMs));
      const span = schedule.next(atMs);
      if (span === undefined) {
        expect(schedule.covers(between(atMs, atMs + 7 * DAY_MS))).toBe(false);
        return;
      }
      const { beginMs, endMs } = span;
      expect(endMs).toBeGreaterThan(atMs);
      if (beginMs > atMs) expect(schedule.covers(between(atMs, beginMs - 1))).toBe(false);
      if (Number.isFinite(beginMs)) expect(schedule.covers(beginMs - 1)).toBe(false);
      if (Number.isFinite(endMs)) expect(schedule.covers(endMs)).toBe(false);
      const [firstMs, lastMs] = [Math.max(beginMs, atMs), Math.min(endMs, atMs + 7 * DAY_MS) - 1];
      if (firstMs > lastMs) return;
      expect(schedule.covers(between(firstMs, lastMs))).toBe(true);
    }),
    { numRuns: 150 },
  );
}, 120_000);
