// The files of the repository as the tidy tests see them: everything that git would track, read once. Walks the folders
// itself, so that the tests also run on a copy without .git.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../support/needs.ts';
import { maskCode } from './source-text.ts';

export interface SourceFile {
  /** Path below the root, with '/'. */
  readonly path: string;
  readonly text: string;
  /** The same length, with the inside of strings, templates, regular expressions and comments blanked. */
  readonly code: string;
}

/** What .gitignore names, and what belongs to git or an editor. */
const IGNORED = /^(node_modules|coverage|\.git|\.vedette.*|.*\.log)$/;

/** Paths below the root of every file in these folders ('.' is the whole tree). */
export function filesIn(...folders: readonly string[]): string[] {
  return folders.flatMap((folder) => walk(folder === '.' ? '' : folder)).sort();
}

function walk(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (IGNORED.test(entry.name)) return [];
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return walk(path);
    return entry.isFile() ? [path] : [];
  });
}

/** The TypeScript files of these folders. */
export function sourcesIn(...folders: readonly string[]): SourceFile[] {
  return filesIn(...folders)
    .filter((path) => path.endsWith('.ts'))
    .map(sourceOf);
}

const cache = new Map<string, SourceFile>();

function sourceOf(path: string): SourceFile {
  const known = cache.get(path);
  if (known !== undefined) return known;
  const text = read(path);
  const source = { path, text, code: maskCode(text) };
  cache.set(path, source);
  return source;
}

/** Text of a file below the root. */
export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** 1 for the first line. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** `path:line what` for every match of a pattern in the code of these files. */
export function matches(files: readonly SourceFile[], pattern: RegExp): string[] {
  const global = new RegExp(pattern, `${pattern.flags.replace('g', '')}g`);
  return files.flatMap(({ path, code }) =>
    [...code.matchAll(global)].map((match) => `${path}:${lineAt(code, match.index)} ${match[0].trim()}`),
  );
}
