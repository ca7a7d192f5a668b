#!/usr/bin/env node
// Writes config/vedette.schema.json and docs/config.md from the schema of the configuration (`npm run docs`).
// With --check it writes nothing and exits 1 when a file is stale; test/tidy runs that. Never edit the two by hand.
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { configSchema } from '../daemon/config/schema.ts';

const ROOT = resolve(import.meta.dirname, '..');
const COMMAND = 'npm run docs';

/** The parts of JSON Schema that z.toJSONSchema uses for our schema. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly propertyNames?: JsonSchema;
  readonly additionalProperties?: JsonSchema | false;
  readonly oneOf?: readonly JsonSchema[];
  readonly items?: JsonSchema | false;
  readonly prefixItems?: readonly JsonSchema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly pattern?: string;
}

/** One key of the configuration. `path` is dotted; `*` stands for a name that the owner chooses. */
export interface SchemaKey {
  readonly path: string;
  readonly schema: JsonSchema;
  readonly required: boolean;
  /** The value of `type` beside it for which it exists, where that matters. */
  readonly variant: string | undefined;
}

/** The JSON Schema of what an owner writes. */
export function configJsonSchema(): JsonSchema {
  const generated = z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' });
  return { $id: 'urn:vedette:config', title: 'Vedette configuration', ...generated } as JsonSchema;
}

/** Every key below `schema`, parents first, in the order of the schema. */
export function keysOf(schema: JsonSchema, prefix = '', variant?: string): SchemaKey[] {
  const keys: SchemaKey[] = [];
  for (const [name, child] of Object.entries(schema.properties ?? {})) {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const required = schema.required?.includes(name) ?? false;
    keys.push({ path, schema: child, required, variant }, ...keysOf(child, path, variant));
  }
  // A map from names to scalars is one key; only a map of sections has keys of its own.
  const member = schema.additionalProperties;
  if (member && member.properties !== undefined) keys.push(...keysOf(member, `${prefix}.*`, variant));
  return schema.oneOf === undefined ? keys : [...keys, ...unionKeys(schema.oneOf, prefix)];
}

/** Keys of a union by `type`: `type` itself once, with all its values, then those of each member. */
function unionKeys(members: readonly JsonSchema[], prefix: string): SchemaKey[] {
  const types = members.map((member) => member.properties?.['type'] ?? {});
  const description = types
    .map((type) => `\`${String(type.const)}\`: ${type.description ?? ''}`.trim())
    .join(' ');
  const type: JsonSchema = { type: 'string', enum: types.map((one) => one.const), description };
  const path = `${prefix}.type`;
  const keys: SchemaKey[] = [{ path, schema: type, required: true, variant: undefined }];
  for (const [at, member] of members.entries()) {
    const variant = members.length > 1 ? String(types[at]?.const) : undefined;
    keys.push(...keysOf(member, prefix, variant).filter((key) => key.path !== path));
  }
  return keys;
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum) return `one of ${schema.enum.map((value) => code(String(value))).join(', ')}`;
  if (schema.oneOf) return 'section, by its `type`';
  if (schema.prefixItems) return `[${schema.prefixItems.map(typeOf).join(', ')}]`;
  if (schema.type === 'array') return schema.items ? `list of ${typeOf(schema.items)}` : 'list';
  if (schema.type === 'integer') return 'whole number';
  if (schema.type !== 'object') return schema.type ?? 'any';
  if (!schema.additionalProperties) return 'section';
  const member = schema.additionalProperties;
  return `${member.properties ? 'sections' : typeOf(member)} by name`;
}

function boundsOf(schema: JsonSchema): string {
  const bounds = [
    span(schema.exclusiveMinimum ?? schema.minimum, schema.exclusiveMaximum ?? schema.maximum, ''),
    schema.multipleOf === undefined ? '' : `multiple of ${schema.multipleOf}`,
    // A pattern says more than a length.
    schema.pattern === undefined ? span(schema.minLength, schema.maxLength, ' characters') : '',
    schema.pattern === undefined ? '' : code(schema.pattern.replaceAll('\\/', '/')),
    span(schema.minItems, schema.maxItems, ' items'),
  ];
  const member = schema.items ?? schema.additionalProperties;
  if (schema.propertyNames?.pattern) bounds.push(`names ${code(schema.propertyNames.pattern)}`);
  if (member && member.properties === undefined) {
    const [first] = member.prefixItems ?? [member];
    // The length of a pair says nothing that its type does not.
    const inner = boundsOf(first ?? {});
    if (inner !== '') bounds.push(`each ${inner}`);
  }
  return bounds.filter((bound) => bound !== '').join('; ');
}

/** `1 to 5 items`, `at least 1`, or nothing; an integer's own limits say nothing to an owner. */
function span(min: number | undefined, max: number | undefined, unit: string): string {
  const least = min === Number.MIN_SAFE_INTEGER ? undefined : min;
  const most = max === Number.MAX_SAFE_INTEGER ? undefined : max;
  if (least !== undefined && most !== undefined) return `${least} to ${most}${unit}`;
  if (least !== undefined) return unit !== '' && least === 1 ? 'not empty' : `at least ${least}${unit}`;
  return most === undefined ? '' : `at most ${most}${unit}`;
}

function defaultOf({ schema, required }: SchemaKey): string {
  if (required) return '**required**';
  // The keys of a section have defaults of their own.
  if (schema.default === undefined || schema.properties) return '';
  return code(typeof schema.default === 'string' ? schema.default : JSON.stringify(schema.default));
}

