// `vedette models` as an owner runs it: what there is, what is damaged, what is in use, what is removed; and a daemon that takes a
// model which comes while it runs.
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { megabytes } from '../../daemon/cli/model-words.ts';
import { ModelStore } from '../../daemon/models/store.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { writeConfig } from '../support/configurations.ts';
import { runToEnd, startDaemon } from '../support/daemon.ts';
import { LIGHTER_MODEL, SHIPPED_MODEL } from '../support/detector.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const CAMERAS = { yard: { source: { type: 'scene' } } };

/** A data folder whose configuration names the model 'mine', which is installed in it. */
async function house(detector: object = { model: 'mine' }) {
  const data = tempDir();
  const config = writeConfig({ cameras: CAMERAS, detector });
  const store = new ModelStore({ dataDir: data, clock: systemClock });
  const bring = async (name: string, from = LIGHTER_MODEL): Promise<void> => {
    const copy = async (folder: string): Promise<void> => {
      for (const file of readdirSync(from)) copyFileSync(join(from, file), join(folder, file));
    };
    await store.install(name, copy, { replace: true });
  };
  await bring('mine');
  const models = (...args: string[]) => runToEnd(['models', ...args, '--data', data]);
  return { data, config, models, bring, folder: join(data, 'models') };
}

/** Input, size, numbers and AP50 as the list shows them, from the manifest. */
function shownOf(folder: string): string[] {
  const { input, bytes, evaluations } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as {
    input: { width: number; height: number };
    bytes: number;
    evaluations: { map50: number }[];
  };
  const side = `${input.width}x${input.height}`;
  return [side, megabytes(bytes), 'int8', (evaluations.at(-1)!.map50 * 100).toFixed(1)];
}

describe('vedette models list', () => {
  test('shows bundled and own models, which is in use, which is damaged, and what can be pulled', async () => {
    const { config, models, folder } = await house();
    mkdirSync(join(folder, 'half'));
    writeFileSync(join(folder, 'half/manifest.json'), '{"v": 1');
    const { code, stdout, stderr } = await models('list', '--all', '--config', config);
    expect([code, stderr]).toEqual([0, '']);
    const rows = stdout.split('\n').map((line) => line.trimEnd().split(/ {2,}/));
    expect(rows[0]).toEqual(['name', 'task', 'input', 'size', 'numbers', 'AP50', 'where', 'in use']);
    const lighter = ['mine', 'detect', ...shownOf(LIGHTER_MODEL), 'installed', 'detector.model'];
    expect(rows).toContainEqual(lighter);
    expect(rows).toContainEqual(['vedette-nano', 'detect', ...shownOf(SHIPPED_MODEL), 'bundled']);
    expect(rows.find(([name]) => name === 'mobilenetv2-12')).toContain('catalogue, not here');
    expect(stdout).toMatch(/^damaged: half: .*half\/manifest\.json: is not JSON/m);
  });

  test('gives the same to programs', async () => {
    const { config, models } = await house({ model: 'vedette-nano', lighter: 'mine' });
    const { stdout } = await models('list', '--json', '--config', config);
    const { v, models: list } = JSON.parse(stdout) as {
      v: number;
      models: { name: string; inUse: string[] }[];
    };
    expect([v, list.map(({ name, inUse }) => [name, inUse])]).toEqual([
      1,
      [
        ['mine', ['detector.lighter']],
        ['vedette-nano', ['detector.model']],
        ['vedette-nano-224', []],
      ],
    ]);
  });
});

describe('vedette models show', () => {
  test('tells of the bundled model that every convolution of its body runs as an integer one', async () => {
    const { models } = await house();
    const { code, stdout, stderr } = await models('show', 'default');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^vedette-nano, version 1, bundled in /);
    expect(stdout).toMatch(
      /kernels {5}57 of 59 convolutions run as integer ones \(float: head16\.3\w*, head32\.3\w*\)/,
    );
    expect(stdout).toMatch(/size {8}0\.69 million parameters, 361 million multiply-adds a picture/);
    expect(stdout).toMatch(/outputs {5}boxes float32 \[1, 2160, 4\], scores float32 \[1, 2160, 9\]/);
    expect(stdout).toMatch(/thresholds {2}0\.5, person 0\.6/);
  });

  test('tells what a manifest says also of a file that is damaged, and fails', async () => {
    const { models, folder, config } = await house();
    const file = readdirSync(join(folder, 'mine')).find((name) => name.endsWith('.onnx'))!;
    appendFileSync(join(folder, 'mine', file), 'x');
    const { code, stdout, stderr } = await models('show', 'mine', '--json', '--config', config);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'mine',
      where: 'installed',
      inUse: ['detector.model'],
      whole: false,
      problem: { code: 'MODEL_CORRUPT' },
      manifest: { labels: expect.arrayContaining(['person']) as string[] },
    });
    expect(stderr).toMatch(/^vedette: model 'mine': .* its manifest says /);
  });
});

