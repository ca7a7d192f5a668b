// config/vedette.example.yaml is the manual: held against the schema, so that neither says what the other does not.
// Lines that begin with '#: ' are switched off in the file; "everything" below is the file with all of them switched on.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../daemon/config/load.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import { checkConfig, checkLabels } from '../../daemon/core/checks.ts';
import { configJsonSchema, keysOf, type SchemaKey } from '../../scripts/generate-docs.ts';
import { ROOT } from '../support/needs.ts';

const PATH = join(ROOT, 'config/vedette.example.yaml');
const TEXT = readFileSync(PATH, 'utf8');
const EVERYTHING = TEXT.replaceAll(/^( *)#: ?/gm, '$1');
const KEYS = keysOf(configJsonSchema());

/** Keys whose value in the file is an example, because their default is 'nothing'. */
const EXAMPLE_PLACES = [
  'track.bounds',
  'cameras.*.source.happenings',
  'cameras.*.zones',
  'cameras.*.lines',
  'cameras.*.masks',
  'cameras.*.motion.masks',
  'rules',
];

test('the example is a valid configuration as it stands', () => {
  expect(configSchema.safeParse(parse(TEXT)).error?.issues).toBeUndefined();
});

test('the example loads as an owner would load it, and contradicts neither itself nor the bundled model', () => {
  const { config } = parseConfig(TEXT, {
    fileName: 'vedette.example.yaml',
    folder: join(ROOT, 'config'),
    env: {},
    semanticChecks: checkConfig,
  });
  expect(Object.keys(config.cameras)).toEqual(['porch']);
  expect(Object.keys(config.rules)).toEqual(['person-at-door']);
  const manifest = readFileSync(join(ROOT, 'models', config.detector.model, 'manifest.json'), 'utf8');
  expect(checkLabels(config, (JSON.parse(manifest) as { labels: string[] }).labels)).toEqual([]);
});

test('its first line tells editors where the schema is', () => {
  const named = /^# yaml-language-server: \$schema=(\S+)\n/.exec(TEXT)?.[1];
  expect(named && existsSync(join(ROOT, 'config', named))).toBe(true);
});

test('every line that is switched off would be accepted, but for a password given twice', () => {
  // Certificates need a broker that speaks TLS.
  const text = EVERYTHING.replace('url: mqtt://', 'url: mqtts://');
  const issues = configSchema.safeParse(parse(text)).error?.issues ?? [];
  const unexpected = issues.filter(
    ({ message }) => !/^give (password|keyPassword|token) or \w+File, not both$/.test(message),
  );
  expect(unexpected).toEqual([]);
});

test('every key of the schema stands in the example, and nothing else does', () => {
  const shown = new Set(pathsOf(parse(EVERYTHING)).map(({ path }) => path));
  const known = new Set(KEYS.map(({ path }) => path));
  expect([...known].filter((path) => !shown.has(path))).toEqual([]);
  expect([...shown].filter((path) => !known.has(path) && !isName(path))).toEqual([]);
});

test('every value in the example is the default of the schema, but for the listed examples', () => {
  const wrong = pathsOf(parse(EVERYTHING)).flatMap(({ path, value, type }) => {
    const key = keyOf(path, type);
    if (key?.schema.default === undefined || key.schema.properties) return [];
    if (EXAMPLE_PLACES.includes(path)) return [];
    const same = JSON.stringify(value) === JSON.stringify(key.schema.default);
    return same ? [] : [`${path}: ${JSON.stringify(value)}, default ${JSON.stringify(key.schema.default)}`];
  });
  expect(wrong).toEqual([]);
});

test('a key with a default is not switched off, so that its default can be read', () => {
  const active = new Set(pathsOf(parse(TEXT)).map(({ path }) => path));
  const hidden = KEYS.filter(
    ({ path, schema, variant }) =>
      (variant ?? 'scene') === 'scene' &&
      schema.default !== undefined &&
      !active.has(path) &&
      !['device', 'location'].includes(path),
  );
  expect(hidden.map(({ path }) => path)).toEqual([]);
});

test('every key has a comment in front of it', () => {
  const lines = EVERYTHING.split('\n');
  const bare = lines.filter((line, at) => {
    const name = /^\s+([A-Za-z]+):/.exec(line)?.[1];
    const above = lines[at - 1] ?? '';
    // Sections have headings, and a chosen name (porch, door) needs no words.
    return name !== undefined && EXPLAINED.has(name) && !above.trimStart().startsWith('#');
  });
  expect(bare).toEqual([]);
});

const EXPLAINED = new Set(
  KEYS.filter(({ path, schema }) => path.includes('.') && !schema.properties).map(({ path }) =>
    path.slice(path.lastIndexOf('.') + 1),
  ),
);

interface Shown {
  /** Dotted, with `*` for a chosen name. */
  readonly path: string;
  readonly value: unknown;
  /** The `type` beside it, if any. */
  readonly type: unknown;
}

/** Every key of a parsed document. */
function pathsOf(value: unknown, prefix = ''): Shown[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  const { type } = value as { type?: unknown };
  return Object.entries(value).flatMap(([name, child]) => {
    const path = prefix === '' ? name : `${prefix}.${isNamed(prefix) ? '*' : name}`;
    return [{ path, value: child, type }, ...pathsOf(child, path)];
  });
}

/** Whether the members of `path` have names that the owner chooses. */
function isNamed(path: string): boolean {
  return KEYS.some((key) => key.path === path && key.schema.additionalProperties);
}

function isName(path: string): boolean {
  return path.endsWith('.*');
}

function keyOf(path: string, type: unknown): SchemaKey | undefined {
  return KEYS.find((key) => key.path === path && (key.variant === undefined || key.variant === type));
}
