// What a reload exchanges: as much as the change needs, and no more.
import { describe, expect, test } from 'vitest';
import { changeWords, configChanges } from '../../daemon/config/changes.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import type { Config } from '../../daemon/config/types.ts';

const SQUARE = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
];
const scene = (more: object = {}): object => ({ source: { type: 'scene' }, ...more });
const config = (document: object = {}): Config =>
  configSchema.parse({ cameras: { porch: scene(), lane: scene() }, ...document });
const words = (after: object, before: object = {}): string[] =>
  changeWords(configChanges(config(before), config(after)));

test('the same configuration changes nothing', () => {
  expect(words({})).toEqual([]);
});

describe('cameras', () => {
  test('that came, went or changed are named, the others go on', () => {
    const cameras = { porch: scene({ stallMs: 5000 }), yard: scene() };
    expect(words({ cameras })).toEqual([
      'rules',
      'camera lane removed',
      'camera yard added',
      'camera porch restarted',
    ]);
  });

  test('go on when only their zones change', () => {
    const cameras = { porch: scene({ zones: { door: { points: SQUARE } } }), lane: scene() };
    expect(words({ cameras })).toEqual(['rules']);
  });

  test.each([
    ['enabled', { enabled: false }],
    ['armed', { armed: false }],
    ['threshold', { threshold: 0.4 }],
    ['detect.enabled', { detect: { enabled: false } }],
  ])('go on when the file turns the switch %s', (_key, more) => {
    expect(words({ cameras: { porch: scene(more), lane: scene() } })).toEqual(['switches']);
  });

  test('with a new privacy mask begin again', () => {
    const cameras = { porch: scene({ masks: { wall: { points: SQUARE } } }), lane: scene() };
    expect(words({ cameras })).toEqual(['camera porch restarted']);
    expect(configChanges(config(), config({ cameras })).cameras.masked).toEqual(['porch']);
  });

  test.each([
    ['track', { track: { lostMs: 3000 } }],
    ['detector.deadlineMs', { detector: { deadlineMs: 9000 } }],
    ['log', { log: { level: 'debug' } }],
    ['snapshots.quality', { snapshots: { quality: 50 } }],
  ])('all begin again when %s changes', (_key, document) => {
    expect(words(document)).toEqual(
      expect.arrayContaining(['camera porch restarted', 'camera lane restarted']),
    );
  });
});

test.each([
  ['log', { log: { level: 'debug' } }, ['log']],
  ['mqtt', { mqtt: { healthS: 5 } }, ['mqtt']],
  ['device', { device: { name: 'pi' } }, ['device', 'mqtt']],
  ['mqtt.embedded', { mqtt: { embedded: { enabled: true } } }, ['mqtt', 'embedded']],
  ['detector', { detector: { threads: 2 } }, ['detector']],
  ['track.scoreLow', { track: { scoreLow: 0.1 } }, ['detector']],
  ['snapshots.publish', { snapshots: { publish: false } }, ['mqtt']],
  ['snapshots.enabled', { snapshots: { enabled: false } }, ['mqtt']],
  ['armed', { armed: false }, ['switches']],
  ['snapshots.keepDays', { snapshots: { keepDays: 3 } }, ['retention']],
])('%s concerns its part', (_key, document, expected) => {
  expect(words(document).filter((word) => !word.startsWith('camera'))).toEqual(expected);
});

test('a camera named like something every object has is a camera like any other', () => {
  expect(words({ cameras: { porch: scene(), lane: scene(), tostring: scene() } })).toContain(
    'camera tostring added',
  );
});

test.each([
  ['track.thresholds', { track: { thresholds: { car: 0.6 } } }, true],
  ['track.bounds', { track: { bounds: { car: { heightMax: 0.5 } } } }, true],
  ['rules', { rules: { seen: { trigger: { type: 'appear' }, labels: ['car'] } } }, true],
  ['track.lostMs', { track: { lostMs: 3000 } }, false],
])('labels may be others when %s changes', (_, document, expected) => {
  expect(configChanges(config(), config(document)).labels).toBe(expected);
});

/** Each key of a configuration with all of its defaults, and its value. */
function leaves(value: unknown, path: readonly string[] = []): [readonly string[], unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) => leaves(inner, [...path, key]));
}

test('every key that differs has a word', () => {
  const before = config();
  const silent = leaves(before).filter(([path, value]) => {
    const after = structuredClone(before) as unknown as Record<string, never>;
    const parent = path.slice(0, -1).reduce<Record<string, unknown>>((at, key) => at[key] as never, after);
    parent[path.at(-1)!] =
      typeof value === 'number' ? value + 1 : typeof value === 'boolean' ? !value : 'other';
    return changeWords(configChanges(before, after as unknown as Config)).length === 0;
  });
  expect(silent.map(([path]) => path.join('.'))).toEqual([]);
});
