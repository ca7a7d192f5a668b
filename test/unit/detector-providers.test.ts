// Which execution providers are tried, in which order, and what is kept of those that fail; the control channel; the
// default number of threads; the length of a socket path.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Obstacle } from '../../daemon/detector/accelerators.ts';
import { ControlReader } from '../../daemon/detector/control.ts';
import {
  openWithFirst,
  type Provider,
  type ProviderFallback,
  plainReason,
  planProviders,
} from '../../daemon/detector/providers.ts';
import { runtimeFiles } from '../../daemon/detector/runtime-files.ts';
import { defaultThreads } from '../../daemon/detector/threads.ts';
import { reasonOf } from '../../daemon/platform/errors.ts';

/** What stands in the way on a board: nothing, no such device, or a build without it. */
type Board = Partial<Record<Provider, Obstacle>>;
const obstacle = (kind: Obstacle['kind']): Obstacle => ({ kind, reason: `it is ${kind}`, advice: 'mend it' });
const PI: Board = { tensorrt: obstacle('absent'), cuda: obstacle('absent') };
const BARE_JETSON: Board = { tensorrt: obstacle('unlisted'), cuda: obstacle('unlisted') };
const CARD: Board = { tensorrt: obstacle('libraries') };
const JETSON: Board = {};

test.each([
  [['auto'], PI, ['cpu'], ['tensorrt', 'cuda']],
  [['auto'], JETSON, ['tensorrt', 'cuda', 'cpu'], []],
  [['auto'], BARE_JETSON, ['tensorrt', 'cuda', 'cpu'], []],
  [['auto', 'auto', 'webgpu'], PI, ['cpu'], ['tensorrt', 'cuda']],
  [['cuda'], PI, ['cuda', 'cpu'], []],
  [['webgpu', 'auto'], CARD, ['webgpu', 'tensorrt', 'cuda', 'cpu'], []],
  [['cuda', 'auto'], JETSON, ['cuda', 'tensorrt', 'cpu'], []],
  [['cuda', 'cuda', 'cpu', 'tensorrt'], PI, ['cuda', 'cpu'], []],
  [['cpu'], JETSON, ['cpu'], []],
] as const)(
  '%j becomes a plan that ends with the cpu; what the board has no device for is only told',
  (choices, board: Board, plan, skipped) => {
    const { candidates, ...rest } = planProviders(choices, (provider) => board[provider]);
    expect(candidates.map(({ provider }) => provider)).toEqual(plan);
    expect(rest.skipped).toEqual(
      skipped.map((provider) => ({ provider, reason: 'it is absent', advice: 'mend it' })),
    );
    // Only what nobody named must be worth it.
    for (const { provider, auto } of candidates) {
      expect(auto).toBe(provider !== 'cpu' && !(choices as readonly string[]).includes(provider));
    }
  },
);

async function opened(
  choices: Parameters<typeof planProviders>[0],
  board: Board,
  {
    fails = {},
    outages = [],
  }: { fails?: Readonly<Record<string, string>>; outages?: ProviderFallback[] } = {},
) {
  const tried: string[] = [];
  const result = await openWithFirst(planProviders(choices, (provider) => board[provider]).candidates, {
    outages,
    open: async ({ provider }) => {
      tried.push(provider);
      const message = fails[provider];
      if (message !== undefined) throw new Error(message);
      return provider;
    },
    isFinal: (error) => reasonOf(error) === 'bad model',
  });
  return { ...result, tried };
}

test('the first provider that works is used, and the reasons of those before it are kept', async () => {
  const board = { tensorrt: obstacle('unlisted'), webgpu: obstacle('file') };
  const fails = { webgpu: 'Failed to load shared library', cuda: 'no device\nlong story' };
  const { tried, provider, fallbacks } = await opened(['tensorrt', 'webgpu', 'cuda'], board, { fails });
  // What the build does not have is not even tried; what files speak against is, and their reason tells more than the runtime's.
  expect(tried).toEqual(['webgpu', 'cuda', 'cpu']);
  expect(provider).toBe('cpu');
  expect(fallbacks).toEqual([
    { provider: 'tensorrt', reason: 'it is unlisted', advice: 'mend it' },
    { provider: 'webgpu', reason: 'it is file', advice: 'mend it' },
    { provider: 'cuda', reason: 'no device' },
  ]);
});

test('files may be wrong: a provider that opens all the same is used', async () => {
  expect(await opened(['cuda'], PI)).toMatchObject({ provider: 'cuda', fallbacks: [] });
});

test('a provider that ended an earlier process is not tried', async () => {
  const outages = [{ provider: 'cuda', reason: 'it ended the process' }];
  const { tried, fallbacks } = await opened(['auto'], { tensorrt: obstacle('unlisted') }, { outages });
  expect(tried).toEqual(['cpu']);
  expect(fallbacks).toEqual([expect.objectContaining({ provider: 'tensorrt' }), outages[0]]);
});

test('what is wrong with the model is thrown at once and not blamed on the provider', async () => {
  await expect(opened(['cuda'], {}, { fails: { cuda: 'bad model' } })).rejects.toThrow('bad model');
});

test('the error of the cpu is thrown: there is nothing behind it', async () => {
  await expect(opened(['cpu'], {}, { fails: { cpu: 'broken' } })).rejects.toThrow('broken');
});

test.each([
  [
    '/onnxruntime_src/onnxruntime/core/providers/webgpu/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::Initialize(const X&)::<lambda()> adapter_result.status == wgpu::RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters\n',
    'Failed to get a WebGPU adapter: No supported adapters',
  ],
  [
    '/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:129 std::conditional_t<THRW, void, onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*) [with ERRTYPE = cudaError] CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; hostname=x ; expr=cudaSetDevice(info_.device_id);',
    'CUDA failure 100: no CUDA-capable device is detected',
  ],
  ['Failed to load shared library', 'Failed to load shared library'],
])('what the runtime says is kept without the place in its source', (said, told) => {
  expect(plainReason(new Error(said))).toBe(told);
});

test('control messages come out however the stream is cut; lines that are none are left out', () => {
  const stats = { type: 'stats', runs: 3, rssBytes: 5 };
  const failed = { type: 'failed', code: 'X', message: 'ä' };
  const text = `${JSON.stringify(stats)}\nnonsense\n{"type":"other"}\nnull\n${JSON.stringify(failed)}\n{"type":`;
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), (cuts) => {
      const places = cuts.toSorted((a, b) => a - b);
      const seen: unknown[] = [];
      const reader = new ControlReader((message) => seen.push(message));
      [0, ...places].forEach((place, i) => {
        reader.push(text.slice(place, places[i] ?? text.length));
      });
      expect(seen).toEqual([stats, failed]);
    }),
  );
});

test('one core is left free, one is always used, three are enough', () => {
  expect([1, 2, 3, 4, 8].map((cores) => defaultThreads(cores))).toEqual([1, 1, 2, 3, 3]);
});

test('a runtime directory too long for a Unix socket is refused with both numbers', () => {
  expect(runtimeFiles('/run/vedette', 3).socketPath).toBe('/run/vedette/detector-3.sock');
  const ok = `/${'d'.repeat(107 - '/detector-1.sock'.length - 1)}`;
  expect(Buffer.byteLength(runtimeFiles(ok, 1).socketPath)).toBe(107);
  expect(() => runtimeFiles(`${ok}d`, 1)).toThrow(/108 bytes \(limit 107\)/);
  expect(() => runtimeFiles(ok, 10)).toThrow(expect.objectContaining({ code: 'DETECTOR_START_FAILED' }));
});
