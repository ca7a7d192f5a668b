// When schedules are open: named cases on the clocks of several places, daylight-saving nights before all.
import { expect, test } from 'vitest';
import type { Location, ScheduleWindow } from '../../daemon/core/rule-types.ts';
import { localTime, Schedule, scheduleText } from '../../daemon/core/schedule.ts';
import { scheduleFault } from '../../daemon/core/schedule-window.ts';

const BERLIN: Location = { timeZone: 'Europe/Berlin', latitude: 52.52, longitude: 13.405 };
const NIGHT: ScheduleWindow = { from: '22:00', to: '06:00' };

/** The spans of a schedule in ISO times, from one instant on. */
function spans(
  windows: readonly ScheduleWindow[],
  location: Location,
  fromIso: string,
  count: number,
): string[] {
  const schedule = new Schedule(windows, location);
  const found: string[] = [];
  let atMs = Date.parse(fromIso);
  for (let i = 0; i < count; i += 1) {
    const span = schedule.next(atMs);
    if (span === undefined) break;
    found.push(`${iso(span.beginMs)} ${iso(span.endMs)}`);
    atMs = span.endMs;
  }
  return found;
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString().replace(':00.000Z', 'Z');
}

test('a window over midnight belongs to the day on which it begins', () => {
  const friday = new Schedule([{ ...NIGHT, days: ['fri'] }], BERLIN);
  // Friday 27 November 2026, clocks one hour ahead of UTC.
  expect(friday.covers(Date.parse('2026-11-27T20:59:59Z'))).toBe(false);
  expect(friday.covers(Date.parse('2026-11-27T21:00:00Z'))).toBe(true);
  expect(friday.covers(Date.parse('2026-11-28T04:59:59Z'))).toBe(true);
  expect(friday.covers(Date.parse('2026-11-28T05:00:00Z'))).toBe(false);
  expect(friday.covers(Date.parse('2026-11-27T04:00:00Z'))).toBe(false);
});

test('any of several windows is enough, and windows that touch are one', () => {
  const windows: ScheduleWindow[] = [
    { from: '20:00' },
    { to: '06:00' },
    { days: ['sat', 'sun'], from: '12:00', to: '14:00' },
  ];
  expect(spans(windows, BERLIN, '2026-11-27T12:00Z', 3)).toEqual([
    '2026-11-27T19:00Z 2026-11-28T05:00Z',
    '2026-11-28T11:00Z 2026-11-28T13:00Z',
    '2026-11-28T19:00Z 2026-11-29T05:00Z',
  ]);
});

test('a night in which the clocks are set forward is an hour shorter, one in which they are set back an hour longer', () => {
  expect(spans([NIGHT], BERLIN, '2026-03-28T20:00Z', 1)).toEqual(['2026-03-28T21:00Z 2026-03-29T04:00Z']);
  expect(spans([NIGHT], BERLIN, '2026-10-24T19:00Z', 1)).toEqual(['2026-10-24T20:00Z 2026-10-25T05:00Z']);
});

test('a time that the clocks skip begins and ends a window when they jump', () => {
  const at = '2026-03-29T00:00Z';
  // In Berlin 02:00 becomes 03:00 at 01:00 UTC.
  expect(spans([{ from: '02:30', to: '04:00' }], BERLIN, at, 1)).toEqual([
    '2026-03-29T01:00Z 2026-03-29T02:00Z',
  ]);
  expect(spans([{ from: '01:00', to: '02:30' }], BERLIN, at, 1)).toEqual([
    '2026-03-29T00:00Z 2026-03-29T01:00Z',
  ]);
  expect(spans([{ from: '02:15', to: '02:45' }], BERLIN, at, 1)).toEqual([
    '2026-03-30T00:15Z 2026-03-30T00:45Z',
  ]);
});

test('of a time that the clocks show twice a window begins at the first and ends at the second', () => {
  const at = '2026-10-24T23:00Z';
  // In Berlin 03:00 becomes 02:00 at 01:00 UTC: 02:30 is 00:30 and 01:30 UTC.
  expect(spans([{ from: '02:30', to: '04:00' }], BERLIN, at, 1)).toEqual([
    '2026-10-25T00:30Z 2026-10-25T03:00Z',
  ]);
  expect(spans([{ from: '01:30', to: '02:30' }], BERLIN, at, 1)).toEqual([
    '2026-10-24T23:30Z 2026-10-25T01:30Z',
  ]);
  expect(spans([{ from: '02:30', to: '02:45' }], BERLIN, at, 1)).toEqual([
    '2026-10-25T00:30Z 2026-10-25T01:45Z',
  ]);
});

