// Where a quantized model loses: the noise in what each convolution gives, and what the outputs would gain if it had stayed in float.
// Measured over a few pictures with the real runtime, not estimated. Main thread of a command.
import type { GraphSession, OpenGraph } from '../core/infer.ts';
import { chunksOf, type Feeds, type ObserveJob, withSession } from './calibrate-observe.ts';
import { Fidelity, type Outputs, squaresOf } from './fidelity.ts';
import type { Decoder } from './manifest-schema.ts';
import type { OnnxModel } from './onnx.ts';
import { encodeModel } from './onnx-write.ts';

/** One convolution. */
export interface LayerError {
  /** Name of its node. */
  readonly layer: string;
  /** Signal to quantization noise in its output, decibels: what it and all before it have done. Null: no noise at all. */
  readonly sqnrDb: number | null;
  /** Share of the error of the outputs that would be gone if it were in float; undefined where that was not measured. */
  readonly gain?: number;
  readonly isFloat: boolean;
}

export interface Layer {
  readonly name: string;
  /** Its output in the float graph, and what stands for that in the quantized one. */
  readonly floatValue: string;
  readonly int8Value: string;
  readonly isFloat: boolean;
}

const PICTURES_MAX = 8;

/** The noise in each layer's output. */
export async function layerNoise(
  job: Omit<ObserveJob, 'values' | 'model'> & {
    readonly float: OnnxModel;
    readonly int8: OnnxModel;
    readonly layers: readonly Layer[];
    readonly onProgress: (done: number, of: number) => void;
  },
): Promise<LayerError[]> {
  const { layers, feeds, onProgress } = job;
  const byValue = new Map(layers.map((layer) => [layer.floatValue, layer]));
  const pictures = Math.min(PICTURES_MAX, feeds.count);
  const chunks = await chunksOf({ ...job, model: job.float, values: [...byValue.keys()] });
  const sums = new Map(layers.map((layer) => [layer, { noise: 0, signal: 0 }]));
  for (const [at, chunk] of chunks.entries()) {
    const asked = chunk.map((value) => byValue.get(value)!);
    const int8Values = asked.map(({ int8Value }) => int8Value);
    await withSession({ ...job, model: job.float }, chunk, (runFloat) =>
      withSession({ ...job, model: job.int8 }, int8Values, async (runInt8) => {
        for (let picture = 0; picture < pictures; picture += 1) {
          const [float, int8] = [await runFloat(picture), await runInt8(picture)];
          for (const layer of asked) {
            addTo(sums.get(layer)!, float[layer.floatValue]!.data, int8[layer.int8Value]!.data);
          }
          onProgress(at * pictures + picture + 1, chunks.length * pictures);
        }
      }),
    );
  }
  return layers.map((layer) => ({
    layer: layer.name,
    isFloat: layer.isFloat,
    sqnrDb: decibels(sums.get(layer)!),
  }));
}

interface Sums {
  noise: number;
  signal: number;
}

function addTo(sums: Sums, float: unknown, int8: unknown): void {
  const { noise, signal } = squaresOf(float as Float32Array, int8 as Float32Array);
  sums.noise += noise;
  sums.signal += signal;
}

function decibels({ noise, signal }: Sums): number | null {
  if (noise === 0) return null;
  // A layer that gives nothing and should give nothing but noise is as bad as it can be.
  return signal === 0 ? -100 : Math.round(100 * 10 * Math.log10(signal / noise)) / 100;
}

/** How long a list of kept outputs may get: pictures of models with large outputs are fewer. */
const OUTPUTS_BYTES_MAX = 64 * 2 ** 20;
const JUDGED_MAX = 24;
const JUDGED_MIN = 2;

export interface JudgeJob {
  readonly float: OnnxModel;
  readonly decoder: Decoder;
  readonly feeds: Feeds;
  readonly open: OpenGraph;
  readonly threads: number;
  readonly signal: AbortSignal;
}

/** Judges variants of a quantized model by the error of their outputs over the same few pictures (see fidelity.ts). */
export class Judge {
  readonly #job: JudgeJob;
  #float: readonly Outputs[] = [];

  private constructor(job: JudgeJob) {
    this.#job = job;
  }

  static async of(job: JudgeJob): Promise<Judge> {
    const judge = new Judge(job);
    await judge.#run(job.float, async (session) => {
      const kept: Outputs[] = [];
      let most = JUDGED_MAX;
      for (let at = 0; at < Math.min(most, job.feeds.count); at += 1) {
        job.signal.throwIfAborted();
        const outputs = await session.run(job.feeds.at(at));
        kept.push(outputs);
        const bytes = Object.values(outputs).reduce((sum, { data }) => sum + data.byteLength, 0);
        most = Math.min(most, Math.max(JUDGED_MIN, Math.floor(OUTPUTS_BYTES_MAX / bytes)));
      }
      judge.#float = kept;
    });
    return judge;
  }

  /** 0: the outputs of the float model. */
  async errorOf(model: OnnxModel): Promise<number> {
    const { decoder, feeds, signal } = this.#job;
    const fidelity = new Fidelity(decoder);
    await this.#run(model, async (session) => {
      for (const [at, float] of this.#float.entries()) {
        signal.throwIfAborted();
        fidelity.add(float, await session.run(feeds.at(at)));
      }
    });
    return fidelity.error;
  }

  async #run(model: OnnxModel, work: (session: GraphSession) => Promise<void>): Promise<void> {
    const { open, threads } = this.#job;
    const session = await open(encodeModel(model), { threads });
    try {
      await work(session);
    } finally {
      await session.release();
    }
  }
}
