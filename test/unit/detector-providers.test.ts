// Which execution providers are tried, in which order, and what is kept of those that fail; the control channel; the
// default number of threads; the length of a socket path.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ControlReader } from '../../daemon/detector/control.ts';
import { openWithFirst, planProviders } from '../../daemon/detector/providers.ts';
import { runtimeFiles } from '../../daemon/detector/runtime-files.ts';
import { defaultThreads } from '../../daemon/detector/supervisor.ts';

const X64 = [
  { name: 'cpu', bundled: true },
  { name: 'webgpu', bundled: true },
  { name: 'cuda', bundled: false },
  { name: 'tensorrt', bundled: false },
];
const JETSON = X64.map(({ name }) => ({ name, bundled: true }));

test.each([
  [['auto'], X64, ['cpu']],
  [['auto'], JETSON, ['tensorrt', 'cuda', 'cpu']],
  [['cuda'], X64, ['cuda', 'cpu']],
  [['cuda', 'auto'], JETSON, ['cuda', 'tensorrt', 'cpu']],
  [['cuda', 'cuda', 'cpu', 'tensorrt'], X64, ['cuda', 'cpu']],
  [['cpu'], JETSON, ['cpu']],
] as const)('%j becomes a plan that ends with the cpu', (choices, supported, plan) => {
  expect(planProviders(choices, supported)).toEqual(plan);
});

test('the first provider that works is used, and the reasons of those before it are kept', async () => {
  const tried: string[] = [];
  const opened = await openWithFirst(
    ['tensorrt', 'cuda', 'cpu'],
    X64.filter(({ name }) => name !== 'tensorrt'),
    async (provider) => {
      tried.push(provider);
      if (provider === 'cuda') throw new Error('no device\nlong story');
      return provider;
    },
    () => false,
  );
  expect(tried).toEqual(['cuda', 'cpu']);
  expect(opened.provider).toBe('cpu');
  expect(opened.fallbacks).toEqual([
    { provider: 'tensorrt', reason: expect.stringMatching(/^not in this build/) },
    { provider: 'cuda', reason: 'no device' },
  ]);
});

test('what is wrong with the model is thrown at once and not blamed on the provider', async () => {
  const tried: string[] = [];
  const opening = openWithFirst(
    ['cuda', 'cpu'],
    X64,
    async (provider) => {
      tried.push(provider);
      throw new Error('bad model');
    },
    () => true,
  );
  await expect(opening).rejects.toThrow('bad model');
  expect(tried).toEqual(['cuda']);
});

test('the error of the cpu is thrown: there is nothing behind it', async () => {
  const opening = openWithFirst(
    ['cpu'],
    X64,
    () => Promise.reject(new Error('broken')),
    () => false,
  );
  await expect(opening).rejects.toThrow('broken');
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