test('the half hour of Lord Howe, the autumn of the south and a skipped midnight go by the same rules', () => {
  const lordHowe: Location = { timeZone: 'Australia/Lord_Howe' };
  // 4 October 2026: 02:00 becomes 02:30. 5 April 2026: 02:00 becomes 01:30.
  expect(spans([{ from: '02:15', to: '03:00' }], lordHowe, '2026-10-03T15:00Z', 1)).toEqual([
    '2026-10-03T15:30Z 2026-10-03T16:00Z',
  ]);
  expect(spans([{ from: '01:45', to: '02:00' }], lordHowe, '2026-04-04T14:00Z', 1)).toEqual([
    '2026-04-04T14:45Z 2026-04-04T15:30Z',
  ]);
  // Auckland, 5 April 2026: 03:00 becomes 02:00.
  expect(spans([NIGHT], { timeZone: 'Pacific/Auckland' }, '2026-04-04T08:00Z', 1)).toEqual([
    '2026-04-04T09:00Z 2026-04-04T18:00Z',
  ]);
  // Sao Paulo, 4 November 2018: 00:00 becomes 01:00. The day has 23 hours and begins with the jump.
  const sunday: ScheduleWindow[] = [{ days: ['sun'] }];
  expect(spans(sunday, { timeZone: 'America/Sao_Paulo' }, '2018-11-03T12:00Z', 1)).toEqual([
    '2018-11-04T03:00Z 2018-11-05T02:00Z',
  ]);
  // Havana, 1 November 2026: 01:00 becomes 00:00. Saturday ends at the first midnight, Sunday has 25 hours.
  const weekend: ScheduleWindow[] = [{ days: ['sat'] }];
  expect(spans(weekend, { timeZone: 'America/Havana' }, '2026-10-31T12:00Z', 1)).toEqual([
    '2026-10-31T04:00Z 2026-11-01T04:00Z',
  ]);
});

test('a day that a country left out is in no window', () => {
  // Samoa went from Thursday 29 to Saturday 31 December 2011.
  const apia: Location = { timeZone: 'Pacific/Apia' };
  expect(spans([{ days: ['fri'] }], apia, '2011-12-29T12:00Z', 1)).toEqual([
    '2012-01-05T10:00Z 2012-01-06T10:00Z',
  ]);
  expect(spans([NIGHT], apia, '2011-12-30T07:00Z', 1)).toEqual(['2011-12-30T08:00Z 2011-12-30T16:00Z']);
});

test('sunset to sunrise is the night, sunrise to sunset the day', () => {
  const night = [{ from: 'sunset', to: 'sunrise' }];
  const schedule = new Schedule(night, BERLIN);
  const span = schedule.next(Date.parse('2025-06-21T12:00Z'))!;
  // Published for Berlin: sunset 21:33 on 21 June, sunrise 04:43 on 22 June, two hours ahead of UTC.
  expect(Math.abs(span.beginMs - Date.parse('2025-06-21T19:33Z'))).toBeLessThanOrEqual(120_000);
  expect(Math.abs(span.endMs - Date.parse('2025-06-22T02:43Z'))).toBeLessThanOrEqual(120_000);
  const day = new Schedule([{ from: 'sunrise', to: 'sunset' }], BERLIN);
  for (let atMs = span.beginMs - 5 * 3_600_000; atMs < span.endMs + 5 * 3_600_000; atMs += 60_000) {
    expect(day.covers(atMs)).toBe(!schedule.covers(atMs));
  }
});

test('whether an end is of the next day does not change with the season', () => {
  // Sunset in Berlin is from 15:52 to 21:33. A sunset later than the end leaves the window out, it does not make it 24 hours.
  const evening: ScheduleWindow[] = [{ from: 'sunset', to: '21:00' }];
  expect(spans(evening, BERLIN, '2025-06-21T10:00Z', 1)).toHaveLength(0);
  expect(spans(evening, BERLIN, '2025-12-21T10:00Z', 1)[0]).toMatch(/^2025-12-21T14:5.* 2025-12-21T20:00Z$/);
  const deepNight: ScheduleWindow[] = [{ from: 'sunset+01:00', to: '01:00' }];
  expect(spans(deepNight, BERLIN, '2025-06-21T10:00Z', 1)[0]).toMatch(
    /^2025-06-21T20:33.* 2025-06-21T23:00Z$/,
  );
  const early: ScheduleWindow[] = [{ from: '22:00', to: 'sunrise-00:30' }];
  expect(spans(early, BERLIN, '2025-06-21T10:00Z', 1)[0]).toMatch(/^2025-06-21T20:00Z 2025-06-22T02:13/);
});

