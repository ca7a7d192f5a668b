// detector.library with the real process and the real runtime: a copy of the package's own library and binding, and all kinds of
// files that do not fit.
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { examineLibrary, libraryVariables, packagedBinding } from '../../daemon/detector/runtime-library.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { readSharedLibrary } from '../../daemon/platform/elf.ts';
import { reasonOf } from '../../daemon/platform/errors.ts';
import { detectorConfig, modelFolder, supervised, TestClient, TOYS } from '../support/detector.ts';
import { elfLibrary } from '../support/elf-library.ts';
import { tempDir } from '../support/temp-dir.ts';

const SONAME = 'libonnxruntime.so.1';
const BINDING = basename(packagedBinding());
const LIBRARY = join(dirname(packagedBinding()), SONAME);
const VERSION = /^VERS_(.*)$/.exec(readSharedLibrary(LIBRARY).versions[0] ?? '')?.[1] ?? '';
const MACHINE = { x64: 62, arm64: 183 }[process.arch as 'x64' | 'arm64'];
const FOREIGN = process.arch === 'x64' ? 'arm64' : 'x64';

/** A detector with this library, once it is ready: what it says of it, and what its process has loaded. */
async function readyWith(library: string) {
  const folder = modelFolder(tempDir(), TOYS.ssd);
  const detector = supervised({
    runtimeDir: tempDir(),
    loadModel: () => loadModel(folder),
    config: detectorConfig({ library }),
  });
  onTestFinished(() => detector.supervisor.stop());
  await detector.supervisor.start(new AbortController().signal);
  const { ready } = await detector.nextState('ready', 0);
  if (ready === undefined) throw new Error('not ready');
  const client = new TestClient(ready);
  onTestFinished(() => client.close());
  expect(await client.infer(new Uint8Array(768))).toMatchObject({ type: 'answer' });
  const loaded = readFileSync(`/proc/${detector.supervisor.state().pid}/maps`, 'utf8');
  const warned = detector.records.filter((record) => record['code'] === 'DETECTOR_LIBRARY');
  return { ...detector, ready, loaded, warned };
}

test.each([
  ['its folder', (folder: string) => folder, SONAME],
  [
    'its file',
    (folder: string) => join(folder, `libonnxruntime.so.${VERSION}`),
    `libonnxruntime.so.${VERSION}`,
  ],
  ['a folder where it has the name of a wheel', (folder: string) => folder, `libonnxruntime.so.${VERSION}`],
])('a library that fits is used, given by %s', async (_, pathOf, name) => {
  const folder = join(tempDir(), 'of mine');
  mkdirSync(folder);
  copyFileSync(LIBRARY, join(folder, name));
  writeFileSync(join(folder, 'libonnxruntime_providers_shared.so'), '');
  const { ready, loaded, warned } = await readyWith(pathOf(folder));
  expect(ready.runtime).toEqual({ file: join(folder, name), version: VERSION, bundled: false });
  expect(loaded).toContain(join(folder, name));
  expect(loaded).not.toContain(LIBRARY);
  expect(loaded).toContain(packagedBinding());
  expect(warned).toEqual([]);
});

test('a binding beside the library is taken with it', async () => {
  const folder = tempDir();
  for (const name of [SONAME, BINDING]) copyFileSync(join(dirname(LIBRARY), name), join(folder, name));
  const { ready, loaded } = await readyWith(folder);
  expect(ready.runtime).toMatchObject({ file: join(folder, SONAME), bundled: false });
  expect(loaded).toContain(join(folder, BINDING));
  expect(loaded).not.toContain(packagedBinding());
});

test('without the key the bundled library is named', async () => {
  const { ready } = await readyWith(LIBRARY);
  expect(ready.runtime).toEqual({ file: LIBRARY, version: VERSION, bundled: true });
});

test('a library that looks right and is not is found out by a trial, told once, and the bundled one used', async () => {
  const folder = tempDir();
  const wish = { soname: SONAME, machine: MACHINE!, versions: [`VERS_${VERSION}`] };
  writeFileSync(join(folder, SONAME), elfLibrary(wish));
  const { supervisor, ready, loaded, warned, nextState, states } = await readyWith(folder);
  expect(ready.runtime).toMatchObject({ file: LIBRARY, bundled: true });
  expect(ready.runtime.problem).toMatch(/^detector\.library: .*onnx runtime died of it/);
  expect(loaded).not.toContain(folder);
  expect(warned).toMatchObject([{ msg: expect.stringContaining('using the one that comes with') }]);
  // Mended: the next process has it.
  copyFileSync(LIBRARY, join(folder, 'new'));
  renameSync(join(folder, 'new'), join(folder, SONAME));
  const before = states.length;
  supervisor.reconfigure(detectorConfig({ library: folder, threads: 1 }), 0.2);
  const again = await nextState('ready', before);
  expect(again.ready?.runtime).toEqual({ file: join(folder, SONAME), version: VERSION, bundled: false });
});