function code(text: string): string {
  return `\`${text.replaceAll('|', '\\|')}\``;
}

function prose(text: string): string {
  return text.replaceAll('<', '&lt;').replaceAll('|', '\\|');
}

function row(key: SchemaKey): string {
  const path = key.path.replaceAll('*', '<name>');
  const condition = key.variant === undefined ? '' : `With \`type: ${key.variant}\`: `;
  const description = `${condition}${prose(key.schema.description ?? '')}`;
  return `| ${code(path)} | ${typeOf(key.schema)} | ${defaultOf(key)} | ${boundsOf(key.schema)} | ${description} |`;
}

function section(name: string, schema: JsonSchema, required: boolean): string {
  const below = keysOf(schema, name);
  const own: SchemaKey = { path: name, schema, required, variant: undefined };
  const rows = (schema.properties === undefined ? [own, ...below] : below).map(row);
  const head = '| key | type | default | bounds | meaning |\n| --- | --- | --- | --- | --- |';
  return `## ${name}\n\n${prose(schema.description ?? '')}\n\n${head}\n${rows.join('\n')}\n`;
}

const INTRO = `# Configuration

<!-- Generated by scripts/generate-docs.ts from daemon/config/schema.ts: change the schema, then ${COMMAND}. -->

One YAML file. [config/vedette.example.yaml](../config/vedette.example.yaml) holds every key with its default and can be copied;
this page adds types and bounds. \`config/vedette.schema.json\` is the same for editors (first line of the file:
\`# yaml-language-server: $schema=…\`).

## Where the file is looked for

1. The file named by \`--config\` (or \`-c\`); no other is tried then.
2. The file named by \`$VEDETTE_CONFIG\`; no other is tried then either.
3. \`$CONFIGURATION_DIRECTORY/vedette.yaml\` (set by systemd).
4. \`./vedette.yaml\`.
5. \`/etc/vedette/vedette.yaml\`.

The first of the last three that exists is taken. Without any, \`vedette run\` ends with exit code 78 and names the paths it tried. Relative
paths inside the file (videos, models, password files) start at the folder of the file.

## Environment and secrets

- \`\${NAME}\` in a value is replaced by the environment variable \`NAME\`; one that is not set is an error. \`\${NAME:-value}\` has a default,
  \`$\${\` stands for a plain \`\${\`. A value that is nothing but \`\${NAME}\` may become a number or a boolean.
- \`passwordFile\` names a file whose first line is the password. A bare name is looked for in \`$CREDENTIALS_DIRECTORY\` first (systemd's
  \`LoadCredential=\`). Give \`password\` or \`passwordFile\`, not both. So it is with \`keyPasswordFile\` and \`tokenFile\`.
- A password never appears in a log, a message or an error.

## Errors

Every problem is told at once, a line each, with file, line, column and key; the daemon does not start (exit code 78, which systemd does
not restart):

\`\`\`
vedette.yaml:12:15 mqtt.keepaliveS: must be at least 5 (got 1)
\`\`\`

An unknown key is an error too. \`vedette check\` looks at a file without starting anything.

## While the daemon runs

\`systemctl reload vedette\` (SIGHUP) takes the whole file or, with an error in it, nothing. Nothing needs a restart of the daemon. What changes begins anew, and the rest goes on:

| changed | what happens |
| --- | --- |
| \`rules\`, \`location\`, \`cameras.<name>.zones\` and \`.lines\`, \`ladder\`, \`store\`, \`frigate\`, \`snapshots.keepDays\` and \`.keepMb\`; the switches \`armed\`, \`cameras.<name>.enabled\`, \`.armed\`, \`.threshold\`, \`.detect.enabled\` | holds at once |
| anything else of a camera | that camera is started again; its open events end |
| \`track\`, \`log\`, the rest of \`snapshots\`, \`detector.deadlineMs\` | all cameras are |
| \`detector\`, \`track.scoreLow\` | the detector is replaced |
| \`device\`, \`mqtt\`, \`homeassistant\`, \`snapshots.publish\` | the connection to the broker is made anew |

## Reading the tables

\`<name>\` stands for a name of your choice. A default of **required** means that the key must be given; an empty one that nothing is set.
Units stand at the end of a key: \`Ms\` milliseconds, \`S\` seconds.
`;

/** docs/config.md. */
export function configMarkdown(schema: JsonSchema): string {
  const sections = Object.entries(schema.properties ?? {}).map(([name, part]) =>
    section(name, part, schema.required?.includes(name) ?? false),
  );
  return [INTRO, ...sections].join('\n');
}

/** Path below the root and content of every generated file. */
export function generatedFiles(): Map<string, string> {
  const schema = configJsonSchema();
  return new Map([
    ['config/vedette.schema.json', `${JSON.stringify(schema, undefined, 2)}\n`],
    ['docs/config.md', configMarkdown(schema)],
  ]);
}

function current(path: string): string | undefined {
  try {
    return readFileSync(join(ROOT, path), 'utf8');
  } catch {
    return undefined;
  }
}

function main(): number {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
  const stale = [...generatedFiles()].filter(([path, content]) => current(path) !== content);
  for (const [path, content] of stale) {
    if (values.check) process.stderr.write(`${path} is stale: ${COMMAND}\n`);
    else writeFileSync(join(ROOT, path), content);
  }
  if (!values.check) process.stdout.write(`${stale.length} files written\n`);
  return values.check && stale.length > 0 ? 1 : 0;
}

if (import.meta.main) process.exitCode = main();