test('where the sun does not set there is no night, where it does not rise no day', () => {
  const tromso: Location = { timeZone: 'Europe/Oslo', latitude: 69.65, longitude: 18.96 };
  const night = new Schedule([{ from: 'sunset', to: 'sunrise' }], tromso);
  const day = new Schedule([{ from: 'sunrise', to: 'sunset' }], tromso);
  for (let hour = 0; hour < 240; hour += 1) {
    const summerMs = Date.parse('2025-06-15T00:00Z') + hour * 3_600_000;
    const winterMs = Date.parse('2025-12-15T00:00Z') + hour * 3_600_000;
    expect([day.covers(summerMs), day.covers(winterMs)]).toEqual([true, false]);
    expect([night.covers(winterMs), night.covers(summerMs)]).toEqual([true, false]);
  }
});

test('next has the span that is open or the one to come, infinite where it goes on for more than a week', () => {
  const night = new Schedule([{ from: '20:00' }, { to: '06:00' }], BERLIN);
  const span = night.next(Date.parse('2026-11-28T04:59:59Z'))!;
  expect([span.beginMs, span.endMs].map(iso)).toEqual(['2026-11-27T19:00Z', '2026-11-28T05:00Z']);
  const always = new Schedule([{}], BERLIN).next(Date.parse('2026-11-28T05:00Z'));
  expect(always).toEqual({ beginMs: Number.NEGATIVE_INFINITY, endMs: Number.POSITIVE_INFINITY });
  const weekdays: ScheduleWindow[] = [{ days: ['mon', 'tue', 'wed', 'thu', 'fri'] }];
  const week = new Schedule(weekdays, BERLIN).next(Date.parse('2026-11-27T22:59Z'))!;
  expect([week.beginMs, week.endMs].map(iso)).toEqual(['2026-11-22T23:00Z', '2026-11-27T23:00Z']);
});

test('times that are no times are not covered, and do not stay in memory', () => {
  const schedule = new Schedule([{}], BERLIN);
  for (const atMs of [Number.NaN, Infinity, -Infinity, 9e15, -9e15]) {
    expect(schedule.covers(atMs)).toBe(false);
    expect(schedule.words(atMs)).toBe('?');
    expect(schedule.next(atMs)).toBeUndefined();
    expect(schedule.covers(0)).toBe(true);
  }
});

test('a moment is told as the clocks of the place show it', () => {
  expect(new Schedule([], BERLIN).words(Date.parse('2026-11-28T21:14:59Z'))).toBe('Sat 22:14');
  expect(localTime(Date.parse('2026-11-28T23:04:59Z'), BERLIN)).toBe('00:04');
  expect(scheduleText([{ days: ['mon', 'tue'], ...NIGHT }, { from: 'sunset' }])).toBe(
    'mon,tue 22:00 to 06:00 or sunset to 24:00',
  );
});

test.each([
  [{ from: '25:00' }, BERLIN, 'from', 'must be a time of day'],
  [{ from: '7 pm' }, BERLIN, 'from', 'must be HH:MM'],
  [{ to: 'sundown' }, BERLIN, 'to', 'must be HH:MM'],
  [{ to: 'sunset+13:00' }, BERLIN, 'to', 'at most 12:00'],
  [{ from: 'sunset' }, { timeZone: 'Europe/Berlin' }, 'from', 'set location.latitude and location.longitude'],
  [{ from: '24:00' }, BERLIN, 'from', "use '00:00'"],
  [{ from: '08:00', to: '08:00' }, BERLIN, 'to', 'begins and ends at 08:00'],
  [{ from: 'sunset', to: 'sunset+00:00' }, BERLIN, 'to', 'begins and ends'],
] as const)('the window %j is refused in words', (window, location, key, words) => {
  const fault = scheduleFault(window, location);
  expect(fault?.key).toBe(key);
  expect(fault?.message).toContain(words);
});

test.each([{}, { from: '00:00', to: '00:00' }, { from: '6:30', to: '24:00' }, { from: 'sunset-00:30' }])(
  'the window %j is accepted',
  (window) => {
    expect(scheduleFault(window, BERLIN)).toBeUndefined();
    expect(new Schedule([window], BERLIN).next(0)).toBeDefined();
  },
);
