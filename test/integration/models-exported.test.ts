// Graphs as PyTorch's two exporters and tf2onnx write them (small, with random weights; test/fixtures/models/export): read and written
// again, and imported, they answer as the framework does that made them.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { TensorData } from '../../daemon/core/infer.ts';
import { openGraph } from '../../daemon/detector/graph-session.ts';
import { prepare } from '../../daemon/models/fold.ts';
import { countConvolutions } from '../../daemon/models/integer-count.ts';
import { decodeModel } from '../../daemon/models/onnx.ts';
import { readOnnx } from '../../daemon/models/onnx-file.ts';
import { encodeModel } from '../../daemon/models/onnx-write.ts';
import { quantizeGraph } from '../../daemon/models/qdq.ts';
import { headConvolutions } from '../../daemon/models/qdq-body.ts';
import {
  cellsPicture,
  type Exported,
  exportedFeeds,
  exportedModels,
  exportedWishes,
  farthest,
  type GoldenOutput,
} from '../support/exported.ts';
import { measureRanges, optimized, randomFeeds } from '../support/graphs.ts';
import { importFile } from '../support/importing.ts';
import { tempDir } from '../support/temp-dir.ts';

const EXPORTED = exportedModels();

/** Float32 in another order of additions; the frameworks' own kernels differ by as much. */
const FLOAT_ERROR = 2e-3;

/** What the network of a row is called when it is recognised. */
const NETWORKS: Readonly<Record<string, string>> = {
  'MobileNet V1': 'MobileNet V1',
  'MobileNet V2': 'MobileNet V2',
  'MobileNet V3-small': 'MobileNet V3-small',
  'MobileNet V3-large': 'MobileNet V3-large',
  'MobileNet V4-conv-small': 'MobileNet V4',
  'SSD-MobileNetV1': 'MobileNet V1',
  'SSDLite-MobileNetV2': 'MobileNet V2',
  'SSDLite-MobileNetV3': 'MobileNet V3',
  'DeepLabV3-MobileNetV2': 'MobileNet V2',
};

test('every row of the table has a graph, and each is the file that its framework answered with', () => {
  const rows = new Set(EXPORTED.map(({ row }) => row));
  expect([...rows].sort()).toEqual(Object.keys(NETWORKS).sort());
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

  test('imported it is what it was exported as, says what its framework says, and its body fits integers', async () => {
    const { task, input, classes } = exported;
    const imported = await importFile(exported.file, exportedWishes(exported));
    const { manifest } = imported;
    const { layout, width, height } = input;
    expect(manifest).toMatchObject({ task, input: { type: 'uint8', layout, width, height } });
    expect(manifest.decoder.type).toBe(exported.decoder.type);
    expect(manifest.labels).toHaveLength(classes);
    const facts = imported.facts.join('\n');
    expect(facts).toContain(exported.framework === 'pytorch' ? 'made by PyTorch' : 'made by TensorFlow');
    expect(facts).toContain(`network is ${NETWORKS[exported.row]}:`);
    const float = prepare(readOnnx(join(imported.folder, manifest.file)));
    const heads = headConvolutions(float);
    const ranges = await measureRanges(
      float,
      [11, 12].map((seed) => randomFeeds(float, seed)),
    );
    const { model } = quantizeGraph(float, { ranges, keepFloat: new Set(heads) });
    const runs = await optimized(model, join(tempDir(), 'optimized.onnx'));
    expect(countConvolutions(runs)).toMatchObject({ float: heads.length });
    for (const { seed, outputs } of exported.answers) {
      const pixels = inLayout(cellsPicture(seed, width, height), layout);
      const results = await imported.run(pixels);
      for (const [name, golden] of Object.entries(meantBy(exported, outputs))) {
        expect(farthest(golden, results[name]!.data), name).toBeLessThan(FLOAT_ERROR);
      }
    }
  });
});

function bytesOf({ buffer, byteOffset, byteLength }: TensorData['data']): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Boxes of a whole torchvision detector are pixels. */
function errorOf({ decoder, input }: Exported): number {
  return decoder.order === 'xyxy' ? FLOAT_ERROR * input.width : FLOAT_ERROR;
}

function inLayout(pixels: Uint8Array, layout: 'nchw' | 'nhwc'): Uint8Array {
  if (layout === 'nhwc') return pixels;
  const places = pixels.length / 3;
  const planes = new Uint8Array(pixels.length);
  pixels.forEach((pixel, at) => {
    planes[(at % 3) * places + Math.floor(at / 3)] = pixel;
  });
  return planes;
}

/** What the framework says, by the names that the outputs of an imported model have. */
function meantBy(
  { decoder, input }: Exported,
  outputs: readonly GoldenOutput[],
): Record<string, GoldenOutput> {
  const decoded = outputs.filter(({ name }) => name.startsWith('decoded.'));
  if (decoded.length > 0) {
    return Object.fromEntries(decoded.map((each) => [each.name.slice('decoded.'.length), each]));
  }
  const named = Object.fromEntries(outputs.map((each) => [each.name, each]));
  if (decoder.order !== 'xyxy') return named;
  const { boxes, scores, labels } = named as Record<'boxes' | 'scores' | 'labels', GoldenOutput>;
  if (boxes.step !== 1) throw new Error('all boxes are wanted, to turn their sides');
  const values = boxes.values.map((_, at) => boxes.values[at ^ 1]! / input.width);
  return { boxes: { ...boxes, values }, scores, classes: labels };
}
