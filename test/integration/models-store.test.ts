// The store of models on a real disk: what is found, installed, replaced and removed, and what is left after a kill.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statfsSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadModel } from '../../daemon/models/manifest.ts';
import type { Manifest } from '../../daemon/models/manifest-schema.ts';
import { DEFAULT_MODEL, ModelStore } from '../../daemon/models/store.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { lockFile } from '../../daemon/platform/file-lock.ts';
import { smallDisk, testMounting } from '../fixtures/store/harness.ts';
import { detectorConfig, modelFolder, SHIPPED_MODEL, TOYS } from '../support/detector.ts';
import { ROOT } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';

/** A model outside of any store. */
function built(version: string, toy: keyof typeof TOYS = 'ssd'): string {
  const folder = modelFolder(tempDir(), { ...TOYS[toy], manifest: { ...TOYS[toy].manifest, version } });
  writeFileSync(join(folder, 'CARD.md'), `# ${version}\n`);
  return folder;
}

function copying(source: string): (folder: string) => Promise<void> {
  return async (folder) => {
    for (const file of readdirSync(source)) copyFileSync(join(source, file), join(folder, file));
  };
}

function stored(dataDir = tempDir(), clock = systemClock) {
  const store = new ModelStore({ dataDir, clock });
  const models = join(dataDir, 'models');
  const names = async (): Promise<string[]> => (await store.list()).map(({ name }) => name);
  return { dataDir, models, store, names };
}

describe('the list', () => {
  test('has the bundled models where nothing was ever installed', async () => {
    const { store } = stored();
    const list = await store.list();
    expect(list.map(({ name, where, hides }) => [name, where, hides])).toEqual([
      ['vedette-nano', 'bundled', false],
      ['vedette-nano-224', 'bundled', false],
    ]);
    expect(list[0]!.manifest?.labels).toContain('person');
  });

  test('shows a damaged model with its fault, and the others beside it', async () => {
    const { store, models } = stored();
    await store.install('good', copying(built('1')));
    for (const name of ['half', 'empty']) mkdirSync(join(models, name));
    writeFileSync(join(models, 'half/manifest.json'), '{"v":1');
    writeFileSync(join(models, 'a-file'), 'not a folder');
    symlinkSync('/nowhere', join(models, 'dangling'));
    const list = await store.list();
    expect(list.map(({ name, problem }) => [name, problem?.code])).toEqual([
      ['good', undefined],
      ['half', 'MODEL_MANIFEST_INVALID'],
      ['vedette-nano', undefined],
      ['vedette-nano-224', undefined],
    ]);
  });

  test('shows once a model that takes the place of a bundled one', async () => {
    const { store, models } = stored();
    await store.install('vedette-nano', copying(built('mine')), { replace: true });
    const [first] = await store.list();
    expect(first).toMatchObject({ name: 'vedette-nano', where: 'installed', hides: true });
    expect(await store.find('default')).toMatchObject({ folder: join(models, 'vedette-nano') });
  });
});

test('models that this user may not see are not taken for none', async () => {
  const { dataDir, store } = stored();
  expect(await store.hidden()).toBeUndefined();
  writeFileSync(join(dataDir, 'models'), 'a file where the folder should be');
  expect(await store.hidden()).toBe(`${join(dataDir, 'models')} cannot be read (ENOTDIR)`);
});

describe('a name', () => {
  test('default is the model of a configuration that names none', () => {
    expect(detectorConfig().model).toBe(DEFAULT_MODEL);
  });

  test('is looked up among the installed models, then among the bundled ones', async () => {
    const { store, models } = stored();
    await store.install('mine', copying(built('1')));
    expect(await store.find('mine')).toMatchObject({ where: 'installed', folder: join(models, 'mine') });
    expect(await store.find('default')).toMatchObject({ name: 'vedette-nano', where: 'bundled' });
    expect(await store.find(SHIPPED_MODEL)).toMatchObject({ where: 'bundled' });
    expect(await store.find(built('1'))).toMatchObject({ where: 'elsewhere' });
    const spec = await loadModel('mine', { folders: store.folders });
    expect(spec.file).toMatch(/\/mine\/model-[0-9a-f]{12}\.onnx$/);
  });

  test('of a damaged model does not fall through to the bundled one', async () => {
    const { store, models } = stored();
    mkdirSync(join(models, 'vedette-nano'), { recursive: true });
    writeFileSync(join(models, 'vedette-nano/manifest.json'), '{}');
    await expect(store.find('vedette-nano')).rejects.toMatchObject({ code: 'MODEL_MANIFEST_INVALID' });
  });

  test.each([
    '../evil',
    '/etc',
    'a/b',
    '.hidden',
    '',
    'default',
    'manifest.json',
    'a\0b',
    'ü',
    'x'.repeat(65),
    '-rf',
  ])('%j is refused before anything is written', async (name) => {
    const { dataDir, store } = stored();
    await expect(store.install(name, copying(built('1')))).rejects.toMatchObject({ code: 'USAGE' });
    await expect(store.remove(name)).rejects.toMatchObject({
      code: expect.stringMatching(/^MODEL_/) as string,
    });
    expect(readdirSync(dataDir)).toEqual([]);
  });

  test('that is taken is refused, unless the model is to be replaced', async () => {
    const { store } = stored();
    await store.install('mine', copying(built('1')));
    await expect(store.install('mine', copying(built('2')))).rejects.toMatchObject({
      code: 'USAGE',
      message: "there is a model 'mine' already: choose another name with --name, or --replace it",
    });
    await expect(store.install('vedette-nano', copying(built('2')))).rejects.toMatchObject({
      message: "'vedette-nano' is a model that comes with Vedette: choose another name with --name",
    });
  });
});

