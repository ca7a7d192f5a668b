// scripts/build-onnxruntime-jetson.sh on a board of stand-ins: what it misses, what it would do, and what it does with sources
// that are as it knows them and with such that are not. No compiler is started.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';

const VERSION = (
  JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { dependencies: Record<string, string> }
).dependencies['onnxruntime-node']!;

/** A Jetson Orin with JetPack 6.2: the files that the script reads. */
const ORIN = {
  'etc/nv_tegra_release': '# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n',
  'usr/local/cuda/version.json':
    '{\n "cuda" : {\n  "name" : "CUDA SDK",\n  "version" : "12.6.68"\n },\n "cuda_cudart" : {\n  "version" : "12.6.99"\n }\n}\n',
  'usr/local/cuda/bin/nvcc': '',
  'usr/include/aarch64-linux-gnu/cudnn_version_v9.h': '#define CUDNN_MAJOR 9\n#define CUDNN_MINOR 3\n',
  'usr/include/aarch64-linux-gnu/NvInferVersion.h': '#define NV_TENSORRT_MAJOR 10 //!< major\n',
  'proc/meminfo': 'MemTotal:       15656000 kB\nMemFree: 1 kB\nSwapTotal:      16777212 kB\n',
};

const TOOLS = {
  uname: 'echo aarch64',
  nproc: 'echo 8',
  git: 'echo git version 2.34.1',
  'g++': 'echo "g++ (Ubuntu 11.4.0-1ubuntu1~22.04) 11.4.0"',
  python3: 'echo Python 3.10.12',
  cmake: 'echo cmake version 3.31.6',
  npm: 'echo 10.9.0',
  node: 'exit 0',
};

/** The lines of the binding's source that the script looks for, as ONNX Runtime has them, and a build that makes files. */
const BINDING = `#include <napi.h>
void ParseExecutionProviders(const Napi::Array epList, Ort::SessionOptions& sessionOptions) {
#ifdef USE_TENSORRT
      sessionOptions.AppendExecutionProvider_TensorRT_V2(*options);
#endif
}
`;
const BUILD = `set -e
echo "$PATH" | cut -d: -f1 >with
printf '%s\\n' "$@" >>with
mkdir -p build/Linux/Release js/node/bin/napi-v6/linux/arm64
touch js/node/bin/napi-v6/linux/arm64/onnxruntime_binding.node LICENSE ThirdPartyNotices.txt
cd build/Linux/Release
touch libonnxruntime_providers_shared.so libonnxruntime_providers_cuda.so libonnxruntime_providers_tensorrt.so
echo it >libonnxruntime.so.${VERSION} && ln -sf libonnxruntime.so.${VERSION} libonnxruntime.so.1`;

function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
    if (content.startsWith('#!')) chmodSync(join(root, path), 0o755);
  }
}

/** A board of these files and programs. */
function board(files: Readonly<Record<string, string>> = ORIN, tools: Readonly<Record<string, string>> = {}) {
  const [root, programs, work] = [tempDir(), tempDir(), tempDir()];
  write(root, files);
  const scripts = Object.entries({ ...TOOLS, ...tools });
  write(programs, Object.fromEntries(scripts.map(([name, body]) => [name, `#!/bin/sh\n${body}\n`])));
  const prefix = join(tempDir(), 'ort');
  const run = (...args: string[]) => {
    const script = join(ROOT, 'scripts/build-onnxruntime-jetson.sh');
    const all = ['--root', root, '--work', join(work, 'ort'), '--prefix', prefix, ...args];
    const env = { ...process.env, PATH: `${programs}${delimiter}${process.env['PATH']}` };
    const { status, stdout, stderr } = spawnSync(script, all, { encoding: 'utf8', env });
    return { status, stdout, stderr };
  };
  return { run, prefix, work, source: join(work, `ort/onnxruntime-${VERSION}`) };
}

test('on a board with all it needs every step is said and none done', () => {
  const { run, prefix, source, work } = board();
  expect(run('--check')).toEqual({
    status: 0,
    stdout: `ONNX Runtime ${VERSION} with CUDA and TensorRT, 8 compiler(s) at once: hours\n`,
    stderr: '',
  });
  const { status, stdout, stderr } = run('--dry-run', '--jobs', '3');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  const steps = stdout.split('\n').filter((line) => line.startsWith('+ '));
  expect(steps).toEqual([
    `+ mkdir -p ${join(work, 'ort')}`,
    `+ git clone --depth 1 --branch v${VERSION} --recursive --shallow-submodules https://github.com/microsoft/onnxruntime.git ${source}.part`,
    `+ mv ${source}.part ${source}`,
    expect.stringMatching(/^\+ change .*session_options_helper\.cc: options of TensorRT are handed on$/),
    expect.stringMatching(/ --parallel 3 .*--build_nodejs .*--use_cuda .*--use_tensorrt .*ARCHITECTURES=87/),
    `+ rm -rf ${prefix}.new`,
    `+ mkdir -p ${prefix}.new`,
    expect.stringMatching(/^\+ cp .*onnxruntime_binding\.node .*libonnxruntime_providers_tensorrt\.so/),
    expect.stringMatching(/^\+ cp -L .*libonnxruntime\.so\.1 /),
    `+ rm -rf ${prefix}.old`,
    `+ mv ${prefix}.new ${prefix}`,
    `+ rm -rf ${prefix}.old`,
  ]);
  expect(stdout).toContain(`library: ${prefix}\n`);
  expect(readdirSync(work)).toEqual([]);
  expect(run('--dry-run', '--without-tensorrt').stdout).not.toMatch(/use_tensorrt|handed on/);
});

