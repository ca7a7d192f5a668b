// Which GPU a board has and what stands in the way of an accelerator, by the files of boards that are not here; the drawn check
// of its results; the folders of its engines; how long it may take.
import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import type { ModelInput } from '../../daemon/core/types.ts';
import { type AcceleratorPlace, obstacleOf } from '../../daemon/detector/accelerators.ts';
import { engineFolder } from '../../daemon/detector/engine-cache.ts';
import { drawTestPicture, outputProblem } from '../../daemon/detector/output-check.ts';
import { StartWatch } from '../../daemon/detector/start-watch.ts';
import { tensorrtProvider } from '../../daemon/detector/tensorrt-options.ts';
import { type GpuFacts, readGpu } from '../../daemon/platform/gpu.ts';
import { missingLibraries } from '../../daemon/platform/loader.ts';
import { elfLibrary } from '../support/elf-library.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempDir } from '../support/temp-dir.ts';

/** A root folder with these files. */
function rootWith(files: Readonly<Record<string, string | Buffer>>): string {
  const root = tempDir();
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

function gpuOf(files: Readonly<Record<string, string>>): GpuFacts | undefined {
  const root = rootWith(files);
  const [proc, sys, dev, run, etc] = ['proc', 'sys', 'dev', 'run', 'etc'].map((name) => join(root, name));
  const found = readGpu({ proc: proc!, sys: sys!, dev: dev!, run: run!, etc: etc! });
  return found && { ...found, device: found.device?.replace(root, '') };
}

const R36 =
  '# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64\n# KERNEL_VARIANT: oot\n';

test.each([
  ['a Raspberry Pi', { 'proc/device-tree/compatible': 'raspberrypi,5-model-b\0brcm,bcm2712\0' }, undefined],
  ['an empty PC', {}, undefined],
  [
    'a Jetson with JetPack 6',
    { 'etc/nv_tegra_release': R36, 'dev/nvgpu/igpu0': '' },
    { kind: 'jetson', device: '/dev/nvgpu/igpu0', problem: undefined, driver: 'Jetson Linux 36.4.3' },
  ],
  [
    'a Jetson with JetPack 5',
    { 'proc/device-tree/compatible': 'nvidia,p3449-0000\0nvidia,tegra210\0', 'dev/nvhost-gpu': '' },
    { kind: 'jetson', device: '/dev/nvhost-gpu', problem: undefined, driver: undefined },
  ],
  [
    'a Jetson whose devices are hidden from this process',
    { 'etc/nv_tegra_release': R36 },
    { kind: 'jetson', device: undefined, problem: expect.stringMatching(/^no device file of the GPU/) },
  ],
  [
    'a PC with a card',
    {
      'dev/nvidia0': '',
      'proc/driver/nvidia/version':
        'NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.82.07  Release Build\nGCC version: gcc 13\n',
    },
    { kind: 'pc', device: '/dev/nvidia0', driver: '580.82.07' },
  ],
] as const)('%s is known by its files', (_, files, gpu) => {
  if (gpu === undefined) expect(gpuOf(files)).toBeUndefined();
  else expect(gpuOf(files)).toMatchObject(gpu);
});

const CARD: GpuFacts = { kind: 'pc', device: '/dev/nvidia0', problem: undefined, driver: '580' };
const SUPPORTED = ['cpu', 'webgpu', 'cuda', 'tensorrt'].map((name) => ({ name, bundled: false }));
const PROVIDERS = {
  cuda: elfLibrary({ needed: ['libcublas.so.13', 'libcudart.so.13', 'libcuda.so.1', 'libc.so.6'] }),
  tensorrt: elfLibrary({ needed: ['libnvinfer.so.10', 'libcudnn.so.9', 'libcudart.so.13'] }),
};

/** A board with a card and these files; the loader sees nothing else. */
function place(files: Readonly<Record<string, string | Buffer>>, changes: Partial<AcceleratorPlace> = {}) {
  const root = rootWith(files);
  const loader = { root, arch: 'x64' as const, folders: [] };
  return { gpu: CARD, supported: SUPPORTED, libraryFolder: join(root, 'ort'), loader, ...changes };
}

test('each thing that stands in the way of an accelerator has its own sentence and what to do', () => {
  const none = place({});
  expect(obstacleOf('cpu', none)).toBeUndefined();
  expect(obstacleOf('webgpu', none)).toBeUndefined();
  expect(obstacleOf('xnnpack', none)).toMatchObject({
    kind: 'unlisted',
    reason: expect.stringMatching(/^not in this build of onnx runtime \(linux-(x64|arm64)\)$/),
    advice: 'this build has cpu, webgpu, cuda, tensorrt',
  });
  expect(obstacleOf('cuda', { ...none, gpu: undefined })).toMatchObject({
    kind: 'absent',
    reason: 'no NVIDIA GPU here (none of /dev/nvidia0, /dev/nvhost-gpu, /dev/nvgpu/igpu0)',
  });
  const jetson: GpuFacts = { ...CARD, kind: 'jetson' };
  expect(obstacleOf('tensorrt', { ...none, gpu: jetson, supported: [SUPPORTED[0]!] })).toMatchObject({
    kind: 'unlisted',
    advice: expect.stringContaining('scripts/build-onnxruntime-jetson.sh'),
  });
  const problem = '/dev/nvidia0 may not be opened by this user';
  expect(obstacleOf('cuda', { ...none, gpu: { ...CARD, problem } })).toMatchObject({
    kind: 'denied',
    reason: problem,
  });
  expect(obstacleOf('cuda', none)).toMatchObject({
    kind: 'file',
    reason: `libonnxruntime_providers_cuda.so is not beside the ONNX Runtime library (${none.libraryFolder})`,
  });
});

test('the libraries that the loader would not find are named, with what brings them', () => {
  const files = {
    'ort/libonnxruntime_providers_cuda.so': PROVIDERS.cuda,
    'ort/libonnxruntime_providers_tensorrt.so': PROVIDERS.tensorrt,
    'lib/x86_64-linux-gnu/libc.so.6': '',
    // Found by ldconfig in a folder of its own.
    'usr/local/cuda-13.0/lib64/libcudart.so.13': elfLibrary({ needed: ['libc.so.6'] }),
    'etc/ld.so.cache':
      'glibc-ld.so.cache1.1\0\u0003\0libcudart.so.13\0/usr/local/cuda-13.0/lib64/libcudart.so.13\0',
  };
  expect(obstacleOf('cuda', place(files))).toEqual({
    kind: 'libraries',
    reason: 'the loader does not find libcublas.so.13, libcuda.so.1, libcudnn.so.9',
    advice: 'install CUDA, the NVIDIA driver, cuDNN: docs/providers.md says how they get there',
  });
  expect(obstacleOf('tensorrt', place(files))).toMatchObject({
    reason: 'the loader does not find libnvinfer.so.10, libcudnn.so.9',
    advice: expect.stringMatching(/^install TensorRT, cuDNN:/),
  });
  // libcublas needs libcublasLt, which is looked for beside it and in LD_LIBRARY_PATH.
  const more = {
    ...files,
    'opt/nvidia/libcublas.so.13': elfLibrary({ needed: ['libcublasLt.so.13', 'libm.so.6'] }),
    'opt/nvidia/libcublasLt.so.13': '',
    'opt/nvidia/libcudnn.so.9': '',
    'usr/lib/libcuda.so.1': '',
  };
  const board = place(more);
  const loader = { ...board.loader, folders: ['/opt/nvidia'] };
  expect(obstacleOf('cuda', { ...board, loader })).toMatchObject({
    reason: 'the loader does not find libm.so.6',
  });
  writeFileSync(join(board.loader.root, 'usr/lib/libm.so.6'), '');
  expect(obstacleOf('cuda', { ...board, loader })).toBeUndefined();
});

test('libraries that need each other in a ring come to an end', () => {
  const root = rootWith({
    'a.so': elfLibrary({ needed: ['b.so'] }),
    'b.so': elfLibrary({ needed: ['a.so', 'c.so'] }),
  });
  expect(missingLibraries(join(root, 'a.so'), { root, arch: 'arm64', folders: [] })).toEqual(['c.so']);
});

const DECODER = { type: 'boxes-scores', boxes: 'b', scores: 's', nmsIou: 0.5 } as const;
const reference = { b: Float32Array.of(0.1, 0.2, 0.5, 0.9), s: Float32Array.of(0.01, 0.8) };

test.each([
  [{ b: [0.1, 0.21, 0.5, 0.91], s: [0.02, 0.78] }, undefined],
  [{ b: [0.1, 0.2, 0.5, Number.NaN], s: [0, 0] }, /^its output 'b' has values that are no numbers/],
  [{ b: [0, 0, 0, 0], s: [0.01, 0.8] }, /'b' differs by 0\.425 on average/],
  [{ b: [0.1, 0.2, 0.5, 0.9], s: [0.01, 0.5] }, /'s' differs by 0\.150 on average and 0\.300 at most/],
  [{ b: [0.1], s: [0.01, 0.5] }, /^its output 'b' has 1 numbers, on the cpu 4/],
])('results of an accelerator are held against those of the cpu (%#)', (found, problem) => {
  const outputs = { b: Float32Array.from(found.b), s: Float32Array.from(found.s) };
  const told = outputProblem({ decoder: DECODER }, reference, outputs);
  if (problem === undefined) expect(told).toBeUndefined();
  else expect(told).toMatch(problem);
});

test('of detections that the graph has sorted only the scores are held against each other', () => {
  const decoder = {
    type: 'tf-ssd',
    boxes: 'b',
    classes: 'c',
    scores: 's',
    count: 'n',
    classOffset: 0,
  } as const;
  const found = { ...reference, b: Float32Array.of(9, 9, 9, 9) };
  expect(outputProblem({ decoder }, reference, found)).toBeUndefined();
});

test('the drawn picture is the same in every layout, and in the range of the model', () => {
  const input: ModelInput = {
    ...({ name: 'image', width: 20, height: 16, layout: 'nhwc', colour: 'rgb', resize: 'stretch' } as const),
    ...({ mean: [127.5, 127.5, 127.5], scale: [2, 2, 2], type: 'uint8' } as const),
  };
  const bytes = new Uint8Array(960);
  drawTestPicture(input, bytes);
  const planes = new Uint8Array(960);
  drawTestPicture({ ...input, layout: 'nchw' }, planes);
  expect(Array.from({ length: 320 }, (_, i) => bytes[i * 3])).toEqual([...planes.subarray(0, 320)]);
  const floats = new Float32Array(960);
  drawTestPicture({ ...input, type: 'float32' }, new Uint8Array(floats.buffer));
  floats.forEach((value, i) => {
    expect(Math.abs(value / 2 + 127.5 - bytes[i]!)).toBeLessThan(1);
  });
  expect(Math.max(...bytes) - Math.min(...bytes)).toBeGreaterThan(100);
});

test('engines have a folder per model and board; of the others the newest stay', () => {
  const cache = tempDir();
  const key = (model: number, driver = '580') => ({ sha256: `${model}`.repeat(64), board: ['pc', driver] });
  const first = engineFolder(cache, key(1), 1000)!;
  expect(first).toMatch(/\/engines\/1{16}-[0-9a-f]{8}$/);
  expect(engineFolder(cache, key(1), 1000)).toBe(first);
  expect(engineFolder(cache, key(1, '581'), 2000)).not.toBe(first);
  for (let model = 2; model <= 6; model += 1) engineFolder(cache, key(model), model * 10_000);
  const there = readdirSync(join(cache, 'engines')).sort();
  expect(there).toHaveLength(6);
  expect(there.filter((name) => name.startsWith('1'))).toHaveLength(1);
  // The one in use stays however old its folder says it is.
  utimesSync(join(cache, 'engines', there[0]!), 0, 0);
  expect(engineFolder(join(cache, 'engines', there[1]!, 'file'), key(1), 0)).toBeDefined();
  writeFileSync(join(cache, 'plain'), '');
  expect(engineFolder(join(cache, 'plain'), key(1), 0)).toBeUndefined();
});

test('TensorRT is told where its engines are kept, and of quantized layers where there are some', () => {
  const cacheDir = tempDir();
  const [plain, quantized] = [join(tempDir(), 'a.onnx'), join(tempDir(), 'b.onnx')];
  writeFileSync(plain, 'Conv Relu');
  writeFileSync(quantized, 'Conv QuantizeLinear Relu');
  const engines = { cacheDir, gpu: CARD, runtime: '1.30.0' };
  const options = tensorrtProvider(plain, engines, 5) as unknown as Record<string, string>;
  expect(options).toMatchObject({ name: 'tensorrt', trt_fp16_enable: '1', trt_engine_cache_enable: '1' });
  expect(options['trt_engine_cache_path']).toContain(join(cacheDir, 'engines'));
  expect(options).not.toHaveProperty('trt_int8_enable');
  expect(tensorrtProvider(quantized, { ...engines, cacheDir: undefined }, 5)).toEqual({
    name: 'tensorrt',
    deviceId: 0,
    trt_fp16_enable: '1',
    trt_int8_enable: '1',
  });
});

test('every provider has its own time to open, an accelerator more of it, and lateness names the key', async () => {
  const clock = new SimClock();
  const late: string[] = [];
  const config = { startTimeoutMs: 60_000, acceleratorTimeoutMs: 1_200_000 };
  const watch = new StartWatch({ config, clock, onLate: (reason) => late.push(reason) });
  await clock.advance(5000);
  expect(watch.starting()).toEqual({ forS: 5, limitMs: 60_000 });
  watch.opening('tensorrt');
  await clock.advance(1_100_000);
  expect(watch.starting()).toEqual({ provider: 'tensorrt', forS: 1105, limitMs: 1_200_000 });
  expect(watch.accelerator).toBe('tensorrt');
  watch.opening('cuda');
  await clock.advance(1_199_999);
  expect(late).toEqual([]);
  await clock.advance(1);
  expect(late).toEqual(['not ready on cuda after 1200000 ms (detector.acceleratorTimeoutMs)']);
  watch.opening('cpu');
  expect(watch.accelerator).toBeUndefined();
  await clock.advance(60_000);
  expect(late.at(-1)).toBe('not ready on cpu after 60000 ms (detector.startTimeoutMs)');
  watch.opening('cpu');
  watch.stop();
  await clock.advance(1_000_000);
  expect(late).toHaveLength(2);
  expect(watch.starting()).toBeUndefined();
});
