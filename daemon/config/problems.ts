// What is wrong with a configuration, and where: one line per problem, as
// `vedette.yaml:12:15 mqtt.keepaliveS: must be at least 5 (got 1)`. Values are shown shortened, escaped and without
// credentials, because these lines end up in terminals and journals. Pure.
import { VedetteError } from '../platform/errors.ts';
import { showText } from '../platform/show.ts';

/** Keys and indexes from the root of the document. */
export type Path = readonly (string | number)[];

export interface Problem {
  /** File name as shown to the owner. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  readonly column: number;
  /** As in `cameras.porch.zones.steps.points[0]`; '' for the whole document. */
  readonly path: string;
  readonly message: string;
}

/** A problem whose place is not looked up yet. `at` is an offset into the text, in UTF-16 code units. */
export interface Finding {
  readonly path: Path;
  readonly message: string;
  readonly at: number;
}

/** More would only scroll the first ones off the screen. */
const PROBLEMS_MAX = 100;

/** All problems as one error, in the order of the file; the same line is not said twice. */
export function invalidConfig(file: string, problems: readonly Problem[], cause?: unknown): VedetteError {
  const sorted = [...problems].sort((a, b) => a.line - b.line || a.column - b.column);
  const lines = [...new Set(sorted.map(problemLine))];
  const rest = lines.length - PROBLEMS_MAX;
  const shown =
    rest > 0 ? [...lines.slice(0, PROBLEMS_MAX), `${file}: and ${rest} more problems like these`] : lines;
  return new VedetteError('CONFIG_INVALID', shown.join('\n'), { problems: sorted }, cause);
}

/** The problem as one line for the owner. */
export function problemLine({ file, line, column, path, message }: Problem): string {
  return `${file}:${line}:${column} ${path === '' ? '' : `${path}: `}${message}`;
}

/** Keys joined with dots, indexes in brackets, anything unusual quoted. */
export function showPath(path: Path): string {
  let shown = '';
  for (const part of path) {
    if (typeof part === 'number') shown += `[${part}]`;
    else if (/^[A-Za-z0-9_-]+$/.test(part)) shown += shown === '' ? part : `.${part}`;
    else shown += `[${showText(part)}]`;
  }
  return shown;
}
