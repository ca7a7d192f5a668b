// How many of the people on the wide street of the built-in scene are known, by their size, at so many inferences a second: with
// the whole frame alone, or with regions. Real picture, real model; the frame's own time.
import { iou } from '../../daemon/core/geometry.ts';
import type { TrackView } from '../../daemon/core/types.ts';
import type { SceneTime } from '../../daemon/scene/options.ts';
import { Scene } from '../../daemon/scene/scene.ts';
import type { TruthObject } from '../../daemon/scene/truth.ts';
import { Looking, type LookingOptions } from './looking.ts';

/** Frames a second. */
export const FPS = 5;
const SIZE = { width: 1280, height: 720 };
/** A person is known in a frame in which a confirmed track of a person has this overlap with the truth. */
const KNOWN_IOU = 0.4;
const VISIBLE_MIN = 0.6;
const SMALL = { from: 0.04, to: 0.1 };

export interface Recall {
  /** People in frames, and those of them that were known. */
  small: [known: number, there: number];
  large: [known: number, there: number];
  /** Confirmed tracks of people that were nobody, in frames. */
  nobody: number;
  inferences: number;
  frames: number;
}

/** Runs a scene of so many seconds through the chain; the first seconds, in which the motion gate learns, count as well. */
export async function recallOn(
  scene: { readonly seed: number; readonly time: SceneTime; readonly seconds: number },
  gate: LookingOptions['gate'],
  inferencesPerS = FPS,
): Promise<Recall> {
  const { seed, time, seconds } = scene;
  const camera = new Scene({ ...SIZE, fps: FPS, seed, time, lens: 'wide' });
  const looking = await Looking.open({
    ...SIZE,
    inferencesPerS,
    ...(gate === undefined ? {} : { gate }),
  });
  const recall: Recall = { small: [0, 0], large: [0, 0], nobody: 0, inferences: 0, frames: seconds * FPS };
  for (let n = 0; n < recall.frames; n += 1) {
    const truth = camera.render(n);
    const { tracks } = await looking.see(camera.frame, n + 1, (n * 1000) / FPS);
    judge(recall, truth.objects, tracks);
  }
  recall.inferences = looking.inferences;
  await looking.release();
  return recall;
}

function judge(recall: Recall, objects: readonly TruthObject[], tracks: readonly TrackView[]): void {
  const known = tracks.filter(({ label, confirmed }) => confirmed && label === 'person');
  for (const { label, box, visible } of objects) {
    if (label !== 'person' || visible < VISIBLE_MIN || box.height < SMALL.from) continue;
    const class_ = box.height < SMALL.to ? recall.small : recall.large;
    class_[1] += 1;
    if (known.some((track) => iou(track.box, box) >= KNOWN_IOU)) class_[0] += 1;
  }
  for (const track of known) {
    if (track.score > 0 && !objects.some(({ box }) => iou(track.box, box) > 0.1)) recall.nobody += 1;
  }
}

/** Share of those who were there that were known, 0..1. */
export function shareKnown([known, there]: readonly [number, number]): number {
  return known / Math.max(1, there);
}

/** Of several scenes together. */
export function addedRecall(list: readonly Recall[]): Recall {
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
