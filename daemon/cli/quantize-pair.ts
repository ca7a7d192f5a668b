// A float model and its quantized form, opened side by side the way they are used, and either of them over labelled photos. Main
// thread of a command.
import type { ModelSpec } from '../core/types.ts';
import { openGraph } from '../detector/graph-session.ts';
import { evaluate } from '../models/eval.ts';
import { openLabelledSet } from '../models/labelled-set.ts';
import type { Manifest } from '../models/manifest-schema.ts';
import type { LabelledResult } from '../models/quantize.ts';
import type { Pair } from '../models/quantize-accuracy.ts';
import type { Clock } from '../platform/clock.ts';
import { openDetect } from './model-detect.ts';

export interface Files {
  readonly float: string;
  readonly int8: string;
}

export async function openPair(
  manifest: Manifest,
  { float, int8 }: Files,
  clock: Clock,
): Promise<Pair & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const pair = isDetector(manifest)
    ? ({
        kind: 'detectors',
        float: stack.use(await openAsDetector(manifest, float, clock)).detect,
        int8: stack.use(await openAsDetector(manifest, int8, clock)).detect,
      } as const)
    : ({
        kind: 'outputs',
        float: stack.adopt(await openGraph(float), (session) => session.release()),
        int8: stack.adopt(await openGraph(int8), (session) => session.release()),
      } as const);
  const opened = stack.move();
  return { ...pair, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

type Detector = Manifest & { readonly decoder: ModelSpec['decoder'] };

function isDetector(manifest: Manifest): manifest is Detector {
  return manifest.task === 'detect';
}

function openAsDetector(manifest: Detector, file: string, clock: Clock) {
  return openDetect({ model: specOf(manifest, file), providers: ['cpu'], threads: 1, clock });
}

function specOf({ name, input, decoder, labels, thresholds }: Detector, file: string): ModelSpec {
  return { name, task: 'detect', file, input, decoder, labels, thresholds, saturationFree: false };
}

/** Measures files over a folder of labelled photos. Throws LABELS_INVALID. */
export async function labelledOn(
  folder: string,
  manifest: Manifest,
  options: {
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly onProgress: (done: number, of: number) => void;
  },
): Promise<(file: string) => Promise<LabelledResult>> {
  const set = await openLabelledSet(folder);
  const { clock, signal, onProgress } = options;
  return async (file) => {
    if (!isDetector(manifest)) throw new Error(`bug: '${manifest.name}' is no detector`);
    await using opened = await openAsDetector(manifest, file, clock);
    const { detect } = opened;
    const model = specOf(manifest, file);
    const { figures, photos } = await evaluate({
      model,
      detect,
      sets: [set],
      resamples: 0,
      signal,
      onProgress,
    });
    return { measure: 'ap50', truth: `labels in ${folder}`, pictures: photos, value: figures.map50 };
  };
}
