// Rules in a configuration: what cannot be meant is named with rule, field and line; what is left out has its default.
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../daemon/config/load.ts';
import type { Config } from '../../daemon/config/types.ts';
import { checkConfig } from '../../daemon/core/checks.ts';
import { decisionScene } from '../../daemon/core/configured.ts';
import { VedetteError } from '../../daemon/platform/errors.ts';

const SQUARE = '[[0, 0], [1, 0], [1, 1], [0, 1]]';
const CAMERAS = [
  'cameras:',
  '  porch:',
  '    source: {type: scene}',
  `    zones: {door: {points: ${SQUARE}}, path: {points: ${SQUARE}}}`,
  '    lines: {gate: {points: [[0, 0.5], [1, 0.5]], sides: [street, garden]}}',
  '  yard:',
  '    source: {type: scene}',
  `    zones: {path: {points: ${SQUARE}}}`,
];

/** A configuration with these lines as the rule r; its first is line 11. */
function load(...lines: readonly string[]): Config {
  const text = [...CAMERAS, 'rules:', '  r:', ...lines.map((line) => `    ${line}`)].join('\n');
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

const ENTER = 'trigger: {type: enter, zone: door}';

describe('every kind of trigger', () => {
  test.each([
    '{type: enter, zone: door}',
    '{type: exit, zone: door}',
    '{type: dwell, zone: door, forS: 1.5}',
    '{type: cross, line: gate}',
    '{type: cross, line: gate, to: garden}',
    '{type: count, atLeast: 3}',
    '{type: count, zone: path, atMost: 0, forS: 60}',
    '{type: absence, forS: 86400}',
    '{type: absence, zone: path, forS: 1}',
    '{type: appear}',
    '{type: sequence, zones: [path, door, path], withinS: 30}',
    '{type: stationary}',
    '{type: removed, zone: path, forS: 3600}',
    '{type: fault}',
    '{type: fault, of: [disk], forS: 0}',
  ])('%s can be written', (trigger) => {
    expect(problems(`trigger: ${trigger}`)).toEqual([]);
  });

  test.each([
    [
      '{type: enter, zone: dor}',
      "24 rules.r.trigger.zone: no camera has a zone 'dor' (there are door, path)",
    ],
    ['{type: absence, zone: x, forS: 9}', "14 rules.r.trigger.zone: no camera has a zone 'x'"],
    ['{type: cross, line: gtae}', "14 rules.r.trigger.line: no camera has a line 'gtae' (there are gate)"],
    [
      '{type: cross, line: gate, to: house}',
      "rules.r.trigger.to: line 'gate' has no side 'house' (it has street, garden)",
    ],
    [
      '{type: sequence, zones: [path, gate], withinS: 9}',
      "rules.r.trigger.zones[1]: no camera has a zone 'gate'",
    ],
    [
      '{type: sequence, zones: [path], withinS: 9}',
      'rules.r.trigger.zones: must have at least 2 items (got 1)',
    ],
    [
      '{type: sequence, zones: [path, path], withinS: 9}',
      "rules.r.trigger.zones[1]: 'path' comes twice in a row: nobody enters a zone from within",
    ],
    ['{type: count}', 'rules.r.trigger: give one of atLeast and atMost'],
    ['{type: count, atLeast: 1, atMost: 2}', 'rules.r.trigger: give one of atLeast and atMost'],
    ['{type: count, atLeast: 0}', 'rules.r.trigger.atLeast: must be at least 1 (got 0)'],
    ['{type: dwell, zone: door}', 'rules.r.trigger.forS: is missing, must be a number'],
    ['{type: dwell, zone: door, forS: -1}', 'rules.r.trigger.forS: must be at least 0 (got -1)'],
    ['{type: appear, zone: door}', 'rules.r.trigger.zone: unknown key'],
    [
      '{type: fault, of: [fire]}',
      'rules.r.trigger.of[0]: must be one of offline, frozen, blind, moved, detector, disk',
    ],
    ['{type: fault, of: []}', 'rules.r.trigger.of: must have at least 1 item (got 0)'],
  ])('%s is refused', (trigger, said) => {
    const [problem, ...others] = problems(`trigger: ${trigger}`);
    expect(problem).toContain(said.replace(/^\d+ /, ''));
    expect(problem).toMatch(/^v\.yaml:11:\d+ /);
    expect(others).toEqual([]);
  });
});

describe('filters and effects', () => {
  test.each([
    [
      'cameras: [porhc]',
      "v.yaml:12:15 rules.r.cameras[0]: there is no camera 'porhc' (there are porch, yard)",
    ],
    [
      'cameras: [porch, yard]',
      "v.yaml:11:34 rules.r.trigger.zone: camera 'yard' has no zone 'door' (it has path)",
    ],
    [
      'size: {widthMin: 0.5, widthMax: 0.4}',
      'v.yaml:12:22 rules.r.size.widthMin: must be at most widthMax, 0.4 (got 0.5)',
    ],
    [
      'size: {heightMin: 0.5, heightMax: 0.4}',
      'v.yaml:12:23 rules.r.size.heightMin: must be at most heightMax, 0.4 (got 0.5)',
    ],
    ['scoreMin: 70', 'v.yaml:12:15 rules.r.scoreMin: must be at most 1 (got 70)'],
    ['cooldownS: -1', 'v.yaml:12:16 rules.r.cooldownS: must be at least 0 (got -1)'],
    ['groupS: 301', 'v.yaml:12:13 rules.r.groupS: must be at most 300 (got 301)'],
    [
      'message: "{Label}"',
      'v.yaml:12:14 rules.r.message: {Label} stands for nothing (there are label, zone, line, from, to, camera, score, rule, count, seconds, time, fault)',
    ],
    [
      'message: "{label} at {dor}"',
      'v.yaml:12:14 rules.r.message: {dor} stands for nothing (there are label, zone, line, from, to, camera, score, rule, count, seconds, time, fault)',
    ],
  ])('%s is refused at its place', (line, said) => {
    expect(problems(ENTER, line)).toEqual([said]);
  });

  test.each([
    ['cooldownPer: zone', '{type: appear}', "'zone' needs a trigger with a zone"],
    ['cooldownPer: zone', '{type: cross, line: gate}', "'zone' needs a trigger with a zone"],
    ['cooldownPer: zone', '{type: count, atLeast: 2}', "'zone' needs a trigger with a zone"],
    ['cooldownPer: track', '{type: count, atLeast: 2}', "'track' needs a trigger that is about one object"],
    ['cooldownPer: track', '{type: absence, forS: 9}', "'track' needs a trigger that is about one object"],
    ['groupS: 5', '{type: absence, forS: 9}', 'absence is one alert already'],
    ['groupS: 5', '{type: fault}', 'fault is one alert already'],
    ['labels: [person]', '{type: fault}', 'is about objects, and a fault has none'],
    ['scoreMin: 0.5', '{type: fault}', 'is about objects, and a fault has none'],
    ['size: {widthMin: 0.1}', '{type: fault}', 'is about objects, and a fault has none'],
  ])('%s does not go with %s', (line, trigger, said) => {
    const key = line.slice(0, line.indexOf(':'));
    const found = problems(`trigger: ${trigger}`, line);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`v.yaml:12`);
    expect(found[0]).toContain(`rules.r.${key}: ${said}`);
  });

  test.each([
    ['zone', '{type: sequence, zones: [path, door], withinS: 9}'],
    ['zone', '{type: count, zone: path, atLeast: 2}'],
    ['track', '{type: removed}'],
  ])('cooldownPer: %s goes with %s', (per, trigger) => {
    expect(problems(`trigger: ${trigger}`, `cooldownPer: ${per}`)).toEqual([]);
  });

  test('all problems are said at once', () => {
    const found = problems(
      'trigger: {type: enter, zone: x}',
      'size: {widthMin: 1, widthMax: 0}',
      'message: "{z}"',
    );
    expect(found.map((line) => line.replace(/^v\.yaml:\d+:\d+ (\S+): .*$/, '$1'))).toEqual([
      'rules.r.trigger.zone',
      'rules.r.size.widthMin',
      'rules.r.message',
    ]);
  });
});

describe('what is left out', () => {
  const ruleOf = (...lines: readonly string[]) => decisionScene(load(...lines)).rules[0];

  test('has its default', () => {
    expect(ruleOf(ENTER)).toEqual({
      name: 'r',
      trigger: { type: 'enter', zone: 'door' },
      scoreMin: 0,
      while: 'armed',
      cooldownS: 60,
      cooldownPer: 'camera',
      groupS: 0,
      severity: 'warning',
      snapshot: true,
    });
  });

  test('is always in force where it is about faults', () => {
    expect(ruleOf('trigger: {type: fault}')).toMatchObject({
      trigger: { of: ['offline', 'frozen', 'blind', 'moved', 'detector', 'disk'], forS: 30 },
      while: 'always',
    });
    expect(ruleOf('trigger: {type: fault}', 'while: armed')?.while).toBe('armed');
  });
});
