// Where the board is, and the schedules of rules, in a configuration: mistakes at their line, what is filled in, and what a
// change touches.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { changeWords, configChanges } from '../../daemon/config/changes.ts';
import { parseConfig } from '../../daemon/config/load.ts';
import { scheduleSchema } from '../../daemon/config/schedule-schema.ts';
import type { Config } from '../../daemon/config/types.ts';
import { checkConfig } from '../../daemon/core/checks.ts';
import { decisionScene } from '../../daemon/core/configured.ts';
import { Schedule } from '../../daemon/core/schedule.ts';
import { scheduleFault } from '../../daemon/core/schedule-window.ts';
import { VedetteError } from '../../daemon/platform/errors.ts';
import { systemTimeZone } from '../../daemon/platform/time-zone.ts';

function load(...lines: readonly string[]): Config {
  const text = ['cameras:', '  porch: { source: { type: scene } }', ...lines].join('\n');
  const options = { fileName: 'v.yaml', folder: '/nowhere', env: {}, semanticChecks: checkConfig };
  return parseConfig(text, options).config;
}

function problems(...lines: readonly string[]): string[] {
  try {
    load(...lines);
  } catch (error) {
    if (error instanceof VedetteError) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('a mistake is said at its place', () => {
  test.each([
    [
      'a time zone that is none',
      'location: { timeZone: Europe/Berln }',
      "3:23 location.timeZone: there is no time zone 'Europe/Berln': write its IANA name, e.g. Europe/Berlin",
    ],
    [
      'one coordinate without the other',
      'location: { longitude: 13.4 }',
      '3:24 location.longitude: needs latitude beside it',
    ],
    [
      'a coordinate beyond the pole',
      'location: { latitude: 91, longitude: 0 }',
      '3:23 location.latitude: must be at most 90 (got 91)',
    ],
    ['a slip', 'location: { timezone: UTC }', "unknown key 'timezone' (did you mean 'timeZone'?)"],
  ])('%s', (_, line, problem) => {
    expect(problems(line).join('\n')).toContain(problem);
  });
});

describe('of a schedule a mistake is said with rule, field and line', () => {
  const RULE = ['rules:', '  night:', '    trigger: { type: appear }', '    schedule:'];
  test.each([
    [
      'no time of day',
      '- { from: "25:00" }',
      "7:17 rules.night.schedule[0].from: must be a time of day as '22:00'",
    ],
    [
      'a number, which older tools make of 22:00',
      '- { from: 1320 }',
      '7:17 rules.night.schedule[0].from: must be text: put it in quotes (got 1320)',
    ],
    [
      'no day',
      '- { days: [mon, thursday] }',
      '7:23 rules.night.schedule[0].days[1]: must be one of mon, tue',
    ],
    [
      'the sun of nowhere',
      '- { from: sunset }',
      "7:17 rules.night.schedule[0].from: 'sunset' needs to know where the board is: set location.latitude and location.longitude",
    ],
    [
      'a window without a length',
      '- { from: "08:00", to: "08:00" }',
      '7:30 rules.night.schedule[0].to: begins and ends at 08:00',
    ],
    [
      'a slip',
      '- { day: [mon] }',
      "7:11 rules.night.schedule[0].day: unknown key 'day' (did you mean 'days'?)",
    ],
    ['nothing', '[]', '6:15 rules.night.schedule: must have at least 1 item'],
  ])('%s', (_, window, problem) => {
    const lines = window === '[]' ? [...RULE.slice(0, 3), '    schedule: []'] : [...RULE, `      ${window}`];
    expect(problems(...lines).join('\n')).toContain(problem);
  });

  test('a time needs no quotes, and one digit is enough for an hour', () => {
    const config = load(...RULE, '      - { from: 22:00, to: 6:30 }', '      - from: 12:00');
    expect(config.rules['night']?.schedule).toEqual([{ from: '22:00', to: '6:30' }, { from: '12:00' }]);
  });
});

test('what the schema takes for a time, a schedule takes as well, and nothing else', () => {
  const location = { timeZone: 'UTC', latitude: 50, longitude: 8 };
  const digits = fc.tuple(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 70 }), fc.boolean());
  const clock = digits.map(([hours, minutes, isLong]) => {
    const shown = String(minutes).padStart(2, '0');
    return `${isLong ? String(hours).padStart(2, '0') : hours}:${shown}`;
  });
  const sun = fc.tuple(fc.constantFrom('sunrise', 'sunset', 'sun'), fc.constantFrom('', '+', '-'), clock);
  const text = fc.oneof(
    clock,
    sun.map(([event, sign, offset]) => (sign === '' ? event : event + sign + offset)),
    fc.string(),
  );
  fc.assert(
    fc.property(text, (to) => {
      const from = /^0?0:07$/.test(to) ? '00:08' : '00:07';
      const isTaken = scheduleSchema.safeParse([{ from, to }]).success;
      const fault = scheduleFault({ from, to }, location);
      if (isTaken) expect(new Schedule([{ from, to }], location).next(0)).toBeDefined();
      expect(isTaken).toBe(fault === undefined);
    }),
    { numRuns: 500 },
  );
});

test('a wrong coordinate is one problem, not one more per window of the sun', () => {
  const rule = 'rules: { night: { trigger: { type: appear }, schedule: [{ from: sunset }] } }';
  expect(problems('location: { latitude: 91, longitude: 0 }', rule)).toHaveLength(1);
  expect(problems('location: { timeZone: UTC }', rule)).toHaveLength(1);
});

test("without one the time zone is the system's, and a rule is decided in it", () => {
  const config = load();
  expect(config.location).toEqual({ timeZone: systemTimeZone() });
  expect(decisionScene(config).location.timeZone).toBe(systemTimeZone());
  const berlin = load('location: { timeZone: Europe/Berlin, latitude: 52.5, longitude: 13.4 }');
  expect(decisionScene(berlin).location).toEqual({
    timeZone: 'Europe/Berlin',
    latitude: 52.5,
    longitude: 13.4,
  });
});

test('another place is a change of the rules, and of nothing else', () => {
  const before = load('location: { timeZone: Europe/Berlin }');
  const after = load('location: { timeZone: Europe/Lisbon }');
  expect(changeWords(configChanges(before, after))).toEqual(['rules']);
});
