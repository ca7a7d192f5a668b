// Kernels for processors that cut off sums of int8 products: taken where the runtime has them for a model, said where it has none.
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createSession } from '../../daemon/detector/create-session.ts';
import { readyFindings } from '../../daemon/detector/probe.ts';
import { tellReady } from '../../daemon/detector/ready-log.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { SHIPPED_MODEL, supervised } from '../support/detector.ts';
import { memoryLogger } from '../support/logger.ts';
import { ROOT, sharedPath, testNeeding } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';

const BUNDLED = join(ROOT, 'models/vedette-nano/model-int8.onnx');
const OTHER = 'models/vedette-nano-v0/model-int8.onnx';

async function isExact(file: string, wishes: { precise: boolean; cuts: boolean }): Promise<boolean> {
  const { session, exact } = await createSession(file, { provider: 'cpu', ...wishes });
  await session.release();
  return exact;
}

test('a model whose weights share a zero point opens without exact kernels, and that is known', async () => {
  expect(await isExact(BUNDLED, { precise: true, cuts: true })).toBe(false);
  expect(await isExact(BUNDLED, { precise: true, cuts: false })).toBe(true);
  expect(await isExact(BUNDLED, { precise: false, cuts: true })).toBe(true);
});

testNeeding({ shared: [OTHER] })('another int8 model has exact kernels', async () => {
  expect(await isExact(sharedPath(OTHER), { precise: true, cuts: true })).toBe(true);
});

test('doctor says the same of a real detector that is not exact, and nothing of one that is', async () => {
  const detector = supervised({ runtimeDir: tempDir(), loadModel: () => loadModel(SHIPPED_MODEL) });
  onTestFinished(() => detector.supervisor.stop());
  await detector.supervisor.start(new AbortController().signal);
  const endpoint = (await detector.nextState('ready', 0)).ready!;
  expect(endpoint.exact).toBe(true);
  const warned = (exact: boolean) =>
    readyFindings({ ...endpoint, exact }).filter(({ level }) => level === 'warning');
  expect(warned(true)).toEqual([]);
  expect(warned(false)).toMatchObject([
    { subject: 'kernels', message: expect.stringMatching(/without VNNI/) },
  ]);
});

test('a detector whose sums are cut off says so when it is ready, and what helps', () => {
  const ready = {
    ...{ type: 'ready' as const, provider: 'cpu' as const, fallbacks: [], skipped: [] },
    ...{ threads: 1, loadMs: 1, warmupMs: 1, rssBytes: 1 },
  };
  const warnings = (exact: boolean) => {
    const { logger, records } = memoryLogger();
    tellReady(logger, { generation: 1, model: 'mine', message: { ...ready, exact } });
    return records.filter(({ level }) => level === 40).map(({ msg }) => msg);
  };
  expect(warnings(true)).toEqual([]);
  expect(warnings(false)).toEqual([
    expect.stringMatching(/x64 without VNNI.*scores may be lower.*vedette models quantize/),
  ]);
});
