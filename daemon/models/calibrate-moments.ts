// What the inputs of convolutions are like together, over pictures: what rounding their weights stands on. Looks at some places of each
// picture. Main thread of a command.
import { chunksOf, type ObserveJob, withSession } from './calibrate-observe.ts';
import { type ConvolutionForm, patchesOf } from './convolution-form.ts';
import type { Moments } from './round-weights.ts';

/** Moments settle sooner than the ends of ranges. */
const PICTURES_MAX = 32;
/** Of each picture. */
const PLACES = 256;
/** Columns whose moments are taken together: the work grows with their square. */
export const BLOCK_MAX = 512;

/** A convolution, and the value that it reads. */
export interface Observed {
  readonly name: string;
  readonly input: string;
  readonly form: ConvolutionForm;
}

export interface MomentsJob extends Omit<ObserveJob, 'values'> {
  readonly convolutions: readonly Observed[];
  readonly onProgress: (done: number, of: number) => void;
  /** Told as soon as they are known, for they take much room: of each group of channels the blocks of its columns. */
  readonly onMoments: (name: string, groups: readonly (readonly Moments[])[]) => void;
}

export async function measureMoments(job: MomentsJob): Promise<void> {
  const { convolutions, feeds, onProgress, onMoments, signal } = job;
  const values = [...new Set(convolutions.map(({ input }) => input))];
  const chunks = await chunksOf({ ...job, values });
  const pictures = Math.min(PICTURES_MAX, feeds.count);
  for (const [at, chunk] of chunks.entries()) {
    const readers = convolutions
      .filter(({ input }) => chunk.includes(input))
      .map((observed) => ({ ...observed, sums: new LayerSums(observed.form) }));
    await withSession(job, chunk, async (run) => {
      for (let picture = 0; picture < pictures; picture += 1) {
        const found = await run(picture);
        for (const { input, sums } of readers) {
          const { data, dims } = found[input]!;
          sums.add(data as Float32Array, dims, picture);
        }
        onProgress(at * pictures + picture + 1, chunks.length * pictures);
      }
    });
    for (const { name, sums } of readers) {
      signal.throwIfAborted();
      onMoments(name, sums.moments());
    }
  }
}

/** Sums over the places of one convolution: a matrix for each block of columns of each group of channels. */
class LayerSums {
  readonly #form: ConvolutionForm;
  readonly #groups: readonly (readonly BlockSums[])[];

  constructor(form: ConvolutionForm) {
    this.#form = form;
    const { channels, kernel } = form;
    const perBlock = Math.max(1, Math.floor(BLOCK_MAX / (kernel[0] * kernel[1])));
    this.#groups = Array.from({ length: form.groups }, () => {
      const blocks: BlockSums[] = [];
      for (let from = 0; from < channels; from += perBlock) {
        blocks.push(new BlockSums(from, Math.min(channels, from + perBlock), kernel[0] * kernel[1]));
      }
      return blocks;
    });
  }

  add(values: Float32Array, dims: readonly number[], picture: number): void {
    const patches = patchesOf(this.#form, values, [dims[2]!, dims[3]!], { count: PLACES, turn: picture });
    this.#groups.forEach((blocks, group) => {
      for (const block of blocks) {
        block.add(
          patches.gather(group * this.#form.channels + block.from, block.to - block.from),
          patches.count,
        );
      }
    });
  }

  moments(): Moments[][] {
    return this.#groups.map((blocks) => blocks.map((block) => block.moments()));
  }
}

class BlockSums {
  /** Channels of the group, from and up to. */
  readonly from: number;
  readonly to: number;
  readonly #columns: number;
  readonly #sums: Float64Array;
  readonly #products: Float64Array;
  #count = 0;

  constructor(from: number, to: number, perChannel: number) {
    this.from = from;
    this.to = to;
    this.#columns = (to - from) * perChannel;
    this.#sums = new Float64Array(this.#columns);
    this.#products = new Float64Array(this.#columns ** 2);
  }

  /** `rows`: a row of `count` numbers for each column. */
  add(rows: Float32Array, count: number): void {
    this.#count += count;
    for (let i = 0; i < this.#columns; i += 1) {
      const row = rows.subarray(i * count, (i + 1) * count);
      // Padding, and channels that a Relu has silenced.
      if (row.every((value) => value === 0)) continue;
      this.#sums[i] = this.#sums[i]! + row.reduce((sum, value) => sum + value, 0);
      this.#addProducts(i, row, rows);
    }
  }

  /** Products of row `i` with those up to it, two at a time: each number that is read is used twice. */
  #addProducts(i: number, row: Float32Array, rows: Float32Array): void {
    const [count, products, at] = [row.length, this.#products, i * this.#columns];
    for (let j = 0; j < i; j += 2) {
      let [first, second] = [0, 0];
      for (let k = 0, a = j * count, b = a + count; k < count; k += 1, a += 1, b += 1) {
        const value = row[k]!;
        first += value * rows[a]!;
        second += value * rows[b]!;
      }
      products[at + j] = products[at + j]! + first;
      products[at + j + 1] = products[at + j + 1]! + second;
    }
    if (i % 2 === 0)
      products[at + i] = products[at + i]! + row.reduce((sum, value) => sum + value * value, 0);
  }

  moments(): Moments {
    const columns = this.#columns;
    const means = this.#sums.map((sum) => sum / this.#count);
    const covariance = new Float64Array(columns ** 2);
    for (let i = 0; i < columns; i += 1) {
      for (let j = 0; j <= i; j += 1) {
        const at = i * columns + j;
        covariance[at] = this.#products[at]! / this.#count - means[i]! * means[j]!;
      }
    }
    return { columns, means, covariance };
  }
}
