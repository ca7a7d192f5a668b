// Real detectors: every convolution of the body is an integer one in the graph that ONNX Runtime really runs.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openGraph } from '../../daemon/detector/graph-session.ts';
import { prepare } from '../../daemon/models/fold.ts';
import { countConvolutions } from '../../daemon/models/integer-count.ts';
import { readOnnx } from '../../daemon/models/onnx-file.ts';
import { encodeModel } from '../../daemon/models/onnx-write.ts';
import { quantizeGraph } from '../../daemon/models/qdq.ts';
import { headConvolutions } from '../../daemon/models/qdq-body.ts';
import { measureRanges, optimized, randomFeeds, runModel } from '../support/graphs.ts';
import { ROOT, sharedPath, testNeeding } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';

test('the bundled model runs 57 convolutions on integers and the last of both heads in float', async () => {
  const optimizedFile = join(tempDir(), 'optimized.onnx');
  await (await openGraph(join(ROOT, 'models/vedette-nano/model-int8.onnx'), { optimizedFile })).release();
  expect(countConvolutions(readOnnx(optimizedFile))).toMatchObject({ integer: 57, float: 2 });
});

const NANO = 'models/mobilenetv2-yolo-nano-coco-320/model.onnx';

testNeeding({ shared: [NANO] })(
  'MobileNetV2-YOLO-Nano: 57 of 59 convolutions on integers, in 1.15 MB',
  async () => {
    const float = prepare(readOnnx(sharedPath(NANO)));
    const heads = headConvolutions(float);
    expect(heads).toEqual(['Conv_213', 'Conv_276']);
    const ranges = await measureRanges(float, [randomFeeds(float, 100), randomFeeds(float, 101)]);
    const { model, report } = quantizeGraph(float, { ranges, keepFloat: new Set(heads) });
    expect(report.floatNodes).toEqual(heads.map((name) => ({ name, reason: 'kept' })));
    expect(encodeModel(model).length).toBeLessThanOrEqual(1_150_000);
    const runs = await optimized(model, join(tempDir(), 'optimized.onnx'));
    expect(countConvolutions(runs)).toMatchObject({ integer: 57, float: 2 });
    const feeds = randomFeeds(float);
    const [was, is] = [await runModel(float, feeds), await runModel(model, feeds)];
    const off = was['boxes']!.map((value, at) => Math.abs(value - is['boxes']![at]!)).sort((a, b) => a - b);
    expect(off[Math.floor(off.length * 0.9)]).toBeLessThan(0.05);
  },
);
