// What the channels of values inside a model are on average over pictures: what the correction of biases stands on. Main thread of a
// command.
import { chunksOf, type ObserveJob, withSession } from './calibrate-observe.ts';

/** Means settle sooner than the ends of ranges. */
const PICTURES_MAX = 32;

/** By value, one number for each channel (axis 1). */
export async function channelMeans(
  job: ObserveJob,
  onProgress: (done: number, of: number) => void,
): Promise<Record<string, number[]>> {
  const chunks = await chunksOf(job);
  const pictures = Math.min(PICTURES_MAX, job.feeds.count);
  const means: Record<string, number[]> = {};
  for (const [at, chunk] of chunks.entries()) {
    await withSession(job, chunk, async (run) => {
      for (let picture = 0; picture < pictures; picture += 1) {
        for (const [name, { data, dims }] of Object.entries(await run(picture))) {
          const channels = dims[1] ?? 1;
          means[name] ??= new Array<number>(channels).fill(0);
          addMeans(means[name], data as Float32Array, { channels, pictures });
        }
        onProgress(at * pictures + picture + 1, chunks.length * pictures);
      }
    });
  }
  return means;
}

/** Batch 1: a channel's numbers lie together. */
function addMeans(
  means: number[],
  values: Float32Array,
  { channels, pictures }: { readonly channels: number; readonly pictures: number },
): void {
  const each = values.length / channels;
  for (let channel = 0; channel < channels; channel += 1) {
    let sum = 0;
    for (let i = channel * each; i < (channel + 1) * each; i += 1) sum += values[i]!;
    means[channel] = means[channel]! + sum / each / pictures;
  }
}
