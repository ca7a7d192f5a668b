// `vedette bench` as an owner runs it: the words, the figures as JSON, results that are kept, the configuration changed in place,
// and what is refused.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { env } from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { benchPath, boardKey, writeKept } from '../../daemon/models/benchmark-file.ts';
import { readManifest } from '../../daemon/models/manifest.ts';
import { readCpu } from '../../daemon/platform/cpu.ts';
import { benchRow } from '../support/bench.ts';
import { runToEnd, startDaemon } from '../support/daemon.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const ONE_WAY = ['--quick', '--seconds', '0.2', '--providers', 'cpu', '--threads', '1'];
const SMALL = [...ONE_WAY, '--models', 'vedette-nano-224'];

const CONFIG = `# my house
cameras:
  porch:
    source: { type: scene }   # no camera yet
    detect: { fps: 4 }

detector:
  # the big one
  model: vedette-nano   # from the shop
  providers: [auto]
  memoryMb: 400         # it is a small board
`;

function configIn(folder: string, text = CONFIG): string {
  const path = join(folder, 'vedette.yaml');
  writeFileSync(path, text, { mode: 0o640 });
  chmodSync(path, 0o640);
  return path;
}

test('a table, what its columns mean, a recommendation with reasons, width and resolution', async () => {
  const folder = tempDir();
  const args = ['bench', ...ONE_WAY, '--data', folder];
  const { code, stdout, stderr } = await runToEnd(args, { cwd: folder, env: { VEDETTE_CONFIG: '' } });
  expect([code, stderr]).toEqual([0, expect.stringContaining('2 rows of 0.2 s in 2 rounds: about')]);
  expect(stderr).toContain('no configuration: one camera at 5 frames a second is assumed');
  expect(stdout).toMatch(/onnxruntime \d+\.\d+\.\d+\n\nmodel +form +input +provider/);
  expect(stdout).toMatch(/^vedette-nano +int8 +384 +cpu +1 +no +[\d.]+/m);
  expect(stdout).toContain('no measure of how well it sees');
  expect(stdout).toMatch(/^Recommended: vedette-nano(-224)? on cpu with 1 thread: [\d.]+ ms a frame/m);
  expect(stdout).toMatch(
    /vedette-nano-224 is vedette-nano with rho 0\.58: by the rule 0\.34 of the time, here/,
  );
  expect(stdout).toMatch(/alpha² x rho²/);
});

test('what was measured is kept and told again at once, and measured anew when asked', async () => {
  const folder = tempDir();
  const run = async (...more: readonly string[]) => {
    const args = ['bench', ...SMALL, '--json', '--data', folder, ...more];
    const { code, stdout, stderr } = await runToEnd(args, { cwd: folder });
    expect([code, stdout.slice(0, 1)], stderr).toEqual([0, '{']);
    return { document: JSON.parse(stdout), stderr };
  };
  const first = await run();
  expect(first.document).toMatchObject({
    v: 1,
    missing: 0,
    need: { cameras: 1, framesPerS: 5, runsPerS: 10 },
    models: [{ name: 'vedette-nano-224', precision: 'int8', width: 224 }],
    recommendation: { model: 'vedette-nano-224', provider: 'cpu', threads: 1 },
  });
  const [row] = first.document.rows;
  expect(row).toMatchObject({ golden: { expected: 31 }, figures: { rounds: 2 } });
  expect(statSync(join(folder, 'bench.json')).isFile()).toBe(true);
  const again = await run();
  expect(again.stderr).not.toContain('rows of');
  expect(again.document.rows[0]).toEqual({ ...row, keptAtMs: expect.any(Number) });
  const fresh = await run('--fresh', '--hot', '0.01');
  expect(fresh.document.rows[0].keptAtMs).toBeUndefined();
  expect(fresh.document.heat.slices.length).toBeGreaterThan(0);
});

test('the choice is written into the configuration, which keeps its comments; the old one is beside it', async () => {
  const folder = tempDir();
  const path = configIn(folder);
  const args = ['bench', ...SMALL, '--data', folder, '--config', path, '--apply'];
  const { code, stdout, stderr } = await runToEnd(args);
  expect(code, stderr).toBe(0);
  expect(readFileSync(path, 'utf8')).toBe(
    CONFIG.replace('vedette-nano ', 'vedette-nano-224 ')
      .replace('[auto]', '[cpu]')
      .replace('small board\n', 'small board\n  threads: 1\n')
      .replace(/(memoryMb.*\n)( {2}threads: 1\n)/, '$1$2'),
  );
  expect(statSync(path).mode & 0o777).toBe(0o640);
  const backups = readdirSync(folder).filter((name) => name.endsWith('.bak'));
  expect(backups).toHaveLength(1);
  expect(readFileSync(join(folder, backups[0]!), 'utf8')).toBe(CONFIG);
  expect(stdout).toContain(
    '\n-   model: vedette-nano   # from the shop\n-   providers: [auto]\n+   model: vedette-nano-224',
  );
  expect(stdout).toContain('sudo systemctl reload vedette');
  expect(stdout).toContain('4 frames a second');
  const again = await runToEnd(args);
  expect(again.stdout).toContain(`${path} says it already`);
  expect(readdirSync(folder).filter((name) => name.endsWith('.bak'))).toEqual(backups);
});

