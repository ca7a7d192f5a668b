// Calibration: what range each activation of a model takes over pictures. Goes through the activations in chunks, all pictures
// for each, and leaves what it has after every few pictures with its keeper, so that a killed run goes on there. The same
// pictures give the same ranges, in whatever pieces it ran. Main thread of a command.
import { VedetteError } from '../platform/errors.ts';
import { Histogram } from './calibrate-histogram.ts';
import { chunksOf, type ObserveJob, type RunPicture, withSession } from './calibrate-observe.ts';
import { type RangeRule, rangeOf } from './calibrate-range.ts';
import type { Range } from './qdq-params.ts';

/** How far a calibration is: histograms of all chunks that are done, and of one that has been begun. */
export interface CalibrationState {
  readonly histograms: ReadonlyMap<string, Histogram>;
  /** Names of the values of the chunk under way. */
  readonly chunk: readonly string[];
  /** Pictures counted for it. */
  readonly pictures: number;
}

/** Keeps the state where a killed run finds it again. */
export interface CalibrationKeeper {
  load(): CalibrationState | undefined;
  save(state: CalibrationState): void;
}

export interface CalibrateJob extends ObserveJob {
  readonly keeper: CalibrationKeeper;
  /** Runs so far and altogether. */
  readonly onProgress: (done: number, of: number) => void;
  /** Bytes of values that one run brings out. */
  readonly chunkBytes?: number;
}

/** The state is kept after so many pictures. */
const KEEP_EVERY = 16;

/** The histogram of each value. Throws MODEL_UNSUPPORTED when the model computes what is no finite number. */
export async function calibrate(job: CalibrateJob): Promise<Map<string, Histogram>> {
  const { feeds, keeper, onProgress } = job;
  const chunks = await chunksOf(job, job.chunkBytes);
  const state = keeper.load();
  const histograms = new Map(state?.histograms);
  for (const [at, chunk] of chunks.entries()) {
    const isBegun = state !== undefined && sameNames(state.chunk, chunk);
    const isDone = !isBegun && chunk.every((name) => histograms.has(name));
    if (isDone) continue;
    const from = isBegun ? state.pictures : 0;
    if (from === 0) for (const name of chunk) histograms.set(name, new Histogram());
    await withSession(job, chunk, async (run) => {
      for (let picture = from; picture < feeds.count; picture += 1) {
        await count(run, picture, histograms);
        onProgress(at * feeds.count + picture + 1, chunks.length * feeds.count);
        const done = picture + 1;
        if (done % KEEP_EVERY === 0 && done < feeds.count) keeper.save({ histograms, chunk, pictures: done });
      }
    });
    keeper.save({ histograms, chunk: [], pictures: 0 });
  }
  return histograms;
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, at) => name === b[at]);
}

async function count(
  run: RunPicture,
  picture: number,
  histograms: ReadonlyMap<string, Histogram>,
): Promise<void> {
  for (const [name, { data }] of Object.entries(await run(picture))) {
    if (histograms.get(name)!.add(data as Float32Array)) continue;
    throw new VedetteError(
      'MODEL_UNSUPPORTED',
      `value '${name}' is no finite number for picture ${picture + 1}: such a model cannot be quantized`,
      { value: name, picture },
    );
  }
}

/** The range of every value. */
export function rangesOf(histograms: ReadonlyMap<string, Histogram>, rule: RangeRule): Map<string, Range> {
  return new Map([...histograms].map(([name, histogram]) => [name, rangeOf(histogram, rule)]));
}
