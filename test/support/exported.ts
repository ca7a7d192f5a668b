// The graphs of test/fixtures/models/exported, written by the scripts beside them: what is to be recognised in each, and what its own
// framework answers to pictures that are drawn from a number. For tests only.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorData } from '../../daemon/core/infer.ts';
import {
  type ImportWishes,
  NORMALISATIONS,
  type NormalisationName,
} from '../../daemon/models/import-wishes.ts';
import type { Task } from '../../daemon/models/tasks.ts';
import { ROOT } from './needs.ts';

export const EXPORTED_FOLDER = join(ROOT, 'test/fixtures/models/exported');

/** Every `step`th number of an output, row after row. */
export interface GoldenOutput {
  /** As in the graph; 'decoded.…' is what it means, by the framework's own decoder. */
  readonly name: string;
  readonly dims: readonly number[];
  readonly step: number;
  readonly values: readonly number[];
}

export interface Exported {
  readonly name: string;
  readonly file: string;
  /** Of the table of models. */
  readonly row: string;
  readonly exporter: string;
  readonly framework: 'pytorch' | 'tensorflow';
  readonly task: Task;
  readonly input: {
    readonly name: string;
    readonly type: 'uint8' | 'float32';
    readonly layout: 'nchw' | 'nhwc';
    readonly colour: 'rgb';
    readonly width: number;
    readonly height: number;
  };
  /** 'inside': the graph takes bytes. */
  readonly normalisation: NormalisationName | 'inside';
  readonly decoder: {
    readonly type: 'classes' | 'mask' | 'boxes-scores' | 'tf-ssd';
    readonly activation?: 'none' | 'softmax';
    readonly order?: 'xyxy' | 'yxyx';
    readonly classOffset?: number;
  };
  /** Without the background. */
  readonly classes: number;
  readonly bytes: number;
  readonly sha256: string;
  readonly answers: readonly { readonly seed: number; readonly outputs: readonly GoldenOutput[] }[];
}

/** All of them, in the order of their names. */
export function exportedModels(): Exported[] {
  return readdirSync(EXPORTED_FOLDER)
    .filter((file) => file.endsWith('.onnx'))
    .sort()
    .map((file) => {
      const name = file.slice(0, -'.onnx'.length);
      const [facts, ...answers] = readFileSync(join(EXPORTED_FOLDER, `${name}.jsonl`), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line): unknown => JSON.parse(line));
      return { ...(facts as Exported), name, file: join(EXPORTED_FOLDER, file), answers } as Exported;
    });
}

const CELLS = 4;

/** Rows of RGB bytes: 4 x 4 cells of one colour each, under noise; export/fixture.py draws the same. */
export function cellsPicture(seed: number, width: number, height: number): Uint8Array {
  let state = seed;
  const byte = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  };
  const cells = Array.from({ length: CELLS * CELLS * 3 }, byte);
  const pixels = new Uint8Array(width * height * 3);
  for (let at = 0; at < pixels.length; at += 1) {
    const colour = at % 3;
    const x = Math.floor(at / 3) % width;
    const y = Math.floor(at / (3 * width));
    const cell = Math.floor((y * CELLS) / height) * CELLS + Math.floor((x * CELLS) / width);
    pixels[at] = (3 * cells[cell * 3 + colour]! + byte()) >> 2;
  }
  return pixels;
}

/** That picture as the exported graph takes it. */
export function exportedFeeds({ input, normalisation }: Exported, seed: number): Record<string, TensorData> {
  const { name, type, layout, width, height } = input;
  const pixels = cellsPicture(seed, width, height);
  const places = width * height;
  if (type === 'uint8') return { [name]: { type, dims: [1, height, width, 3], data: pixels } };
  const { mean, scale } = NORMALISATIONS[normalisation === 'inside' ? '0..255' : normalisation];
  const data = new Float32Array(pixels.length);
  pixels.forEach((pixel, at) => {
    const colour = at % 3;
    const to = layout === 'nhwc' ? at : colour * places + Math.floor(at / 3);
    data[to] = (pixel - mean[colour]!) * scale[colour]!;
  });
  return { [name]: { type, dims: layout === 'nhwc' ? [1, height, width, 3] : [1, 3, height, width], data } };
}

/** How far numbers are from the kept ones; infinite where there are not as many. */
export function farthest({ dims, step, values }: GoldenOutput, found: ArrayLike<number | bigint>): number {
  const size = dims.reduce((product, each) => product * each, 1);
  if (found.length !== size) return Number.POSITIVE_INFINITY;
  return values.reduce((most, value, at) => Math.max(most, Math.abs(value - Number(found[at * step]))), 0);
}

/** What is to be said of a file when it is imported: names of its classes, and the size where the graph takes any. */
export function exportedWishes({ row, classes, input: { width, height } }: Exported): ImportWishes {
  const names = Array.from({ length: classes }, (_, at) => `class ${at}`);
  const labels = { from: 'names of the test', names };
  return row === 'SSD-MobileNetV1' ? { labels, inputSize: { width, height } } : { labels };
}