test('everything that a board lacks is said at once', () => {
  const tools = { uname: 'echo x86_64', cmake: 'echo cmake version 3.22.1', 'g++': 'echo g++ 9.4.0' };
  const { status, stderr } = board({ 'proc/meminfo': 'MemTotal: 3900000 kB\n' }, tools).run();
  expect(status).toBe(1);
  const missing = stderr.split('\n').filter((line) => line.startsWith('missing: '));
  expect(missing).toEqual([
    'missing: an arm64 board (this is x86_64)',
    'missing: Jetson Linux: /etc/nv_tegra_release is not there',
    expect.stringMatching(/^missing: CUDA 12\.2 or later .*found none/),
    expect.stringMatching(/^missing: cuDNN 9 .*found none/),
    expect.stringMatching(/^missing: TensorRT 10 .*--without-tensorrt/),
    expect.stringMatching(/^missing: g\+\+ 11\.1 or later, found 9\.4\.0/),
    expect.stringMatching(/^missing: cmake 3\.28 or later, found 3\.22\.1/),
    expect.stringMatching(/^missing: memory: 3 GB with swap; 1 compiler\(s\) at once want 4 GB/),
  ]);
  expect(stderr).toContain('swapon');
  expect(stderr).toMatch(/8 thing\(s\) missing: see above\n$/);
});

test.each([
  [
    'JetPack 5',
    {
      'etc/nv_tegra_release': ORIN['etc/nv_tegra_release'].replace('R36', 'R35'),
    },
    /JetPack 6 \(Jetson Linux R36\), found R35/,
  ],
  [
    'an older CUDA',
    { 'usr/local/cuda/version.json': '{ "cuda" : {\n"version" : "11.4.315"\n} }' },
    /found 11\.4\.315/,
  ],
  [
    'an older TensorRT',
    { 'usr/include/aarch64-linux-gnu/NvInferVersion.h': '#define NV_TENSORRT_MAJOR 8' },
    /TensorRT 10 with its headers, found 8/,
  ],
])('%s is named as what it is', (_, changes, message) => {
  const { status, stderr } = board({ ...ORIN, ...changes }).run('--dry-run');
  expect(status).toBe(1);
  expect(stderr).toMatch(message);
  expect(stderr).toMatch(/1 thing\(s\) missing/);
});

test('a wrong option is refused before anything is looked at', () => {
  const { run } = board({});
  expect(run('--jobs', '0')).toMatchObject({ status: 64, stderr: expect.stringContaining("(got '0')") });
  expect(run('--wat').status).toBe(64);
});

test('with the sources there it changes the binding once, builds and exchanges the folder whole', () => {
  const { run, prefix, source } = board();
  const file = 'js/node/src/session_options_helper.cc';
  write(source, { VERSION_NUMBER: VERSION, [file]: BINDING, 'build.sh': `#!/bin/sh\n${BUILD}\n` });
  for (const time of [1, 2]) {
    const { status, stderr } = run('--jobs', '2');
    expect({ status, stderr }, `time ${time}`).toEqual({ status: 0, stderr: '' });
    expect(readdirSync(prefix).sort()).toEqual([
      'LICENSE',
      'ThirdPartyNotices.txt',
      'libonnxruntime.so.1',
      'libonnxruntime_providers_cuda.so',
      'libonnxruntime_providers_shared.so',
      'libonnxruntime_providers_tensorrt.so',
      'onnxruntime_binding.node',
    ]);
    expect(readFileSync(join(prefix, 'libonnxruntime.so.1'), 'utf8')).toBe('it\n');
    expect(readdirSync(dirname(prefix))).toEqual(['ort']);
  }
  const changed = readFileSync(join(source, file), 'utf8');
  expect(changed.match(/^static void PassTensorRTOptions/gm)).toHaveLength(1);
  expect(changed).toMatch(/#endif\n\nvoid ParseExecutionProviders/);
  expect(changed).toMatch(
    /\n {6}PassTensorRTOptions\(epValue, options\);\n {6}sessionOptions\.AppendExecutionProvider_TensorRT_V2/,
  );
  const withWhat = readFileSync(join(source, 'with'), 'utf8').split('\n');
  expect(withWhat[0]).toBe('/usr/local/cuda/bin');
  expect(withWhat).toContain('CMAKE_CUDA_ARCHITECTURES=87');
});

test('sources that have changed where it changes them end it before the build', () => {
  const { run, source } = board();
  const files = { VERSION_NUMBER: VERSION, 'js/node/src/session_options_helper.cc': 'int other;\n' };
  write(source, { ...files, 'build.sh': '#!/bin/sh\ntouch built\n' });
  const { status, stderr } = run();
  expect(status).toBe(1);
  expect(stderr).toMatch(/is not as this script knows it: version [\d.]+ has changed there/);
  expect(readdirSync(source)).not.toContain('built');
});
