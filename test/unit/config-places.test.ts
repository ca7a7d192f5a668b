// Zones and lines in a configuration: mistakes at their line and column, defaults, and what a change of them touches.
import { describe, expect, test } from 'vitest';
import { changeWords, configChanges } from '../../daemon/config/changes.ts';
import { parseConfig } from '../../daemon/config/load.ts';
import type { Config } from '../../daemon/config/types.ts';
import { checkConfig } from '../../daemon/core/checks.ts';
import { decisionScene } from '../../daemon/core/configured.ts';
import { VedetteError } from '../../daemon/platform/errors.ts';

const SQUARE = '[[0, 0], [1, 0], [1, 1], [0, 1]]';
const GATE = 'points: [[0, 0.5], [1, 0.5]], sides: [in, out]';

function load(...places: readonly string[]): Config {
  const text = ['cameras:', '  porch:', '    source: {type: scene}', ...places].join('\n');
  const options = { fileName: 'v.yaml', folder: '/nowhere', env: {}, semanticChecks: checkConfig };
  return parseConfig(text, options).config;
}

function problems(...places: readonly string[]): string[] {
  try {
    load(...places);
  } catch (error) {
    if (error instanceof VedetteError) return error.message.split('\n');
    throw error;
  }
  return [];
}

describe('a mistake is said at its place', () => {
  test.each([
    [
      'a line of one point',
      'points: [[0, 0]], sides: [in, out]',
      '5:22 cameras.porch.lines.gate.points: must have at least 2 items (got 1)',
    ],
    ['a line without sides', 'points: [[0, 0], [1, 1]]', '5:7 cameras.porch.lines.gate.sides: is missing'],
    [
      'a name that no topic can have',
      'points: [[0, 0], [1, 1]], sides: [in, Out Side]',
      "5:52 cameras.porch.lines.gate.sides[1]: the name of a side must be 1 to 64 of a-z, 0-9, '-' and '_'",
    ],
    [
      'sides of one name',
      'points: [[0, 0], [1, 1]], sides: [in, in]',
      "5:52 cameras.porch.lines.gate.sides[1]: both sides are called 'in'",
    ],
    [
      'two points in one place',
      'points: [[0, 0], [0, 0], [1, 1]], sides: [in, out]',
      '5:22 cameras.porch.lines.gate.points: points 1 and 2 are the same',
    ],
    [
      'an anchor that no box has',
      `${GATE}, anchor: left`,
      "5:70 cameras.porch.lines.gate.anchor: must be one of bottom, centre, top (got 'left')",
    ],
    [
      'no look at all',
      `${GATE}, inertia: 0`,
      '5:71 cameras.porch.lines.gate.inertia: must be at least 1 (got 0)',
    ],
    [
      'half a look',
      `${GATE}, inertia: 1.5`,
      '5:71 cameras.porch.lines.gate.inertia: must be a whole number (got 1.5)',
    ],
    [
      'a margin of half the picture',
      `${GATE}, margin: 0.5`,
      '5:70 cameras.porch.lines.gate.margin: must be at most 0.2 (got 0.5)',
    ],
    [
      'an unknown key',
      `${GATE}, side: in`,
      "5:62 cameras.porch.lines.gate.side: unknown key 'side' (did you mean 'sides'?)",
    ],
  ])('%s', (_what, line, problem) => {
    const [said, ...more] = problems('    lines:', `      gate: {${line}}`);
    expect(said).toContain(`v.yaml:${problem}`);
    expect(more).toEqual([]);
  });

  test('of zones and lines of one camera at once', () => {
    const zones = '    zones: {door: {points: [[0, 0], [1, 1], [1, 0], [0, 1]]}}';
    const lines = '    lines: {gate: {points: [[0, 0], [1, 1]], sides: [in, in]}}';
    expect(problems(zones, lines).map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'v.yaml:4:28 cameras.porch.zones.door.points:',
      'v.yaml:5:58 cameras.porch.lines.gate.sides[1]:',
    ]);
  });
});

test('what is left out has the steadiness that suits most cameras, and reaches the rules', () => {
  const config = load(
    `    zones: {door: {points: ${SQUARE}, anchor: top}}`,
    `    lines: {gate: {${GATE}, inertia: 3}}`,
  );
  expect(decisionScene(config).places.get('porch')).toEqual({
    zones: [
      {
        name: 'door',
        points: [
          [0, 0],
          [1, 0],
          [1, 1],
          [0, 1],
        ],
        anchor: 'top',
        inertia: 2,
        margin: 0.01,
      },
    ],
    lines: [
      {
        ...{
          name: 'gate',
          points: [
            [0, 0.5],
            [1, 0.5],
          ],
          sides: ['in', 'out'],
        },
        ...{ anchor: 'bottom', inertia: 3, margin: 0.01 },
      },
    ],
  });
});

test('a change of zones or lines is the business of the rules: no camera is started again', () => {
  const before = load();
  const zone = load(`    zones: {door: {points: ${SQUARE}}}`);
  const line = load(`    lines: {gate: {${GATE}}}`);
  const steadier = load(`    lines: {gate: {${GATE}, margin: 0.02}}`);
  for (const [from, to] of [
    [before, zone],
    [before, line],
    [line, steadier],
  ] as const) {
    expect(changeWords(configChanges(from, to))).toEqual(['rules']);
  }
});
