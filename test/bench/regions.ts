// What regions find that the whole frame does not: recall of people on the wide street of the built-in scene, by their size; with the
// whole of every frame, with regions at the same number of inferences a second, and at twice that, which is what a camera has.
import { addedRecall, FPS, type Recall, recallOn, shareKnown } from '../support/wide-street.ts';
import type { BenchLine } from './figures.ts';

export async function benchRegions(): Promise<BenchLine[]> {
  const lines: BenchLine[] = [];
  for (const time of ['day', 'dusk', 'night'] as const) {
    const [whole, regions, twice] = [[] as Recall[], [] as Recall[], [] as Recall[]];
    for (const seed of [1, 2, 3]) {
      whole.push(await recallOn({ seed, time, seconds: 120 }, undefined));
      const gate = { regions: true, fullLookS: 10 };
      regions.push(await recallOn({ seed, time, seconds: 120 }, gate));
      twice.push(await recallOn({ seed, time, seconds: 120 }, gate, 2 * FPS));
    }
    const all = [whole, regions, twice].map(addedRecall);
    const rate = ({ inferences, frames }: Recall): string => ((inferences * FPS) / frames).toFixed(2);
    const words = (of: (recall: Recall) => string): string => all.map(of).join(' → ');
    lines.push(
      {
        what: `people 4 to 10 % of the frame high, ${time}: recall, whole frame → regions (${words(rate)} inferences a second)`,
        value: words(({ small }) => shareKnown(small).toFixed(3)),
        target: 'last: 1.5 times',
      },
      {
        what: `larger people, ${time}`,
        value: words(({ large }) => shareKnown(large).toFixed(3)),
        target: 'last: not lower',
      },
      {
        what: `confirmed people that were nobody, ${time}, frames of ${all[0]!.frames}`,
        value: words(({ nobody }) => String(nobody)),
        target: '',
      },
    );
  }
  return lines;
}
