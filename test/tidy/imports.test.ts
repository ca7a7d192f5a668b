// What the files of the daemon import in fact: no cycles, and the rooms of the design. biome.json keeps the same fences
// by the text of an import (fences.test.ts); here the paths are resolved, so that no spelling gets around them.
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { type Import, importsOf } from './source-text.ts';
import { lineAt, type SourceFile, sourcesIn } from './source-tree.ts';

const FILES = sourcesIn('daemon');
const PATHS = new Set(FILES.map(({ path }) => path));

interface Edge extends Import {
  readonly file: SourceFile;
  /** Path below the root. */
  readonly to: string;
}

function edgesOf(file: SourceFile): Edge[] {
  return importsOf(file)
    .filter(({ from }) => from.startsWith('.'))
    .map((one) => ({ ...one, file, to: join(dirname(file.path), one.from) }));
}

const EDGES = FILES.flatMap(edgesOf);

test('every import inside the daemon names a file that exists', () => {
  const missing = EDGES.filter(({ to }) => to.startsWith('daemon/') && !PATHS.has(to));
  expect(missing.map(({ file, from }) => `${file.path}: ${from}`)).toEqual([]);
});

test('the daemon imports nothing of the repository from outside daemon/', () => {
  const outside = EDGES.filter(({ to }) => !to.startsWith('daemon/'));
  expect(outside.map(({ file, from }) => `${file.path}: ${from}`)).toEqual([]);
});

test('no file imports itself in a circle', () => {
  const next = new Map<string, string[]>();
  for (const { file, to, typeOnly, dynamic } of EDGES) {
    // Types are gone at run time, and what is loaded later does not take part in loading.
    if (!typeOnly && !dynamic) next.set(file.path, [...(next.get(file.path) ?? []), to]);
  }
  expect(cycleIn(next)).toEqual([]);
});

/** The paths of one cycle, or none. */
function cycleIn(next: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): string[] => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
    if (done.has(path)) return [];
    for (const to of next.get(path) ?? []) {
      const cycle = visit(to, [...trail, path]);
      if (cycle.length > 0) return cycle;
    }
    done.add(path);
    return [];
  };
  for (const path of next.keys()) {
    const cycle = visit(path, []);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

test('before a command runs only commander and pino are loaded', () => {
  const reached = new Set(['daemon/main.ts']);
  const packages = new Set<string>();
  for (const path of reached) {
    const file = FILES.find((one) => one.path === path);
    for (const { from, typeOnly, dynamic } of file === undefined ? [] : importsOf(file)) {
      if (typeOnly || dynamic || from.startsWith('node:')) continue;
      if (from.startsWith('.')) reached.add(join(dirname(path), from));
      else packages.add(from);
    }
  }
  expect([...packages].sort()).toEqual(['commander', 'pino']);
});

test('a circle would be found', () => {
  const edges = { a: ['b', 'c'], b: ['c'], c: ['d', 'b'] };
  expect(cycleIn(new Map(Object.entries(edges)))).toEqual(['b', 'c', 'b']);
  expect(cycleIn(new Map([['a', ['b']]]))).toEqual([]);
});

const ADAPTER = ['core', 'platform', 'config/types.ts'];

/** What each room may import beside itself; rooms and files that are not named may import everything. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'app.ts': [
    ...['camera', 'detector', 'store', 'publish', 'web', 'models', 'scene'],
    ...['core', 'config', 'platform', 'app-options.ts'],
  ],
  'app-options.ts': ['detector/wire.ts', 'core', 'config', 'platform'],
  detector: ADAPTER,
  store: ADAPTER,
  publish: ADAPTER,
  web: ADAPTER,
  scene: ADAPTER,
  camera: [...ADAPTER, 'detector/wire.ts'],
  models: [...ADAPTER, 'detector/wire.ts'],
  config: ['platform', 'core/types.ts', 'core/rule-types.ts'],
  core: ['platform/errors.ts'],
  platform: [],
};

test('every import keeps to the rooms of the design', () => {
  const wrong = EDGES.filter(({ file, to }) => {
    const [, room = ''] = file.path.split('/');
    const [, toRoom = '', toFile = ''] = to.split('/');
    const allowed = MAY_IMPORT[room];
    return (
      allowed !== undefined &&
      room !== toRoom &&
      !allowed.includes(toRoom) &&
      !allowed.includes(`${toRoom}/${toFile}`)
    );
  });
  expect(wrong.map(({ file, from, offset }) => `${file.path}:${lineAt(file.text, offset)} ${from}`)).toEqual(
    [],
  );
});

test('the types of the configuration, all that an adapter may know of it, are types only', () => {
  const types = EDGES.filter(({ file }) => file.path === 'daemon/config/types.ts');
  expect(types.filter(({ typeOnly }) => !typeOnly).map(({ from }) => from)).toEqual([]);
});

test('core is pure: it imports no module of Node and no package', () => {
  const core = FILES.filter(({ path }) => path.startsWith('daemon/core/'));
  const wrong = core.flatMap((file) =>
    importsOf(file)
      .filter(({ from }) => !from.startsWith('.'))
      .map(({ from }) => `${file.path}: ${from}`),
  );
  expect(wrong).toEqual([]);
});