describe('an installation', () => {
  test('that is refused by its proof, its hash or its manifest leaves the old model and nothing else', async () => {
    const { store, models } = stored();
    await store.install('mine', copying(built('1')));
    const before = readdirSync(join(models, 'mine')).sort();
    const wrong = built('2', 'echo');
    appendFileSync(join(wrong, 'model.onnx'), 'x');
    const outside = built('2');
    writeFileSync(
      join(outside, 'manifest.json'),
      readFileSync(join(outside, 'manifest.json'), 'utf8').replace(
        '"model.onnx"',
        '"../../../../etc/passwd"',
      ),
    );
    const prove = (): Promise<void> => Promise.reject(new Error('it does not run'));
    const install = (folder: string, options = {}) =>
      store.install('mine', copying(folder), { replace: true, ...options });
    await expect(install(built('2', 'echo'), { prove })).rejects.toThrow('it does not run');
    await expect(install(wrong)).rejects.toMatchObject({ code: 'MODEL_CORRUPT' });
    await expect(install(outside)).rejects.toMatchObject({ code: 'MODEL_MANIFEST_INVALID' });
    expect(readdirSync(models).sort()).toEqual(['.lock', 'mine']);
    expect(readdirSync(join(models, 'mine')).sort()).toEqual(before);
    expect((await store.find('mine')).manifest.version).toBe('1');
  });

  test('replaces file, card and manifest, and leaves what the owner put beside them', async () => {
    const { store, models } = stored();
    await store.install('mine', copying(built('1')));
    writeFileSync(join(models, 'mine/notes.txt'), 'mine');
    const { manifest } = await store.install('mine', copying(built('2', 'echo')), { replace: true });
    expect(manifest).toMatchObject({ name: 'mine', version: '2' });
    const files = ['CARD.md', 'manifest.json', manifest.file, 'notes.txt'];
    expect(readdirSync(join(models, 'mine')).sort()).toEqual(files.sort());
    expect(readFileSync(join(models, 'mine/CARD.md'), 'utf8')).toBe('# 2\n');
  });

  test('where a link lies is refused', async () => {
    const { store, models } = stored();
    mkdirSync(models);
    symlinkSync(built('1'), join(models, 'linked'));
    await expect(store.install('linked', copying(built('2')), { replace: true })).rejects.toMatchObject({
      code: 'MODEL_STORE',
    });
    expect((await store.find('linked')).manifest.version).toBe('1');
  });

  test('waits for another command, but not for ever, and then names it', async () => {
    let sleeps = 0;
    const clock = {
      ...systemClock,
      monoMs: () => sleeps * 50,
      sleep: async () => {
        sleeps += 1;
      },
    };
    const { store, models } = stored(tempDir(), clock);
    mkdirSync(models);
    const lock = lockFile(join(models, '.lock'));
    await expect(store.install('mine', copying(built('1')))).rejects.toMatchObject({
      code: 'MODEL_STORE',
      message: `${models} is in use by another command (process ${process.pid}), waited 10 s: try again later`,
    });
    expect(sleeps).toBeGreaterThan(100);
    lock.close();
    await store.install('mine', copying(built('1')));
  });

  testMounting()('on a full disk is refused with the reason, and the old model stays', async () => {
    const { path } = smallDisk('400k');
    const { store, names } = stored(path);
    await store.install('mine', copying(built('1')));
    const filler = join(path, 'filler');
    while (statfsSync(path).bavail > 0) {
      try {
        appendFileSync(filler, Buffer.alloc(4096));
      } catch {
        break;
      }
    }
    await expect(store.install('mine', copying(built('2', 'echo')), { replace: true })).rejects.toMatchObject(
      {
        code: 'MODEL_STORE',
        message: expect.stringContaining('no space left on its disk') as string,
      },
    );
    expect((await loadModel('mine', { folders: store.folders })).name).toBe('mine');
    expect(await names()).toContain('mine');
  });
});

