// Decoding of detector outputs written out anew for tests, in plain loops over rows: what the graphs of import are held against.
import { expect } from 'vitest';
import type { OnnxModel } from '../../daemon/models/onnx.ts';
import { encodeModel } from '../../daemon/models/onnx-write.ts';
import { numbersOf, tryHere } from './importing.ts';

/** The outputs of a graph as it was given, fed with what `normalise` makes of the pixels. */
export async function outputsBefore(
  model: OnnxModel,
  pixels: Uint8Array,
  normalise: (pixel: number, at: number) => number,
): Promise<number[][]> {
  const { graph } = model;
  const [input] = graph.inputs;
  const dims = input!.dims as number[];
  const feeds = {
    [input!.name]:
      input!.type === 'uint8'
        ? { type: 'uint8' as const, dims, data: pixels }
        : { type: 'float32' as const, dims, data: Float32Array.from(pixels, normalise) },
  };
  const results = await tryHere(encodeModel(model), feeds);
  return graph.outputs.map(({ name }) => numbersOf(results, name));
}

/** Equal but for what float32 loses. */
export function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  const worst = actual.reduce(
    (most, value, at) => Math.max(most, Math.abs(value - expected[at]!) / (1 + Math.abs(expected[at]!))),
    0,
  );
  expect(worst).toBeLessThan(2e-5);
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

export function softmax(values: readonly number[]): number[] {
  const most = Math.max(...values);
  const powers = values.map((value) => Math.exp(value - most));
  const sum = powers.reduce((total, value) => total + value, 0);
  return powers.map((value) => value / sum);
}

export function rowsOf(flat: readonly number[], columns: number): number[][] {
  return Array.from({ length: flat.length / columns }, (_, at) =>
    flat.slice(at * columns, (at + 1) * columns),
  );
}

/** x1, y1, x2, y2 of a centre and a size. */
export function corners(x: number, y: number, width: number, height: number): number[] {
  return [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
}
