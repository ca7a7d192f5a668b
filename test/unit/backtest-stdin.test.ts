// Rules, zones and lines of a request, which are other people's text: what is taken, what is refused and with which places, and
// that nothing of it reaches beyond its key.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { requestedConfig } from '../../daemon/cli/backtest-stdin.ts';
import { VedetteError } from '../../daemon/platform/errors.ts';
import { decidingParts } from '../../daemon/store/backtest-runner.ts';
import { configOf } from '../support/recorded-house.ts';

const WHOLE = configOf({
  mqtt: { user: 'me', password: 'secret' },
  cameras: {
    porch: {
      source: { type: 'rtsp', url: 'rtsp://camera/stream', user: 'u', password: 'hidden' },
      armed: false,
      threshold: 0.6,
      zones: {
        door: {
          points: [
            [0, 0],
            [1, 0],
            [1, 1],
          ],
          anchor: 'centre',
        },
      },
      lines: {
        kerb: {
          points: [
            [0, 0],
            [1, 1],
          ],
          sides: ['in', 'out'],
        },
      },
    },
  },
  location: { timeZone: 'Europe/Berlin' },
  track: { thresholds: { person: 0.65 }, lostMs: 3000 },
  rules: { door: { trigger: { type: 'enter', zone: 'door' } } },
});
/** As it goes through the pipe. */
const RUNNING = JSON.parse(JSON.stringify(decidingParts(WHOLE))) as Parameters<typeof requestedConfig>[0];

/** As a configuration refers to the environment. */
function reference(name: string): string {
  return `\${${name}}`;
}

function refusal(texts: Parameters<typeof requestedConfig>[1]): string {
  try {
    requestedConfig(RUNNING, texts);
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    return (error as Error).message;
  }
  return '';
}

test('without texts it is what the daemon runs with, less what decides nothing, above all its secrets', () => {
  const { cameras, rules, track, armed, location } = requestedConfig(RUNNING, {});
  const { source, ...porch } = cameras['porch']!;
  const { source: _source, ...ours } = WHOLE.cameras['porch']!;
  expect(porch).toEqual(ours);
  expect(source).toMatchObject({ type: 'scene' });
  expect({ rules, armed, location, thresholds: track.thresholds }).toEqual({
    ...{
      rules: WHOLE.rules,
      armed: WHOLE.armed,
      location: WHOLE.location,
      thresholds: WHOLE.track.thresholds,
    },
  });
  expect(JSON.stringify(RUNNING)).not.toMatch(/secret|rtsp|hidden/);
});

test('rules replace all rules, zones and lines those of the cameras they name', () => {
  const rules = 'gate:\n  trigger: { type: enter, zone: gate }\n  cooldownS: 5\n';
  const zones = 'porch:\n  gate: { points: [[0, 0], [1, 0], [1, 1]] }\n';
  const config = requestedConfig(RUNNING, { rules, zones, lines: 'porch: {}' });
  expect(config.rules).toMatchObject({ gate: { cooldownS: 5 } });
  expect(Object.keys(config.rules)).toEqual(['gate']);
  expect(Object.keys(config.cameras['porch']!.zones)).toEqual(['gate']);
  expect(config.cameras['porch']!.lines).toEqual({});
});

describe('what is wrong is told with its place in the text that was sent', () => {
  test.each([
    ['door:\n  trigger: { type: enter, zone: nowhere }', /^rules:2:33 rules\.door\.trigger\.zone: /],
    [
      'door:\n  trigger: { type: enter, zone: door }\n  cooldownS: -1',
      /^rules:3:14 rules\.door\.cooldownS: /,
    ],
    ['door: [', /^rules:/],
    ['door: "', /^rules:/],
    ['a: 1\ncameras: { porch: {} }', /rules\.cameras/],
    ['x: &a [*a]', /^rules:/],
    [`message: ${reference('HOME')}`, /HOME/],
    [
      `door:\n  trigger: { type: enter, zone: door }\n  message: "${reference('PATH')}"`,
      /^rules:3:\d+ .*PATH/,
    ],
    ['---\na: 1', /^rules:/],
  ])('%j', (rules, words) => {
    expect(refusal({ rules })).toMatch(words);
  });

  test.each([
    ['shed: {}', "zones: there is no camera 'shed' (there are porch)"],
    ['[1]', 'zones: must be a mapping of cameras to their zones'],
    ['porch: [', expect.stringMatching(/^zones:1:\d+ /)],
    ['__proto__: {}', expect.stringMatching(/^zones:1:\d+ |no camera/)],
    ['porch: { door: { points: [[0, 0]] } }', expect.stringMatching(/cameras\.porch\.zones\.door\.points/)],
  ])('zones %j', (zones, words) => {
    expect(refusal({ zones })).toEqual(words);
  });
});

test('whatever the texts are, the answer is a configuration of the same cameras or a refusal', () => {
  const yaml = fc.oneof(
    fc.string({ maxLength: 200 }),
    fc.string({ unit: fc.constantFrom(...' \n\t:-[]{}"\'&*#|>%@`,?!$abc0.'), maxLength: 80 }),
    fc.json({ maxDepth: 3 }),
  );
  fc.assert(
    fc.property(yaml, fc.option(yaml, { nil: undefined }), (rules, zones) => {
      try {
        const config = requestedConfig(RUNNING, { rules, zones });
        expect(Object.keys(config.cameras)).toEqual(['porch']);
        expect(config.mqtt.user).toBeUndefined();
      } catch (error) {
        expect(error).toBeInstanceOf(VedetteError);
        expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
      }
    }),
    { numRuns: 300 },
  );
});
