// What PyTorch's two exporters and tf2onnx write, quantized: every convolution of the body is an integer one in the graph that ONNX
// Runtime really runs, nothing else of the body is float, and the answers are near those of the float graph.
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openGraph } from '../../daemon/detector/graph-session.ts';
import { prepare } from '../../daemon/models/fold.ts';
import { countConvolutions } from '../../daemon/models/integer-count.ts';
import { readOnnx } from '../../daemon/models/onnx-file.ts';
import { encodeModel } from '../../daemon/models/onnx-write.ts';
import { quantizeGraph } from '../../daemon/models/qdq.ts';
import { headConvolutions } from '../../daemon/models/qdq-body.ts';
import { exportedFeeds, exportedModels } from '../support/exported.ts';
import { measureRanges, optimized } from '../support/graphs.ts';
import { tempDir } from '../support/temp-dir.ts';

const EXPORTED = exportedModels();

/**
 * Random weights pass on all noise, every layer adds some, and nothing was trained to bear it: ONNX Runtime's own quantizer comes to
 * the same. A graph that is wrong is not alike at all.
 */
const LIKENESS_MIN = 0.6;

describe.each(EXPORTED)('$name', (exported) => {
  test('its body runs on integers', async () => {
    const float = prepare(readOnnx(exported.file));
    const heads = headConvolutions(float);
    const pictures = [1000, 1001, 1002, 1003].map((seed) => exportedFeeds(exported, seed));
    const ranges = await measureRanges(float, pictures);
    const { model, report } = quantizeGraph(float, { ranges, keepFloat: new Set(heads) });
    expect(report.floatNodes).toEqual(heads.map((name) => ({ name, reason: 'kept' })));
    const convolutions = float.graph.nodes.filter(({ opType }) => opType === 'Conv').length;
    const runs = await optimized(model, join(tempDir(), 'optimized.onnx'));
    expect(countConvolutions(runs)).toMatchObject({
      integer: convolutions - heads.length,
      float: heads.length,
    });
    const [feeds] = pictures;
    const [before, after] = await Promise.all([openGraph(exported.file), openGraph(encodeModel(model))]);
    const [was, is] = await Promise.all([before.run(feeds!), after.run(feeds!)]);
    await Promise.all([before.release(), after.release()]);
    expect(Object.keys(is)).toEqual(Object.keys(was));
    // How many boxes are left after suppression hangs on single scores.
    if (exported.name.includes('whole')) return;
    for (const [name, { data }] of Object.entries(was)) {
      expect(likeness(data, is[name]!.data), name).toBeGreaterThan(LIKENESS_MIN);
    }
  });
});

/** Cosine of two lists of numbers. */
function likeness(a: ArrayLike<number | bigint>, b: ArrayLike<number | bigint>): number {
  let [product, sizeA, sizeB] = [0, 0, 0];
  for (let at = 0; at < a.length; at += 1) {
    const [x, y] = [Number(a[at]), Number(b[at])];
    product += x * y;
    sizeA += x * x;
    sizeB += y * y;
  }
  return product / Math.sqrt(sizeA * sizeB);
}
