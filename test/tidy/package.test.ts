// package.json and what must never be in the tree: loose versions, install scripts, paths of somebody's machine.
import { expect, test } from 'vitest';
import { filesIn, lineAt, read } from './source-tree.ts';

interface Package {
  readonly version: string;
  readonly private: boolean;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

const PACKAGE = JSON.parse(read('package.json')) as Package;

test('every dependency is pinned to one version', () => {
  const { dependencies, devDependencies, optionalDependencies } = PACKAGE;
  const all = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
  expect(all.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  expect(all.length).toBeGreaterThan(0);
});

test('no package may run a script when it is installed', () => {
  expect(Object.entries(PACKAGE.allowScripts).filter(([, allowed]) => allowed !== false)).toEqual([]);
});

test('the package is private: type stripping does not work below node_modules', () => {
  expect(PACKAGE.private).toBe(true);
});

test('the newest version in the change log is that of package.json', () => {
  const newest = /^## +\[?v?(\d+\.\d+\.\d+)/m.exec(read('CHANGELOG.md'))?.[1];
  expect(newest).toBe(PACKAGE.version);
});

/** Folders of the machines this was written on; in parts, so that this file does not contain them. */
const MACHINE_PATH = new RegExp(`(?<![\\w.$~})-])/(?:${['work', 'root', 'farm'].join('|')})/`, 'g');

test('no file knows a folder of the machine it was written on', () => {
  const found = filesIn('.').flatMap((path) => {
    const text = read(path);
    // Bytes that are no text: models, databases, pictures.
    if (text.includes('\0')) return [];
    return [...text.matchAll(MACHINE_PATH)].map(({ index }) => `${path}:${lineAt(text, index)}`);
  });
  expect(found).toEqual([]);
});