describe('a change of a manifest', () => {
  test('is there whole, and one that would not be valid is not made', async () => {
    const { store } = stored();
    const { folder } = await store.install('mine', copying(built('1')));
    const change = (changes: Partial<Manifest>): Promise<void> =>
      store.changeManifest(folder, (manifest) => ({ ...manifest, ...changes }));
    await change({ thresholdDefault: 0.7 });
    await expect(change({ thresholdDefault: 7 })).rejects.toMatchObject({ code: 'MODEL_MANIFEST_INVALID' });
    expect((await store.find('mine')).manifest.thresholdDefault).toBe(0.7);
  });
});

describe('a removal', () => {
  test('takes an installed model, also a damaged one, and shows the bundled one again', async () => {
    const { store, models, names } = stored();
    await store.install('vedette-nano', copying(built('mine')), { replace: true });
    mkdirSync(join(models, 'half'));
    expect(await store.remove('half')).toEqual({ uncovers: false });
    expect(await store.remove('vedette-nano')).toEqual({ uncovers: true });
    expect(await names()).toEqual(['vedette-nano', 'vedette-nano-224']);
    expect(readdirSync(models)).toEqual(['.lock']);
  });

  test('takes a link and leaves what it leads to', async () => {
    const { store, models } = stored();
    const own = built('1');
    mkdirSync(models);
    symlinkSync(own, join(models, 'linked'));
    await store.remove('linked');
    expect(existsSync(join(own, 'manifest.json'))).toBe(true);
    expect(readdirSync(models)).toEqual(['.lock']);
  });

  test('of a bundled model or of none is refused', async () => {
    const { store } = stored();
    await expect(store.remove('vedette-nano')).rejects.toMatchObject({ code: 'MODEL_IN_USE' });
    await expect(store.remove('nothing')).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  });
});

/** Runs the fixture; true when it was killed. */
async function killedBefore(change: number, dataDir: string, source: string): Promise<boolean> {
  const script = join(ROOT, 'test/fixtures/models-store/killed.ts');
  const child = spawn(process.execPath, [script, dataDir, source, 'mine', String(change)], {
    stdio: 'inherit',
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (signal === null) expect(code).toBe(0);
  return signal === 'SIGKILL';
}

describe('a kill', () => {
  test('at any moment leaves no model or the whole new one, then the whole old one or the whole new one', async () => {
    const { dataDir, store, models } = stored();
    const versionNow = async (): Promise<string | undefined> => {
      if (!existsSync(join(models, 'mine'))) return undefined;
      await loadModel('mine', { folders: store.folders });
      return (await store.find('mine')).manifest.version;
    };
    const seen: (string | undefined)[] = [];
    const sources = [built('1'), built('2', 'echo')];
    for (const source of sources) {
      let change = 1;
      while (await killedBefore(change, dataDir, source)) {
        seen.push(await versionNow());
        change += 1;
      }
      seen.push(await versionNow());
      expect(change).toBeGreaterThan(5);
    }
    expect(new Set(seen)).toEqual(new Set([undefined, '1', '2']));
    // Never backwards.
    const known = seen.filter((version) => version !== undefined);
    expect(known).toEqual([...known].sort());
    expect(seen.lastIndexOf(undefined)).toBe(seen.length - known.length - 1);
    expect(readdirSync(models).sort()).toEqual(['.lock', 'mine']);
    const { manifest } = await store.find('mine');
    expect(readdirSync(join(models, 'mine')).sort()).toEqual(
      ['CARD.md', 'manifest.json', manifest.file].sort(),
    );
  });

  test('of a download leaves a partial file that is swept when nobody has gone on with it for a month', async () => {
    const { store } = stored();
    mkdirSync(store.partials, { recursive: true });
    const [old, fresh] = ['a', 'b'].map((digit) => join(store.partials, `${digit.repeat(64)}.part`));
    for (const path of [old!, fresh!]) writeFileSync(path, '');
    const nowS = systemClock.nowMs() / 1000;
    utimesSync(old!, nowS - 31 * 86_400, nowS - 31 * 86_400);
    const importing = ['import-old', 'import-new'].map((name) => join(store.partials, name));
    for (const path of importing) mkdirSync(path);
    utimesSync(importing[0]!, nowS - 2 * 3600, nowS - 2 * 3600);
    await store.install('mine', copying(built('1')));
    expect(existsSync(old!)).toBe(false);
    expect(existsSync(fresh!)).toBe(true);
    expect(importing.map((path) => existsSync(path))).toEqual([false, true]);
  });
});
