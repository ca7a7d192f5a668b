// The scene is worth showing only when the bundled model finds its people: the real model over a whole day script, with
// the camera's own preprocessing and core's own tracker, held against the truth.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { boxInFrame, Preprocessor } from '../../daemon/camera/preprocess.ts';
import { iou } from '../../daemon/core/geometry.ts';
import { Tracker } from '../../daemon/core/tracker.ts';
import type { Detection, ModelSpec, TrackView } from '../../daemon/core/types.ts';
import { Decoder } from '../../daemon/detector/decode.ts';
import { openSession } from '../../daemon/detector/session.ts';
import { createDetections, type WireDetections } from '../../daemon/detector/wire.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { Scene } from '../../daemon/scene/scene.ts';
import { PERIOD_S } from '../../daemon/scene/script.ts';
import { ROOT } from '../support/needs.ts';
import { TRACK_OPTIONS } from '../support/tracks.ts';

const FPS = 5;
const THRESHOLD = 0.6;
const LATEST_S = 1.5;
/** Frames after which a false track counts. */
const FALSE_FRAMES = 3;

function detectionsOf(
  found: WireDetections,
  model: ModelSpec,
  placement: Preprocessor['placement'],
): Detection[] {
  return Array.from({ length: found.count }, (_, i) => {
    const [x1, y1, x2, y2] = found.boxes.subarray(i * 4, i * 4 + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    return {
      label: model.labels[found.classes[i]!]!,
      score: found.scores[i]!,
      box: boxInFrame({ x1, y1, x2, y2 }, model.input, placement),
    };
  });
}

interface Life {
  firstFrame: number;
  confirmedFrame: number | undefined;
}

async function watch(seed: number): Promise<{ lives: Map<string, Life>; strangers: Map<number, number> }> {
  const model = await loadModel(join(ROOT, 'models/vedette-nano'));
  const session = await openSession({ model, providers: ['cpu'], threads: 1, clock: systemClock });
  const scene = new Scene({ seed, fps: FPS });
  const { width, height } = scene.options;
  const preprocessor = new Preprocessor(model.input, width, height);
  const decoder = new Decoder({ decoder: model.decoder, labelCount: model.labels.length, scoreLow: 0.2 });
  const tracker = new Tracker({ ...TRACK_OPTIONS, threshold: () => THRESHOLD, frameAspect: width / height });
  const found = createDetections();
  const lives = new Map<string, Life>();
  const strangers = new Map<number, number>();
  try {
    for (let frame = 0; frame < PERIOD_S * FPS; frame++) {
      const { objects, tMs } = scene.render(frame);
      preprocessor.run(scene.frame);
      session.input.set(preprocessor.bytes);
      decoder.decode(await session.run(), found);
      const stamp = { frame: frame + 1, atMs: tMs, monoMs: tMs };
      const { tracks } = tracker.step(detectionsOf(found, model, preprocessor.placement), stamp);
      const people = objects.filter(({ label }) => label === 'person');
      const shown = tracks.filter(({ label, score }) => label === 'person' && score > 0);
      for (const person of people) {
        const life = lives.get(person.id) ?? { firstFrame: frame, confirmedFrame: undefined };
        if (!person.scoreable && !lives.has(person.id)) continue;
        lives.set(person.id, life);
        const mine = shown.some((track) => track.confirmed && covers(track, person.box, person.boxSeen));
        if (mine) life.confirmedFrame ??= frame;
      }
      for (const track of shown) {
        if (track.score < THRESHOLD || people.some(({ box, boxSeen }) => covers(track, box, boxSeen)))
          continue;
        strangers.set(track.id, (strangers.get(track.id) ?? 0) + 1);
      }
    }
  } finally {
    await session.release();
  }
  return { lives, strangers };
}

function covers(track: TrackView, ...boxes: readonly (Detection['box'] | undefined)[]): boolean {
  return boxes.some((box) => box !== undefined && iou(track.box, box) >= 0.3);
}

test('the bundled model confirms nine in ten people within 1.5 s, and nobody who is not there', async () => {
  let people = 0;
  const late: string[] = [];
  for (const seed of [1, 2]) {
    const { lives, strangers } = await watch(seed);
    for (const [id, { firstFrame, confirmedFrame }] of lives) {
      people++;
      const waitedS =
        confirmedFrame === undefined ? Number.POSITIVE_INFINITY : (confirmedFrame - firstFrame) / FPS;
      if (waitedS > LATEST_S) late.push(`seed ${seed} ${id}: ${waitedS} s`);
    }
    const lasting = [...strangers].filter(([, frames]) => frames >= FALSE_FRAMES);
    expect(lasting, `false tracks of seed ${seed}`).toEqual([]);
  }
  expect(people).toBeGreaterThanOrEqual(18);
  expect(1 - late.length / people, late.join(', ')).toBeGreaterThanOrEqual(0.9);
});
