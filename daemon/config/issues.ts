// Zod's issues in the owner's words: which limit, which value was seen, which key was probably meant. Values of secret
// keys and values from the environment are not shown. Pure.
import { distance } from 'fastest-levenshtein';
import type { z } from 'zod';
import { showText, showValue } from '../platform/show.ts';
import type { Place } from './document.ts';
import type { Path } from './problems.ts';
import { isSecretKey } from './redact.ts';

type Issue = z.core.$ZodIssue;

export interface IssueProblem {
  readonly path: Path;
  readonly message: string;
  /** 'key' when the name is wrong rather than the value. */
  readonly where: 'key' | 'value';
}

export interface IssueContext {
  readonly schema: z.core.$ZodType;
  /** The document that was checked. */
  readonly value: unknown;
  readonly root: Place;
}

const KNOWN_SHOWN_MAX = 20;

/** One issue may be several problems: every unknown key has its own line. */
export function issueProblems(issue: Issue, context: IssueContext): IssueProblem[] {
  const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(context.schema, context.value, path);
    return issue.keys.map((key) => ({
      path: [...path, key],
      message: `unknown key ${showText(key)} ${hint(key, known)}`,
      where: 'key',
    }));
  }
  if (issue.code === 'invalid_key' || issue.code === 'invalid_element') {
    const message = issue.issues[0]?.message ?? 'is not allowed';
    const seen = showValue(path.at(-1));
    return [
      { path, message: `${message} (got ${seen})`, where: issue.code === 'invalid_key' ? 'key' : 'value' },
    ];
  }
  const value = valueAt(context.value, path);
  return [
    { path, message: `${wording(issue, value)}${seen(issue, value, path, context.root)}`, where: 'value' },
  ];
}

/** What the value must be. */
function wording(issue: Issue, value: unknown): string {
  const missing = value === undefined ? 'is missing, ' : '';
  switch (issue.code) {
    case 'invalid_type':
      return `${missing}must be ${typeWords(issue.expected)}${typeHint(issue.expected, value)}`;
    case 'too_small':
      return `${missing}${smallWords(issue)}`;
    case 'too_big':
      return `must ${unitWords(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum)}`;
    case 'not_multiple_of':
      return `must be a multiple of ${issue.divisor}`;
    case 'invalid_value':
      return `${missing}${choiceWords(issue.values.map(String), value)}`;
    case 'invalid_union':
      return `${missing}${unionWords(issue, value)}`;
    default:
      return issue.message;
  }
}

function smallWords({ origin, inclusive, minimum }: z.core.$ZodIssueTooSmall): string {
  if (origin === 'string' && Number(minimum) === 1) return 'must not be empty';
  return `must ${unitWords(origin, inclusive === false ? 'more than' : 'at least', minimum)}`;
}

function unitWords(origin: string, limit: string, amount: number | bigint): string {
  const plural = Number(amount) === 1 ? '' : 's';
  if (origin === 'string') return `have ${limit} ${amount} character${plural}`;
  if (['array', 'tuple', 'set', 'map', 'object', 'record'].includes(origin)) {
    return `have ${limit} ${amount} item${plural}`;
  }
  return `be ${limit} ${amount}`;
}

function unionWords(issue: z.core.$ZodIssueInvalidUnion, value: unknown): string {
  const { options } = issue as { options?: readonly unknown[] };
  return options === undefined ? 'has none of the allowed forms' : choiceWords(options.map(String), value);
}

function choiceWords(choices: readonly string[], value: unknown): string {
  const meant = typeof value === 'string' ? closest(value, choices) : undefined;
  const must = choices.length === 1 ? `must be ${choices[0]}` : `must be one of ${choices.join(', ')}`;
  return meant === undefined || choices.length === 1 ? must : `${must}; did you mean ${meant}?`;
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping (key: value)',
  record: 'a mapping (name: value)',
  array: 'a list',
  tuple: 'a list',
};

