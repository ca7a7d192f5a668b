// The scene is worth showing only when the bundled model finds its people: the real model over a whole day script, with
// the camera's own preprocessing and core's own tracker, held against the truth.
import { expect, test } from 'vitest';
import { iou } from '../../daemon/core/geometry.ts';
import { Tracker } from '../../daemon/core/tracker.ts';
import type { Detection, TrackView } from '../../daemon/core/types.ts';
import { Scene } from '../../daemon/scene/scene.ts';
import { PERIOD_S } from '../../daemon/scene/script.ts';
import { SceneSight } from '../support/scene-sight.ts';
import { TRACK_OPTIONS } from '../support/tracks.ts';

const FPS = 5;
const THRESHOLD = 0.6;
const LATEST_S = 1.5;
/** Frames after which a false track counts. */
const FALSE_FRAMES = 3;

interface Life {
  firstFrame: number;
  confirmedFrame: number | undefined;
}

async function watch(seed: number): Promise<{ lives: Map<string, Life>; strangers: Map<number, number> }> {
  const scene = new Scene({ seed, fps: FPS });
  const { width, height } = scene.options;
  const sight = await SceneSight.open({ width, height });
  const tracker = new Tracker({ ...TRACK_OPTIONS, threshold: () => THRESHOLD, frameAspect: width / height });
  const lives = new Map<string, Life>();
  const strangers = new Map<number, number>();
  try {
    for (let frame = 0; frame < PERIOD_S * FPS; frame++) {
      const { objects, tMs } = scene.render(frame);
      const stamp = { frame: frame + 1, atMs: tMs, monoMs: tMs };
      const { tracks } = tracker.step(await sight.look(scene.frame), stamp);
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
    await sight.release();
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