test('a choice that the configuration could not be loaded with changes nothing', async () => {
  const folder = tempDir();
  const text = CONFIG.replace('  memoryMb', '  lighter: no-such-model\n  memoryMb');
  const path = configIn(folder, text);
  const { code, stderr } = await runToEnd(['bench', ...SMALL, '--data', folder, '--config', path, '--apply']);
  expect([code, stderr]).toEqual([
    78,
    expect.stringMatching(/vedette\.yaml:\d+:\d+ detector\.lighter: model/),
  ]);
  expect(readFileSync(path, 'utf8')).toBe(text);
  expect(readdirSync(folder).sort()).toEqual(['bench.json', 'vedette.yaml']);
});

test('what cannot be measured, recommended or changed is refused before anything is measured', async () => {
  const folder = tempDir();
  const path = configIn(folder, CONFIG.replace('model: vedette-nano ', `model: \${MODEL:-vedette-nano} `));
  const refused: [code: number, words: string, ...args: string[]][] = [
    [1, "model 'nowhere'", '--models', 'nowhere'],
    [64, '--providers: must be of tensorrt, cuda', '--providers', 'auto'],
    [64, '--providers: must be of tensorrt, cuda', '--providers', 'gpu'],
    [64, 'must be names with commas', '--models', 'a,,b'],
    [64, 'must be a whole number from 1 to 16', '--threads', '1,x'],
    [64, 'must be a number from 0.2 to 600', '--seconds', '0'],
    [78, 'there is no configuration file', '--apply', '--config', join(folder, 'none.yaml')],
    [78, "'model' comes from the environment", '--apply', '--config', path],
    [1, 'would take', '--seconds', '600', '--threads', '1,2,3,4,5,6,7,8'],
  ];
  const runs = refused.map(async ([wanted, words, ...args]) => {
    const { code, stdout, stderr } = await runToEnd(['bench', '--data', folder, ...args], { cwd: folder });
    expect([code, stdout, stderr], args.join(' ')).toEqual([wanted, '', expect.stringContaining(words)]);
  });
  await Promise.all(runs);
  expect(readdirSync(folder)).toEqual(['vedette.yaml']);
});

test('nothing is measured beside a daemon unless it is wished, and then nothing is kept', async () => {
  const folder = tempDir();
  const data = join(folder, 'data');
  mkdirSync(data);
  const path = configIn(folder, 'cameras:\n  porch:\n    enabled: false\n    source: { type: scene }\n');
  const daemon = startDaemon(['run', '--config', path, '--data', data]);
  await waitFor('the daemon to have its folder', () => existsSync(join(data, 'vedette.db')), 30_000);
  const bench = ['bench', ...SMALL, '--data', data];
  const { code, stderr } = await runToEnd(bench, { cwd: folder });
  expect(code).toBe(1);
  expect(stderr).toContain(`(process ${daemon.pid})`);
  const beside = await runToEnd([...bench, '--beside-daemon'], { cwd: folder });
  expect([beside.code, beside.stderr]).toEqual([0, expect.stringContaining('the figures are disturbed')]);
  expect(existsSync(join(data, 'bench.json'))).toBe(false);
});

test('Ctrl-C shows what is measured and changes no configuration', async () => {
  const folder = tempDir();
  const path = configIn(folder);
  await keepRow(folder, 'vedette-nano-224');
  const args = ['--models', 'vedette-nano-224,vedette-nano', '--seconds', '600'];
  const running = startDaemon(['bench', ...ONE_WAY, ...args, '--data', folder, '--config', path, '--apply']);
  await waitFor('the estimate', () => running.stderr().includes('1 rows of 600 s'), 30_000);
  running.kill('SIGINT');
  expect(await running.exited).toBe(130);
  expect(running.stdout()).toMatch(/^vedette-nano-224 .* 7\.0 .*\(2026-11-26\)$/m);
  expect(running.stderr()).toContain('stopped: 1 of 2 rows are measured; the configuration is not changed');
  expect(readFileSync(path, 'utf8')).toBe(CONFIG);
});

/** As if it had been measured long and well, on this processor. */
async function keepRow(folder: string, model: string): Promise<void> {
  const { manifest } = await readManifest(model);
  const { figures } = benchRow({ p50Ms: 7 });
  const row = {
    board: boardKey(readCpu(), env.versions.node!),
    sha256: manifest.sha256,
    ...{ provider: 'cpu', threads: 1, spinning: false, seconds: 600, atMs: Date.UTC(2026, 10, 26) },
    figures,
  };
  writeKept(benchPath(folder), [row], { rows: [] });
}
