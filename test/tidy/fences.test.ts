// The fences between the rooms in biome.json, tried: for every pair of rooms a file with that import is linted, in a
// folder of its own with the real biome.json, so that neither the tree nor a lint run beside us sees these files.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../support/needs.ts';

const ADAPTERS = ['camera', 'detector', 'store', 'publish', 'web', 'models', 'scene'] as const;

/** One file to import from each room, and the files that rooms may have in exception. */
const TARGETS = [
  ...ADAPTERS.map((room) => `${room}/part.ts`),
  'detector/wire.ts',
  'core/rules.ts',
  'core/types.ts',
  'core/rule-types.ts',
  'config/load.ts',
  'config/types.ts',
  'platform/clock.ts',
  'platform/errors.ts',
  'cli/run.ts',
  'app.ts',
  'main.ts',
];

/** The import table of the design: what each room may import, by room or by file. */
const TABLE: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ['main.ts', [...ADAPTERS, 'core', 'config', 'platform', 'cli', 'app.ts']],
  ['cli', [...ADAPTERS, 'core', 'config', 'platform', 'app.ts', 'main.ts']],
  ['app.ts', [...ADAPTERS, 'core', 'config', 'platform']],
  ...ADAPTERS.map((room): [string, string[]] => [
    room,
    ['core', 'platform', 'config/types.ts', ...extraOf(room)],
  ]),
  ['config', ['platform', 'core/types.ts', 'core/rule-types.ts']],
  ['core', ['platform/errors.ts']],
  ['platform', []],
]);

/** The detector's wire protocol: types and codec. */
function extraOf(room: string): string[] {
  return room === 'camera' || room === 'models' ? ['detector/wire.ts'] : [];
}

interface Trial {
  readonly path: string;
  readonly from: string;
  readonly allowed: boolean;
}

function trials(): Trial[] {
  const list: Trial[] = [];
  for (const [room, allowed] of TABLE) {
    const isFile = room.endsWith('.ts');
    for (const target of TARGETS) {
      if (target === room) continue;
      const sameRoom = target.startsWith(`${room}/`);
      const up = isFile ? './' : '../';
      list.push({
        // Biome knows app.ts by its name: all its trials are lines of one file.
        path: isFile ? room : `${room}/zz-fence-${list.length}.ts`,
        from: sameRoom ? `./${target.slice(room.length + 1)}` : `${up}${target}`,
        allowed: sameRoom || allowed.includes(target) || allowed.includes(target.split('/')[0]!),
      });
    }
  }
  for (const from of ['node:fs', 'node:crypto']) {
    list.push({ path: `core/zz-fence-${list.length}.ts`, from, allowed: false });
  }
  return list;
}

interface Report {
  readonly diagnostics: readonly {
    readonly category: string;
    readonly location: { readonly path: string; readonly start: { readonly line: number } };
  }[];
}

/** Lints all trials at once; returns, per path, the lines on which the fence rule spoke. */
function lint(list: readonly Trial[]): { status: number | null; stopped: Set<string> } {
  const folder = mkdtempSync(join(tmpdir(), 'vedette-fences-'));
  try {
    copyFileSync(join(ROOT, 'biome.json'), join(folder, 'biome.json'));
    const texts = new Map<string, string[]>();
    for (const { path, from } of list) texts.set(path, [...(texts.get(path) ?? []), importLine(from)]);
    for (const [path, lines] of texts) {
      mkdirSync(dirname(join(folder, 'daemon', path)), { recursive: true });
      writeFileSync(join(folder, 'daemon', path), lines.join('\n'));
    }
    const biome = join(ROOT, 'node_modules/.bin/biome');
    const args = ['lint', '--reporter=json', '--max-diagnostics=none', '.'];
    const { status, stdout } = spawnSync(biome, args, { cwd: folder, encoding: 'utf8' });
    const stopped = new Set<string>();
    for (const { category, location } of (JSON.parse(stdout) as Report).diagnostics) {
      if (category !== 'lint/style/noRestrictedImports') continue;
      const line = texts.get(location.path.replace(/^daemon\//, ''))?.[location.start.line - 1];
      stopped.add(`${location.path.replace(/^daemon\//, '')} ${line}`);
    }
    return { status, stopped };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function importLine(from: string): string {
  return `import '${from}';`;
}

test('biome stops every import that the table of rooms forbids and no other', () => {
  const list = trials();
  const { status, stopped } = lint(list);
  const wasStopped = ({ path, from }: Trial): boolean => stopped.has(`${path} ${importLine(from)}`);
  const show = ({ path, from }: Trial): string => `${dirname(path) === '.' ? path : dirname(path)} ← ${from}`;
  expect(status).not.toBe(0);
  expect(list.filter((trial) => !trial.allowed && !wasStopped(trial)).map(show), 'got through').toEqual([]);
  expect(list.filter((trial) => trial.allowed && wasStopped(trial)).map(show), 'wrongly stopped').toEqual([]);
});

test('biome passes a tree in which every room imports what it may', () => {
  const { status, stopped } = lint(trials().filter(({ allowed }) => allowed));
  expect([...stopped]).toEqual([]);
  expect(status).toBe(0);
});