function typeWords(expected: string): string {
  return TYPE_WORDS[expected] ?? expected;
}

function typeHint(expected: string, value: unknown): string {
  const scalar = typeof value === 'number' || typeof value === 'boolean';
  return expected === 'string' && scalar ? ': put it in quotes' : '';
}

/** ' (got …)': the size where a size is wrong, the text as written where it came from the environment. */
function seen(issue: Issue, value: unknown, path: Path, root: Place): string {
  if (value === undefined) return '';
  if (path.some(isSecretKey)) return '';
  if (issue.code === 'too_small' || issue.code === 'too_big') {
    if (typeof value === 'string') return value === '' ? '' : ` (got ${value.length})`;
    if (Array.isArray(value)) return ` (got ${value.length})`;
  }
  // A custom rule is about several keys, not about this value.
  if (issue.code === 'custom') return '';
  const { written } = placeAt(root, path) ?? {};
  if (written === undefined) return ` (got ${showValue(value)})`;
  // Text from the environment may be a secret put into the wrong place; a number or boolean that fits none is shown.
  return typeof value === 'string'
    ? ` (got ${showText(written)})`
    : ` (got ${showValue(value)} from ${showText(written)})`;
}

function hint(key: string, known: readonly string[]): string {
  const meant = closest(key, known);
  if (meant !== undefined) return `(did you mean '${meant}'?)`;
  const shown = known.slice(0, KNOWN_SHOWN_MAX).join(', ');
  return `(known here: ${shown}${known.length > KNOWN_SHOWN_MAX ? ', …' : ''})`;
}

/** The known name that was probably meant: a third of the letters may differ, or its end may be missing. */
export function closest(text: string, known: readonly string[]): string | undefined {
  const lower = text.toLowerCase();
  if (lower.length > 64) return undefined;
  const candidates = known
    .map((name) => ({ name, steps: distance(lower, name.toLowerCase()) }))
    .filter(
      ({ name, steps }) =>
        steps <= Math.max(1, Math.floor(Math.max(lower.length, name.length) / 3)) ||
        (lower.length >= 3 && name.toLowerCase().startsWith(lower)),
    )
    .sort((a, b) => a.steps - b.steps);
  return candidates[0]?.name;
}

/** The value at a path, or undefined. Own properties only. */
export function valueAt(value: unknown, path: Path): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) return undefined;
    current = (current as Record<string | number, unknown>)[part];
  }
  return current;
}

/** The place of a path, or undefined when nothing is written there. */
export function placeAt(root: Place, path: Path): Place | undefined {
  let current: Place | undefined = root;
  for (const part of path) current = current?.children.get(part);
  return current;
}

/** Keys the schema allows at a path; the document decides between the forms of a union. */
function knownKeys(schema: z.core.$ZodType, value: unknown, path: Path): string[] {
  const def = (schema as z.core.$ZodTypes)._zod.def;
  switch (def.type) {
    case 'default':
    case 'prefault':
    case 'optional':
    case 'nullable':
      return knownKeys(def.innerType, value, path);
    case 'object': {
      if (path.length === 0) return Object.keys(def.shape);
      const inner = def.shape[String(path[0])];
      return inner === undefined ? [] : knownKeys(inner, valueAt(value, path.slice(0, 1)), path.slice(1));
    }
    case 'record':
      return knownKeys(def.valueType, valueAt(value, path.slice(0, 1)), path.slice(1));
    case 'array':
      return knownKeys(def.element, valueAt(value, path.slice(0, 1)), path.slice(1));
    case 'union': {
      const { discriminator } = def as { discriminator?: string };
      const wanted = discriminator === undefined ? undefined : valueAt(value, [discriminator]);
      const option = def.options.find(
        (candidate) =>
          discriminator !== undefined &&
          candidate._zod.propValues?.[discriminator]?.has(wanted as string) === true,
      );
      return option === undefined ? [] : knownKeys(option, value, path);
    }
    default:
      return [];
  }
}
