// The largest size of each channel of values inside a model over pictures: what equalising channels stands on. Main thread of a command.
import { chunksOf, type ObserveJob, withSession } from './calibrate-observe.ts';

/** By value, one number for each channel (axis 1). */
export async function channelPeaks(
  job: ObserveJob,
  onProgress: (done: number, of: number) => void,
): Promise<Record<string, number[]>> {
  const { feeds } = job;
  const chunks = await chunksOf(job);
  const peaks: Record<string, number[]> = {};
  for (const [at, chunk] of chunks.entries()) {
    await withSession(job, chunk, async (run) => {
      for (let picture = 0; picture < feeds.count; picture += 1) {
        for (const [name, { data, dims }] of Object.entries(await run(picture))) {
          peaks[name] ??= new Array<number>(dims[1] ?? 1).fill(0);
          addPeaks(peaks[name], data as Float32Array);
        }
        onProgress(at * feeds.count + picture + 1, chunks.length * feeds.count);
      }
    });
  }
  return peaks;
}

/** Batch 1: a channel's numbers lie together. */
function addPeaks(peaks: number[], values: Float32Array): void {
  const each = values.length / peaks.length;
  for (let channel = 0; channel < peaks.length; channel += 1) {
    let peak = peaks[channel]!;
    for (let i = channel * each; i < (channel + 1) * each; i += 1)
      peak = Math.max(peak, Math.abs(values[i]!));
    peaks[channel] = peak;
  }
}