describe('vedette models verify', () => {
  test('runs every model, names what is wrong with each and says it by its exit code', async () => {
    const { models, folder, bring } = await house();
    expect(await models('verify')).toMatchObject({ code: 0, stderr: '' });
    await bring('other');
    const manifest = join(folder, 'other/manifest.json');
    const changed = {
      ...(JSON.parse(readFileSync(manifest, 'utf8')) as object),
      labels: ['person'],
      thresholds: {},
    };
    writeFileSync(manifest, JSON.stringify(changed));
    const { code, stdout, stderr } = await models('verify');
    expect(code).toBe(1);
    expect(stdout).toMatch(/^ok {5}mine {2}889 kB, whole; opened in \d+ ms, ran in [\d.]+ ms$/m);
    expect(stdout).toMatch(
      /^fault {2}other {2}model 'other': output 'scores' is float32 \[1,735,9\], the manifest says float32 \[1,N,1\]$/m,
    );
    expect(stderr).toBe("vedette: model 'other' is not as it should be\n");
  });
});

describe('vedette models remove', () => {
  test('takes a model that is not in use, and one that is only by force', async () => {
    const { models, folder, config, bring } = await house();
    await bring('other');
    expect(await models('remove', 'other', '--config', config)).toMatchObject({
      code: 0,
      stdout: 'other removed\n',
    });
    const kept = await models('remove', 'mine', '--config', config);
    expect(kept).toMatchObject({ code: 1, stdout: '' });
    expect(kept.stderr).toBe(
      `vedette: model 'mine' is in use: detector.model in ${config} names it; name another one there first, or --force it\n`,
    );
    expect(existsSync(join(folder, 'mine'))).toBe(true);
    expect(await models('remove', 'mine', '--force', '--config', config)).toMatchObject({ code: 0 });
    expect(existsSync(join(folder, 'mine'))).toBe(false);
    expect((await models('remove', 'default')).code).toBe(1);
  });

  test('keeps one whose manifest.json the configuration names', async () => {
    const { models, folder, config } = await house();
    const text = readFileSync(config, 'utf8');
    const byPath = text.replace(/model: mine$/m, `model: ${join(folder, 'mine/manifest.json')}`);
    expect(byPath).not.toBe(text);
    writeFileSync(config, byPath);
    const kept = await models('remove', 'mine', '--config', config);
    expect(kept).toMatchObject({ code: 1, stdout: '' });
    expect(kept.stderr).toContain(`model 'mine' is in use: detector.model in ${config} names it`);
    expect(existsSync(join(folder, 'mine'))).toBe(true);
  });
});

describe('a daemon', () => {
  test('takes a model that comes later, and another one of that name at a reload', async () => {
    const { data, config, bring, folder } = await house({ model: 'later' });
    const check = await runToEnd(['check', '--config', config, '--data', data]);
    expect(check.stderr).toMatch(
      /detector\.model: model 'later': .* there are mine, vedette-nano, vedette-nano-224/,
    );
    const daemon = startDaemon(['run', '--config', config, '--data', data]);
    const ready = (): number => daemon.stderr().split("detector: ready with model 'later'").length - 1;
    await waitFor('the fault', () => daemon.stderr().includes("model 'later': "));
    await bring('later');
    await waitFor('the model', () => ready() === 1, 90_000);
    await bring('later', SHIPPED_MODEL);
    daemon.kill('SIGHUP');
    await waitFor('the other model', () => ready() === 2, 60_000);
    cpSync(SHIPPED_MODEL, join(folder, 'copied'), { recursive: true });
    daemon.kill('SIGHUP');
    await waitFor('the same model', () => daemon.stderr().includes('configuration is the same'));
    expect(ready()).toBe(2);
    daemon.kill('SIGTERM');
    expect(await daemon.exited).toBe(0);
  });
});
