// The schema over a document. Mends what is only in the wrong clothes (a number from the environment, a section with
// nothing in it); if problems remain, says what of the configuration still stands, so that the semantic checks can speak
// about that part at the same time. Pure.
import type { z } from 'zod';
import type { ConfigDocument } from './document.ts';
import { issueProblems, placeAt, valueAt } from './issues.ts';
import { type Finding, type Path, showPath } from './problems.ts';
import { configSchema } from './schema.ts';
import { booleanOf, numberOf } from './substitute.ts';
import type { Config } from './types.ts';

export interface Validated {
  /** Whole if there are no findings; else without the parts that are wrong, undefined if nothing can be left out. */
  readonly config: Config | undefined;
  readonly findings: readonly Finding[];
  /** Top-level sections in which something was left out: what is said of these may be a consequence. */
  readonly damaged: ReadonlySet<string>;
}

/** Every round mends or leaves out all it can; what that uncovers is for the next. */
const ROUNDS_MAX = 8;

/** Checks the document, whose value must be a mapping; mends it in place. */
export function validate(document: ConfigDocument): Validated {
  const { value, root, findings: known } = document;
  const result = parseMended(document);
  const damaged = new Set(known.map(({ path }) => String(path[0])));
  if (result.success) return { config: result.data, findings: [], damaged };
  const silent = new Set(known.map(({ path }) => showPath(path)));
  const problems = result.error.issues.flatMap((issue) =>
    issueProblems(issue, { schema: configSchema, value, root }),
  );
  const findings = problems
    // A value that could not be read has its problem already; that it is also empty is no news.
    .filter(({ path }) => !silent.has(showPath(path)))
    .map(({ path, message, where }) => ({ path, message, at: offsetOf(document, path, where) }));
  for (const { path } of problems) damaged.add(String(path[0]));
  return { config: parsePruned(value, problems), findings, damaged };
}

/** Offset of the value (or key) at a path; where nothing is written, of the closest key above it. */
export function offsetOf({ root }: ConfigDocument, path: Path, where: 'key' | 'value' = 'value'): number {
  const place = placeAt(root, path);
  if (place !== undefined) return where === 'key' ? place.keyAt : place.valueAt;
  for (let length = path.length - 1; length > 0; length -= 1) {
    const above = placeAt(root, path.slice(0, length));
    if (above !== undefined) return above.keyAt;
  }
  return root.valueAt;
}

function parseMended({ value, root }: ConfigDocument): z.ZodSafeParseResult<Config> {
  let result = configSchema.safeParse(value);
  for (let round = 0; round < ROUNDS_MAX && !result.success; round += 1) {
    const mended = result.error.issues.filter((issue) => {
      const path = issue.path as Path;
      return issue.code === 'invalid_type' && mend(value, path, issue.expected, placeAt(root, path)?.whole);
    });
    if (mended.length === 0) break;
    result = configSchema.safeParse(value);
  }
  return result;
}

/** Changes the document's value at `path` if that helps; true if it did. */
function mend(value: unknown, path: Path, expected: string, whole: boolean | undefined): boolean {
  const key = path.at(-1);
  if (key === undefined) return false;
  const parent = valueAt(value, path.slice(0, -1)) as Record<string | number, unknown>;
  const better = mended(valueAt(value, path), expected, whole === true);
  if (better === undefined) return false;
  parent[key] = better;
  return true;
}

function mended(current: unknown, expected: string, fromEnvironment: boolean): unknown {
  // `mqtt:` with every key commented out is a section without keys.
  if (current === null && (expected === 'object' || expected === 'record')) return {};
  if (typeof current !== 'string' || !fromEnvironment) return undefined;
  if (expected === 'boolean') return booleanOf(current);
  return expected === 'number' || expected === 'int' ? numberOf(current) : undefined;
}

/** What is left when everything wrong is left out, as if it had not been written; undefined if that is no whole. */
function parsePruned(value: unknown, problems: readonly { readonly path: Path }[]): Config | undefined {
  const pruned = structuredClone(value);
  let paths: readonly Path[] = problems.map(({ path }) => path);
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    if (!paths.map((path) => prune(pruned, path)).includes(true)) return undefined;
    const result = configSchema.safeParse(pruned);
    if (result.success) return result.data;
    paths = result.error.issues.flatMap((issue) =>
      issueProblems(issue, { schema: configSchema, value: pruned, root: EMPTY }).map(({ path }) => path),
    );
  }
  return undefined;
}

const EMPTY = { keyAt: 0, valueAt: 0, children: new Map() };

/** Removes the deepest key on the path that is there; a list goes as a whole. */
function prune(value: unknown, path: Path): boolean {
  for (let length = path.length; length > 0; length -= 1) {
    const key = path[length - 1]!;
    const parent = valueAt(value, path.slice(0, length - 1));
    if (typeof parent !== 'object' || parent === null || Array.isArray(parent)) continue;
    if (!Object.hasOwn(parent, key)) continue;
    delete (parent as Record<string | number, unknown>)[key];
    return true;
  }
  return false;
}
