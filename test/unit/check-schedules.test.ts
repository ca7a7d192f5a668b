// What `vedette check` says about schedules.
import { expect, test } from 'vitest';
import { describeSchedules } from '../../daemon/cli/check-schedules.ts';
import { configSchema } from '../../daemon/config/schema.ts';

/** Wednesday 25 November 2026, 21:30 in Berlin. */
const NOW_MS = Date.parse('2026-11-25T20:30:00Z');

function said(schedule: object[] | undefined): string[] {
  const config = configSchema.parse({
    location: { timeZone: 'Europe/Berlin', latitude: 52.52, longitude: 13.41 },
    cameras: { porch: { source: { type: 'scene' } } },
    rules: { night: { trigger: { type: 'appear' }, ...(schedule && { schedule }) } },
  });
  return describeSchedules(config, NOW_MS);
}

test.each([
  ['next', [{ from: '22:00', to: '06:00' }], 'in force from Wed 22:00 to Thu 06:00'],
  ['now', [{ from: '20:00', to: '06:00' }], 'in force now, until Thu 06:00'],
  ['all days', [{}], 'in force all week'],
  ['another day', [{ days: ['mon'] }], 'in force from Mon 00:00 to Tue 00:00'],
  ['after sunset', [{ from: 'sunset', to: 'sunset+01:00' }], 'in force from Thu 16:00 to Thu 17:00'],
  ['never', [{ from: '16:30', to: 'sunset' }], 'not in force within the next week'],
])('a schedule that is open %s', (_, schedule, words) => {
  expect(said(schedule)).toEqual([`rule 'night': ${words} (Europe/Berlin)`]);
});

test('a rule without a schedule has no line', () => {
  expect(said(undefined)).toEqual([]);
});
