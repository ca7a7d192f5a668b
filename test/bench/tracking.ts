// How well and how fast objects are followed (docs/tracking.md): the crossing scenes with boxes that are almost perfect, the
// built-in scene as the bundled model sees it, and what a look costs.
import { Tracker } from '../../daemon/core/tracker.ts';
import type { Detection } from '../../daemon/core/types.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import type { SceneTime } from '../../daemon/scene/options.ts';
import { Scene } from '../../daemon/scene/scene.ts';
import { CROSSING_SCENES, type Detector, runCrossing } from '../support/crossing-scenes.ts';
import { MotMeter, type MotScores, meanOf } from '../support/mot-metrics.ts';
import { SceneSight } from '../support/scene-sight.ts';
import { stampOf, standing, TRACK_OPTIONS } from '../support/tracks.ts';
import type { BenchLine } from './figures.ts';

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8];
const FPS = 5;
/** Two rounds of the scene's script. */
const SCENE_S = 104;
const LOOKS = 4096;
const ROUNDS = 40_000;

export async function benchTracking(): Promise<BenchLine[]> {
  const lines: BenchLine[] = [];
  for (const scene of CROSSING_SCENES) {
    const scores = SEEDS.map((seed) => runCrossing(scene, { seed, fps: FPS }));
    lines.push(lineOf(`crossing: ${scene.name}`, scores));
  }
  lines.push(allScenes('all scenes', { fps: FPS }, '≥ 0.90'));
  lines.push(allScenes('all scenes, confirmed tracks only', { fps: FPS, confirmedOnly: true }));
  for (const fps of [2, 10]) lines.push(allScenes(`all scenes at ${fps} frames a second`, { fps }));
  for (const time of ['day', 'dusk', 'night'] as const) lines.push(await detected(time));
  for (const objects of [1, 10, 40]) lines.push(cost(objects));
  return lines;
}

function allScenes(what: string, options: Omit<Detector, 'seed'>, target = ''): BenchLine {
  const scores = CROSSING_SCENES.flatMap((scene) =>
    SEEDS.map((seed) => runCrossing(scene, { ...options, seed })),
  );
  return { ...lineOf(`crossing: ${what}`, scores), target };
}

/** People of the scene that a detector may be asked for, against confirmed tracks. */
async function detected(time: SceneTime): Promise<BenchLine> {
  const scores: MotScores[] = [];
  for (const seed of [1, 2, 3]) {
    const tracker = new Tracker(TRACK_OPTIONS);
    const meter = new MotMeter();
    const scene = new Scene({ seed, fps: FPS, time });
    const sight = await SceneSight.open(scene.options);
    for (let frame = 0; frame < SCENE_S * FPS; frame += 1) {
      const { tMs, objects } = scene.render(frame);
      const detections = await sight.look(scene.frame);
      const { tracks } = tracker.step(detections, { frame: frame + 1, atMs: tMs, monoMs: tMs });
      const people = objects.filter(({ label }) => label === 'person');
      const seen = people.map(({ id, box, boxSeen = box, scoreable }) => ({ id, box: boxSeen, scoreable }));
      meter.look({
        truth: seen.filter(({ scoreable }) => scoreable),
        spared: seen.filter(({ scoreable }) => !scoreable),
        told: tracks.filter(({ label, confirmed, score }) => label === 'person' && confirmed && score > 0),
      });
    }
    await sight.release();
    scores.push(meter.scores);
  }
  return lineOf(`scene and bundled model: ${time}`, scores);
}

function lineOf(what: string, scores: readonly MotScores[]): BenchLine {
  const { idf1, mota, switches, people, tracks } = meanOf(scores);
  const value = `IDF1 ${idf1.toFixed(3)}, MOTA ${mota.toFixed(3)}, ${switches} switches; ${tracks} tracks of ${people}`;
  return { what, value, target: '' };
}

/** Objects that wander about, each around a circle of its own; one look in ten misses one. */
function cost(objects: number): BenchLine {
  const looks = Array.from({ length: LOOKS }, (_, look) =>
    Array.from({ length: objects }, (_, id): Detection => {
      const radius = 0.1 + (id % 5) * 0.08;
      const angle = (look * 2 * Math.PI * (1 + (id % 3))) / LOOKS + id;
      const box = standing(0.5 + radius * Math.cos(angle), 0.6 + radius * Math.sin(angle), 0.05, 0.2);
      return { label: 'person', score: 0.9 - id / 1000, box };
    }).filter((_, id) => (look + id) % 10 !== 0),
  );
  const tracker = new Tracker(TRACK_OPTIONS);
  let frame = 0;
  const run = (rounds: number): number => {
    const startMs = systemClock.monoMs();
    for (let round = 0; round < rounds; round += 1) tracker.step(looks[frame++ % LOOKS]!, stampOf(frame));
    return ((systemClock.monoMs() - startMs) * 1000) / rounds;
  };
  run(ROUNDS / 4);
  const value = `${run(ROUNDS).toFixed(1)} µs a look`;
  return { what: `tracker: ${objects} ${objects === 1 ? 'object' : 'objects'}`, value, target: '' };
}