describe('a file that does not fit is refused with the reason, before it is loaded', () => {
  const refusal = (path: string): string => {
    try {
      examineLibrary(path);
    } catch (error) {
      expect(error).toMatchObject({ code: 'DETECTOR_LIBRARY' });
      return reasonOf(error).replaceAll(path, 'PATH');
    }
    return 'taken';
  };
  const written = (content: string | Buffer, name = SONAME): string => {
    const path = join(tempDir(), name);
    writeFileSync(path, content);
    return path;
  };
  const elf = (wish: Parameters<typeof elfLibrary>[0]): string =>
    written(elfLibrary({ soname: SONAME, machine: MACHINE!, versions: [`VERS_${VERSION}`], ...wish }));

  test.each([
    ['nothing there', () => '/nowhere/at/all', /PATH does not exist$/],
    ['an empty folder', () => tempDir(), /PATH is a folder without a libonnxruntime\.so\.1$/],
    ['a text file', () => written('hello\n'.repeat(100)), /PATH is no shared library$/],
    ['a few bytes', () => written('hello'), /PATH is no shared library \(too short\)$/],
    [
      'half a library',
      () => written(readFileSync(LIBRARY).subarray(0, 100_000)),
      /PATH is a damaged shared library/,
    ],
    ['a program', () => process.execPath, /is another library$|does not say which version/],
    ['another library', () => packagedBinding(), /calls itself onnxruntime_binding\.node/],
    [
      'the library of another processor',
      () => join(dirname(LIBRARY).replace(/(x64|arm64)$/, FOREIGN), SONAME),
      new RegExp(`PATH is for ${FOREIGN}, this is ${process.arch}$`),
    ],
    [
      'one of a processor nobody knows',
      () => elf({ machine: 243 }),
      /is for another processor \(ELF machine 243\)/,
    ],
    [
      'an older version',
      () => elf({ versions: ['VERS_1.22.0'] }),
      /is ONNX Runtime 1\.22\.0; .* fits [\d.]+ only$/,
    ],
    ['one without a version', () => elf({ versions: [] }), /does not say which version/],
    [
      'one that needs what is not there',
      () => elf({ needed: ['libgone.so.7'] }),
      /needs libgone\.so\.7, which/,
    ],
  ])('%s', (_, pathOf, reason) => {
    const path = pathOf();
    expect(refusal(path)).toMatch(reason);
  });

  test('a binding beside it that wants another version', () => {
    const path = elf({ versions: ['VERS_1.22.0'] });
    copyFileSync(packagedBinding(), join(dirname(path), BINDING));
    expect(refusal(path)).toMatch(
      new RegExp(`is ONNX Runtime 1\\.22\\.0; .*${BINDING} fits ${VERSION} only`),
    );
  });

  test('any bytes at any place of its tables are an answer, never a crash', () => {
    const whole = elfLibrary({ soname: SONAME, needed: ['libc.so.6'], versions: ['VERS_1.0'] });
    const path = join(tempDir(), SONAME);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }), (at, bytes) => {
        const damaged = Buffer.from(whole);
        damaged.set(bytes.subarray(0, whole.length - at), at);
        writeFileSync(path, damaged);
        expect(refusal(path)).toMatch(/^detector\.library: PATH /);
      }),
      { numRuns: 300 },
    );
  });
});

test('links to a library of another name are made anew, and what was in the environment stays behind it', () => {
  const [folder, links] = [tempDir(), tempDir()];
  const file = join(folder, 'libonnxruntime.so.9');
  for (const name of ['libonnxruntime.so.9', 'libonnxruntime_providers_cuda.so', 'other']) {
    writeFileSync(join(folder, name), '');
  }
  mkdirSync(join(links, 'onnxruntime'));
  symlinkSync('/gone', join(links, 'onnxruntime', SONAME));
  const env = { LD_LIBRARY_PATH: '/opt/cuda', NODE_OPTIONS: '--trace-warnings' };
  const library = { file, version: '9', binding: join(folder, BINDING) };
  const variables = libraryVariables(library, links, env);
  expect(variables['LD_LIBRARY_PATH']).toBe([join(links, 'onnxruntime'), folder, '/opt/cuda'].join(':'));
  expect(variables['NODE_OPTIONS']).toMatch(/^--trace-warnings --import=file:\/\/.*runtime-binding\.ts$/);
  expect(readdirSync(join(links, 'onnxruntime')).sort()).toEqual([
    SONAME,
    'libonnxruntime_providers_cuda.so',
  ]);
});
