// The shape of the tree: rooms and folders, names, headers, length of files and functions (docs/ARCHITECTURE.md, Rooms).
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../support/needs.ts';
import { functionsOf, isBalanced } from './source-text.ts';
import { filesIn, sourcesIn } from './source-tree.ts';

const FILE_LINES_MAX = 400;
const FUNCTION_LINES_MAX = 70;
const HEADER_LINES_MAX = 8;

const ROOMS = [
  ...['camera', 'cli', 'config', 'core', 'detector', 'models'],
  ...['platform', 'publish', 'scene', 'store', 'web'],
];
const FOLDERS = ['.ci', 'config', 'daemon', 'docs', 'models', 'scripts', 'systemd', 'test'];
const TEST_FOLDERS = ['bench', 'chaos', 'e2e', 'fixtures', 'integration', 'support', 'tidy', 'unit'];
/** Not ours, or not tracked. */
const OTHER_FOLDERS = /^(?:\.git|node_modules|coverage|\.vedette.*)$/;

const SOURCES = sourcesIn('daemon', 'scripts', 'test');

function foldersIn(path: string): string[] {
  const entries = readdirSync(join(ROOT, path), { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

test('the daemon has the rooms of the design, main.ts, app.ts with its options and nothing else', () => {
  expect(foldersIn('daemon').filter((name) => !ROOMS.includes(name))).toEqual([]);
  const loose = filesIn('daemon').filter((path) => path.split('/').length === 2);
  expect(loose).toEqual(['daemon/app-options.ts', 'daemon/app.ts', 'daemon/main.ts']);
});

test('rooms are flat', () => {
  expect(filesIn('daemon').filter((path) => path.split('/').length > 3)).toEqual([]);
});

test('the top-level folders and those of the tests are the agreed ones', () => {
  const others = foldersIn('.').filter((name) => !FOLDERS.includes(name) && !OTHER_FOLDERS.test(name));
  expect(others).toEqual([]);
  expect(foldersIn('test').filter((name) => !TEST_FOLDERS.includes(name))).toEqual([]);
});

test('file names are kebab-case', () => {
  const names = SOURCES.map(({ path }) => path).filter((path) => !path.startsWith('test/fixtures/'));
  const odd = names.filter((path) => !/\/[a-z0-9]+(?:-[a-z0-9]+)*(?:\.test)?\.ts$/.test(path));
  expect(odd).toEqual([]);
});

test('file names say what is inside', () => {
  const vague = SOURCES.filter(({ path }) => /util|helper|manager/i.test(path));
  expect(vague.map(({ path }) => path)).toEqual([]);
});

test('the scanner of these tests reads every file to its end', () => {
  expect(SOURCES.filter(({ code }) => !isBalanced(code)).map(({ path }) => path)).toEqual([]);
});

test(`no file has more than ${FILE_LINES_MAX} lines`, () => {
  const long = SOURCES.map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }));
  expect(long.filter(({ lines }) => lines > FILE_LINES_MAX)).toEqual([]);
});

test(`no function has more than ${FUNCTION_LINES_MAX} lines`, () => {
  const long = SOURCES.flatMap(({ path, code }) =>
    functionsOf(code)
      .filter(({ before }) => !IS_GROUP.test(before))
      .map(({ firstLine, lastLine }) => ({ at: `${path}:${firstLine}`, lines: lastLine - firstLine + 1 }))
      .filter(({ lines }) => lines > FUNCTION_LINES_MAX),
  );
  expect(long).toEqual([]);
});

/** The callback of `describe('…', …)`: a list of tests, each of which is measured itself. */
const IS_GROUP = /\bdescribe(?:\.\w+)*\(\s*(['"`]) *\1,\s*$/;

test(`every source file begins with a comment of 1 to ${HEADER_LINES_MAX} lines`, () => {
  const wrong = sourcesIn('daemon', 'scripts').flatMap(({ path, text }) => {
    const lines = text.replace(/^#!.*\n/, '').split('\n');
    const end = lines.findIndex((line) => !line.startsWith('//'));
    const count = end === -1 ? lines.length : end;
    return count >= 1 && count <= HEADER_LINES_MAX ? [] : [`${path}: ${count} lines`];
  });
  expect(wrong).toEqual([]);
});
