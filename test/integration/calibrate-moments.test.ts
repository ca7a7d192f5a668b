// What is measured inside a model for equalising and rounding, with the real runtime: moments of what convolutions read, channels' peaks.
import { expect, test } from 'vitest';
import { openGraph } from '../../daemon/detector/graph-session.ts';
import { BLOCK_MAX, measureMoments } from '../../daemon/models/calibrate-moments.ts';
import type { Feeds } from '../../daemon/models/calibrate-observe.ts';
import { channelPeaks } from '../../daemon/models/calibrate-peaks.ts';
import { convolutionForm, patchesOf } from '../../daemon/models/convolution-form.ts';
import type { OnnxModel } from '../../daemon/models/onnx.ts';
import type { Moments } from '../../daemon/models/round-weights.ts';
import { GraphBuilder, nodeOf, randomFeeds } from '../support/graphs.ts';

const PICTURES = 3;

function feedsOf(model: OnnxModel): Feeds {
  return { count: PICTURES, at: (index) => randomFeeds(model, 20 + index) };
}

function runtimeOf(model: OnnxModel) {
  const signal = new AbortController().signal;
  return { model, feeds: feedsOf(model), open: openGraph, threads: 1, signal };
}

async function momentsOf(model: OnnxModel): Promise<readonly (readonly Moments[])[]> {
  const node = nodeOf(model, 'Conv');
  const form = convolutionForm(node, model.graph)!;
  const found: (readonly (readonly Moments[])[])[] = [];
  await measureMoments({
    ...runtimeOf(model),
    convolutions: [{ name: node.name, input: node.inputs[0]!, form }],
    onProgress: () => undefined,
    onMoments: (name, groups) => {
      expect(name).toBe(node.name);
      found.push(groups);
    },
  });
  expect(found).toHaveLength(1);
  return found[0]!;
}

test('means and covariances of each group are those of the patches that a convolution reads', async () => {
  const build = new GraphBuilder();
  const model = build.output(build.conv(build.input([1, 4, 6, 5]), { from: 4, to: 6, size: 3, group: 2 }));
  const form = convolutionForm(nodeOf(model, 'Conv'), model.graph)!;
  const groups = await momentsOf(model);
  expect(groups.map((blocks) => blocks.map(({ columns }) => columns))).toEqual([[18], [18]]);
  groups.forEach(([moments], group) => {
    const rows = Array.from({ length: 18 }, () => [] as number[]);
    for (let picture = 0; picture < PICTURES; picture += 1) {
      const values = feedsOf(model).at(picture)['x']!.data as Float32Array;
      const patches = patchesOf(form, values, [6, 5], { count: 1000, turn: 0 });
      const gathered = patches.gather(group * 2, 2);
      for (const [at, row] of rows.entries())
        row.push(...gathered.subarray(at * patches.count, (at + 1) * patches.count));
    }
    const { means, covariance } = moments!;
    const average = (numbers: readonly number[]): number =>
      numbers.reduce((a, b) => a + b, 0) / numbers.length;
    for (let i = 0; i < 18; i += 1) {
      expect(means[i]).toBeCloseTo(average(rows[i]!), 5);
      for (let j = 0; j <= i; j += 1) {
        const product = average(rows[i]!.map((value, at) => value * rows[j]![at]!));
        expect(covariance[i * 18 + j]).toBeCloseTo(product - average(rows[i]!) * average(rows[j]!), 5);
      }
    }
  });
});

test('what reads many channels has its columns in blocks', async () => {
  const build = new GraphBuilder();
  const many = BLOCK_MAX + 88;
  const model = build.output(build.conv(build.input([1, many, 2, 2]), { from: many, to: 2 }));
  const [blocks] = await momentsOf(model);
  expect(blocks!.map(({ columns }) => columns)).toEqual([BLOCK_MAX, 88]);
  const all = feedsOf(model).at(0)['x']!.data as Float32Array;
  expect(all.length).toBe(4 * many);
  const last = [0, 1, 2].flatMap((picture) => [
    ...(feedsOf(model).at(picture)['x']!.data as Float32Array).slice(-4),
  ]);
  expect(blocks![1]!.means[87]).toBeCloseTo(last.reduce((a, b) => a + b, 0) / last.length, 5);
});

test('a channel peaks at its largest size over all pictures', async () => {
  const build = new GraphBuilder();
  const model = build.output(build.node('Neg', [build.input([1, 2, 3, 3])]));
  const values = ['x', model.graph.outputs[0]!.name];
  const peaks = await channelPeaks({ ...runtimeOf(model), values }, () => undefined);
  const expected = [0, 1].map((channel) =>
    Math.max(
      ...[0, 1, 2].flatMap((picture) =>
        [...(feedsOf(model).at(picture)['x']!.data as Float32Array).slice(channel * 9, channel * 9 + 9)].map(
          Math.abs,
        ),
      ),
    ),
  );
  for (const value of values) expect(peaks[value]).toEqual(expected);
});
