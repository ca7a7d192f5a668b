// What regions find that the whole frame does not: recall of people on the wide street of the built-in scene, by their size, at
// the same number of inferences a second.
import { FPS, type Recall, recallOn, shareKnown } from '../support/wide-street.ts';
import type { BenchLine } from './figures.ts';

function added(list: readonly Recall[]): Recall {
  const sum: Recall = { small: [0, 0], large: [0, 0], nobody: 0, inferences: 0, frames: 0 };
  for (const { small, large, nobody, inferences, frames } of list) {
    for (const i of [0, 1] as const) {
      sum.small[i] += small[i];
      sum.large[i] += large[i];
    }
    sum.nobody += nobody;
    sum.inferences += inferences;
    sum.frames += frames;
  }
  return sum;
}

export async function benchRegions(): Promise<BenchLine[]> {
  const lines: BenchLine[] = [];
  for (const time of ['day', 'dusk', 'night'] as const) {
    const [whole, regions] = [[] as Recall[], [] as Recall[]];
    for (const seed of [1, 2, 3]) {
      whole.push(await recallOn({ seed, time, seconds: 120 }, undefined));
      regions.push(await recallOn({ seed, time, seconds: 120 }, { regions: true, fullLookS: 10 }));
    }
    const [a, b] = [added(whole), added(regions)];
    const rate = ({ inferences, frames }: Recall): string => ((inferences * FPS) / frames).toFixed(2);
    const words = (ofWhole: number, ofRegions: number): string =>
      `${ofWhole.toFixed(3)} → ${ofRegions.toFixed(3)}`;
    lines.push(
      {
        what: `people 4 to 10 % of the frame high, ${time}: recall, whole frame → regions (${rate(a)} → ${rate(b)} inferences a second)`,
        value: words(shareKnown(a.small), shareKnown(b.small)),
        target: 'twice',
      },
      {
        what: `larger people, ${time}`,
        value: words(shareKnown(a.large), shareKnown(b.large)),
        target: 'not lower',
      },
      {
        what: `confirmed people that were nobody, ${time}, frames of ${a.frames}`,
        value: `${a.nobody} → ${b.nobody}`,
        target: '',
      },
    );
  }
  return lines;
}
