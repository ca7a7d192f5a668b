// From exported graph to running quantized model: graphs as PyTorch's two exporters and tf2onnx write them (small, with random
// weights; test/fixtures/models/export), each through our reader and writer and held against the framework that made it.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { openGraph } from '../../daemon/detector/graph-session.ts';
import { decodeModel } from '../../daemon/models/onnx.ts';
import { encodeModel } from '../../daemon/models/onnx-write.ts';
import { type Exported, exportedFeeds, exportedModels, farthest } from '../support/exported.ts';

const EXPORTED = exportedModels();

/** Float32 in another order of additions; the frameworks' own kernels differ by as much. */
const FLOAT_ERROR = 2e-3;

test('every row of the table has a graph, and each is the file that its framework answered with', () => {
  const rows = new Set(EXPORTED.map(({ row }) => row));
  expect([...rows].sort()).toEqual([
    'DeepLabV3-MobileNetV2',
    'MobileNet V1',
    'MobileNet V2',
    'MobileNet V3-large',
    'MobileNet V3-small',
    'MobileNet V4-conv-small',
    'SSD-MobileNetV1',
    'SSDLite-MobileNetV2',
    'SSDLite-MobileNetV3',
  ]);
  for (const { file, sha256, name } of EXPORTED) {
    expect(createHash('sha256').update(readFileSync(file)).digest('hex'), name).toBe(sha256);
  }
});

describe.each(EXPORTED)('$name', (exported) => {
  test('written again it runs and answers as its framework does', async () => {
    const original = readFileSync(exported.file);
    const written = encodeModel(decodeModel(original));
    expect(Buffer.compare(encodeModel(decodeModel(written)), written)).toBe(0);
    const [before, after] = await Promise.all([openGraph(exported.file), openGraph(written)]);
    try {
      for (const { seed, outputs } of exported.answers) {
        const feeds = exportedFeeds(exported, seed);
        const results = await after.run(feeds);
        const same = await before.run(feeds);
        expect(Object.keys(results)).toEqual(Object.keys(same));
        for (const [name, { dims, data }] of Object.entries(results)) {
          expect(dims).toEqual(same[name]!.dims);
          expect(Buffer.compare(bytesOf(data), bytesOf(same[name]!.data)), name).toBe(0);
        }
        for (const output of outputs.filter(({ name }) => !name.startsWith('decoded.'))) {
          expect(farthest(output, results[output.name]!.data), output.name).toBeLessThan(errorOf(exported));
        }
      }
    } finally {
      await Promise.all([before.release(), after.release()]);
    }
  });
});

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Boxes of a whole torchvision detector are pixels. */
function errorOf({ decoder, input }: Exported): number {
  return decoder.order === 'xyxy' ? FLOAT_ERROR * input.width : FLOAT_ERROR;
}
