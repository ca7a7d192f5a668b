// What the keys of a configuration say about each other.
import { describe, expect, test } from 'vitest';
import { type CheckedConfig, checkConfig, checkLabels } from '../../daemon/core/checks.ts';
import type { Point } from '../../daemon/core/types.ts';

const SQUARE: readonly Point[] = [
  [0.1, 0.1],
  [0.9, 0.1],
  [0.9, 0.9],
  [0.1, 0.9],
];
const YARD = { zones: { porch: { points: SQUARE } }, masks: {}, lines: {} };

function config(changes: Partial<CheckedConfig> = {}): CheckedConfig {
  return {
    mqtt: { embedded: { enabled: false, host: '127.0.0.1' } },
    track: { scoreLow: 0.2, scoreMin: 0.5, thresholds: {}, bounds: {} },
    cameras: { yard: YARD, gate: { zones: {}, masks: {}, lines: {} } },
    rules: {},
    ...changes,
  };
}

const rule = (zone: string, cameras?: string[]) =>
  checkConfig(config({ rules: { r: { trigger: { type: 'enter' as const, zone }, cameras } } }));

test('a configuration in which everything fits has no faults', () => {
  expect(checkConfig(config({ rules: { r: { trigger: { type: 'enter', zone: 'porch' } } } }))).toEqual([]);
});

test('a zone must not have the name of a camera where Frigate is to be spoken', () => {
  const cameras = {
    yard: { zones: { gate: { points: SQUARE } }, masks: {}, lines: {} },
    gate: { zones: {}, masks: {}, lines: {} },
  };
  expect(checkConfig(config({ cameras }))).toEqual([]);
  expect(checkConfig(config({ cameras, frigate: { enabled: false } }))).toEqual([]);
  expect(checkConfig(config({ cameras, frigate: { enabled: true } }))).toEqual([
    {
      path: ['cameras', 'yard', 'zones', 'gate'],
      message: expect.stringContaining('has the name of a camera'),
    },
  ]);
});

describe('a rule', () => {
  test('without cameras needs one camera that has its zone', () => {
    expect(rule('porch')).toEqual([]);
    expect(rule('stair')).toEqual([
      { path: ['rules', 'r', 'trigger', 'zone'], message: "no camera has a zone 'stair' (there are porch)" },
    ]);
  });

  test('with cameras needs the zone on each of them', () => {
    expect(rule('porch', ['yard'])).toEqual([]);
    expect(rule('porch', ['yard', 'gate'])).toEqual([
      { path: ['rules', 'r', 'trigger', 'zone'], message: "camera 'gate' has no zone 'porch' (it has none)" },
    ]);
  });

  test('names only cameras that exist', () => {
    expect(rule('porch', ['yard', 'yrad'])).toEqual([
      { path: ['rules', 'r', 'cameras', 1], message: "there is no camera 'yrad' (there are yard, gate)" },
    ]);
  });

  test('does not find what every object inherits', () => {
    expect(rule('constructor')).toHaveLength(1);
    expect(rule('porch', ['constructor'])).toHaveLength(1);
    expect(rule('constructor', ['yard'])).toHaveLength(1);
  });
});

test('track.scoreLow must not be above track.scoreMin', () => {
  const track = (scoreLow: number) =>
    checkConfig(config({ track: { scoreLow, scoreMin: 0.5, thresholds: {}, bounds: {} } }));
  expect(track(0.5)).toEqual([]);
  expect(track(0.6)).toEqual([
    { path: ['track', 'scoreLow'], message: 'must be at most track.scoreMin, 0.5 (got 0.6)' },
  ]);
});

describe('the embedded broker', () => {
  const broker = (embedded: Partial<CheckedConfig['mqtt']['embedded']>) =>
    checkConfig(config({ mqtt: { embedded: { enabled: true, host: '127.0.0.1', ...embedded } } }));

  test.each([
    '127.0.0.1',
    '127.9.8.7',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '::FFFF:7f00:1',
    'localhost',
  ])('at %s needs no password', (host) => {
    expect(broker({ host })).toEqual([]);
  });

  test.each([
    '0.0.0.0',
    '::',
    '192.168.1.2',
    '127.example.org',
    '127.0.0.1.example.org',
    '128.0.0.1',
    '127.0.0.999',
    '127.1',
    '127.0.0.01',
    '127.0.0.1:1883',
    '::2',
    '::127.0.0.1',
    '::ffff:128.0.0.1',
    '::ffff:127.0.0.01',
    '[::1]',
    '::1%lo',
  ])('at %s needs user and password', (host) => {
    expect(broker({ host })).toEqual([
      { path: ['mqtt', 'embedded', 'host'], message: expect.stringContaining(`'${host}' can be reached`) },
    ]);
    expect(broker({ host, user: 'u' })).toHaveLength(1);
    expect(broker({ host, password: 'p' })).toHaveLength(1);
    expect(broker({ host, user: 'u', password: 'p' })).toEqual([]);
    expect(broker({ host, enabled: false })).toEqual([]);
  });
});

test('labels that the model does not know are named with those it knows', () => {
  const rules = {
    r: { trigger: { type: 'enter', zone: 'porch' }, labels: ['person', 'cat'] },
    any: { trigger: { type: 'enter', zone: 'porch' } },
  } as const;
  const track = { scoreLow: 0, scoreMin: 1, thresholds: { dog: 0.5, horse: 0.5 }, bounds: { cow: {} } };
  const message = (label: string): string =>
    `the model does not know the label '${label}' (it knows person, dog)`;
  expect(checkLabels({ rules, track }, ['person', 'dog'])).toEqual([
    { path: ['rules', 'r', 'labels', 1], message: message('cat') },
    { path: ['track', 'thresholds', 'horse'], message: message('horse') },
    { path: ['track', 'bounds', 'cow'], message: message('cow') },
  ]);
  const many = Array.from({ length: 80 }, (_, i) => `label${i}`);
  expect(checkLabels({ rules, track }, many)[0]?.message).toMatch(/label11, …\)$/);
});
