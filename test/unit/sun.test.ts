// Sunrise and sunset against what almanacs print for these places (local time, to the minute), and beyond the polar circles.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LocalClock } from '../../daemon/core/local-time.ts';
import { type Coordinates, sunTimes } from '../../daemon/core/sun.ts';

const DAY_MINUTES = 1440;
const HALF_DAY_MS = 43_200_000;

const PLACES: Record<string, Coordinates & { readonly zone: string }> = {
  London: { latitude: 51.5074, longitude: -0.1278, zone: 'Europe/London' },
  Berlin: { latitude: 52.52, longitude: 13.405, zone: 'Europe/Berlin' },
  Helsinki: { latitude: 60.1699, longitude: 24.9384, zone: 'Europe/Helsinki' },
  Reykjavik: { latitude: 64.1466, longitude: -21.9426, zone: 'Atlantic/Reykjavik' },
  Decorah: { latitude: 43.3, longitude: -91.79, zone: 'America/Chicago' },
  'New York': { latitude: 40.7128, longitude: -74.006, zone: 'America/New_York' },
  Singapore: { latitude: 1.3521, longitude: 103.8198, zone: 'Asia/Singapore' },
  Tokyo: { latitude: 35.6762, longitude: 139.6503, zone: 'Asia/Tokyo' },
  Sydney: { latitude: -33.8688, longitude: 151.2093, zone: 'Australia/Sydney' },
  'Cape Town': { latitude: -33.9249, longitude: 18.4241, zone: 'Africa/Johannesburg' },
};

test.each([
  ['London', '2025-06-21', '04:43', '21:21'],
  ['London', '2025-12-21', '08:03', '15:53'],
  ['Berlin', '2025-06-21', '04:43', '21:33'],
  ['Berlin', '2025-12-21', '08:15', '15:54'],
  ['Helsinki', '2025-06-21', '03:54', '22:50'],
  ['Helsinki', '2025-12-21', '09:24', '15:13'],
  ['Reykjavik', '2025-06-21', '02:55', '24:04'],
  ['Reykjavik', '2025-12-21', '11:22', '15:29'],
  ['Decorah', '2025-09-01', '06:32', '19:41'],
  ['Decorah', '2025-09-22', '06:55', '19:02'],
  ['New York', '2025-03-20', '06:59', '19:08'],
  ['New York', '2025-12-21', '07:17', '16:32'],
  ['Singapore', '2025-03-20', '07:09', '19:15'],
  ['Tokyo', '2025-06-21', '04:26', '19:00'],
  ['Sydney', '2025-06-01', '06:52', '16:55'],
  ['Sydney', '2025-12-01', '05:38', '19:51'],
  ['Cape Town', '2025-12-21', '05:32', '19:57'],
])('in %s on %s the sun rises at %s and sets at %s, to two minutes', (name, date, rise, set) => {
  const { zone, ...coordinates } = PLACES[name]!;
  const clock = new LocalClock(zone);
  const day = Date.parse(date) / 86_400_000;
  const noonMs = clock.instantOf({ day, minute: DAY_MINUTES / 2 }, 'first');
  const { riseMs, setMs } = sunTimes(noonMs, coordinates);
  const minuteOf = (atMs: number): number => {
    const shown = clock.at(atMs);
    return (shown.day - day) * DAY_MINUTES + shown.minute;
  };
  const printed = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  expect(Math.abs(minuteOf(riseMs) - printed(rise))).toBeLessThanOrEqual(2);
  expect(Math.abs(minuteOf(setMs) - printed(set))).toBeLessThanOrEqual(2);
});

test('in Tromso the sun is up all day in June and down all day in December, and its noon is printed as 12:45 and 11:42', () => {
  const tromso = { latitude: 69.65, longitude: 18.96 };
  const summer = sunTimes(Date.parse('2025-06-21T10:00Z'), tromso);
  expect([summer.noonMs - summer.riseMs, summer.setMs - summer.noonMs].map(toMinutes)).toEqual([720, 720]);
  expect(Math.abs(summer.noonMs - Date.parse('2025-06-21T10:45Z'))).toBeLessThanOrEqual(120_000);
  const winter = sunTimes(Date.parse('2025-12-21T11:00Z'), tromso);
  expect(winter.riseMs).toBe(winter.setMs);
  expect(Math.abs(winter.noonMs - Date.parse('2025-12-21T10:42Z'))).toBeLessThanOrEqual(120_000);
});

test('everywhere and always, the poles included, it rises before noon and sets after it, within half a day and a minute', () => {
  const place = fc.record({
    latitude: fc.double({ min: -90, max: 90, noNaN: true }),
    longitude: fc.double({ min: -180, max: 180, noNaN: true }),
  });
  const time = fc.integer({ min: Date.parse('1900-01-01'), max: Date.parse('2100-01-01') });
  fc.assert(
    fc.property(place, time, (coordinates, atMs) => {
      const { riseMs, noonMs, setMs } = sunTimes(atMs, coordinates);
      expect(Math.abs(noonMs - atMs)).toBeLessThanOrEqual(HALF_DAY_MS + 60_000);
      for (const partMs of [noonMs - riseMs, setMs - noonMs]) {
        expect(partMs).toBeGreaterThanOrEqual(-60_000);
        expect(partMs).toBeLessThanOrEqual(HALF_DAY_MS + 60_000);
      }
    }),
    { numRuns: 500 },
  );
});

function toMinutes(ms: number): number {
  return Math.round(ms / 60_000);
}
