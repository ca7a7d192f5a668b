// The motion gate alone (docs/motion.md): what a frame costs it, how often it sees motion where there is nobody, how often such a
// frame would make the model run, and whether people who move are in a box, by their size.
import { spawnSync } from 'node:child_process';
import { LookPlan } from '../../daemon/camera/look-plan.ts';
import { LumaPlane } from '../../daemon/camera/luma-plane.ts';
import { MotionDetector } from '../../daemon/camera/motion.ts';
import { RegionPlanner } from '../../daemon/camera/regions.ts';
import type { Box, Size } from '../../daemon/core/types.ts';
import { readManifest } from '../../daemon/models/manifest.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { median } from '../../daemon/platform/percentiles.ts';
import type { SceneOptions } from '../../daemon/scene/options.ts';
import { Scene } from '../../daemon/scene/scene.ts';
import type { TruthObject } from '../../daemon/scene/truth.ts';
import { SHIPPED_MODEL } from '../support/detector.ts';
import { sharedPath } from '../support/needs.ts';
import type { BenchLine } from './figures.ts';

const FPS = 5;
const EMPTY_S = 300;
/** Two rounds of the scene's script. */
const PEOPLE_S = 104;
const SEEDS = [1, 2];
/** Frames that the cost is measured over, in turn, and how often. */
const FRAMES = 20;
const ROUNDS = 20;
/** The input of the bundled model, and what a camera may have in a second. */
const INPUT = (await readManifest(SHIPPED_MODEL)).manifest.input;
const INFERENCES_PER_S = 5;
const FULL_LOOK_S = 10;
/** What counts as motion of a person: so much of his height in a second, and so much of him to be seen. */
const MOVES_MIN = 0.05;
const VISIBLE_MIN = 0.5;
/** He is found when so much of what is to be seen of him is in one box. */
const FOUND_SHARE = 0.5;
const SIZES = [0.03, 0.05, 0.1, 0.2, 1.01];

export async function benchMotion(): Promise<BenchLine[]> {
  return [
    cost(1280, 720, '≤ 0.5 ms together'),
    cost(1920, 1080, ''),
    empty('static, day', { leaves: false }, '≤ 1 %'),
    empty('static, night', { leaves: false, time: 'night' }, '≤ 1 %'),
    ...(['day', 'dusk', 'night'] as const).map((time) => empty(`leaves, ${time}`, { time }, '≤ 20 %')),
    ...(['day', 'night'] as const).map((time) => empty(`rain, ${time}`, { time, rain: true }, '≤ 20 %')),
    ...(['day', 'night'] as const).map((time) =>
      empty(`flicker, ${time}`, { time, flicker: true }, '≤ 20 %'),
    ),
    empty(
      'rain and flicker, wide lens, night',
      { time: 'night', lens: 'wide', rain: true, flicker: true },
      '',
    ),
    ...clip('parking-cars.mp4'),
    ...clip('doorbell-person.mkv'),
    people('day', { time: 'day' }),
    people('dusk', { time: 'dusk' }),
    people('night', { time: 'night' }),
    people('rain, day', { time: 'day', rain: true }),
    people('rain, night', { time: 'night', rain: true }),
    people('flicker, day', { time: 'day', flicker: true }),
    people('day, twice as far', { time: 'day' }, true),
    people('night, twice as far', { time: 'night' }, true),
    ...[1, 2, 15].map((fps) => people(`day, ${fps} frames a second`, { time: 'day', fps })),
  ];
}

/** A scene's frames as the gate of a camera sees them; `far`: from twice as far away, by a luma plane of half the size. */
class Gate {
  readonly plane: LumaPlane;
  readonly motion: MotionDetector;
  readonly #small: Uint8Array | undefined;

  constructor(size: Size, far = false) {
    this.plane = new LumaPlane(size);
    const { width, height } = this.plane;
    const plane = far ? { width: width >> 1, height: height >> 1 } : { width, height };
    this.#small = far ? new Uint8Array(plane.width * plane.height) : undefined;
    this.motion = new MotionDetector({ plane, sensitivity: 0.5, masks: {} });
  }

  look(frame: Uint8Array, tMs: number): void {
    this.plane.shrink(frame);
    if (this.#small !== undefined) this.#halve(this.#small);
    this.motion.look(this.#small ?? this.plane.pixels, tMs);
  }

  #halve(small: Uint8Array): void {
    const { width, pixels } = this.plane;
    for (let at = 0; at < small.length; at += 1) {
      const from = 2 * (Math.floor(at / (width >> 1)) * width + (at % (width >> 1)));
      const sum = pixels[from]! + pixels[from + 1]! + pixels[from + width]! + pixels[from + width + 1]!;
      small[at] = (sum + 2) >> 2;
    }
  }
}

/** Median time of the two halves of the gate, on frames of a street with people, rain and leaves. */
function cost(width: number, height: number, target: string): BenchLine {
  const scene = new Scene({ width, height, fps: FPS, rain: true });
  const frames = Array.from({ length: FRAMES }, (_, n) => {
    scene.render(n);
    return scene.frame.slice();
  });
  const { plane, motion } = new Gate(scene.options);
  const shrink: number[] = [];
  const look: number[] = [];
  for (let n = 0; n < FRAMES * ROUNDS; n += 1) {
    const startMs = systemClock.monoMs();
    plane.shrink(frames[n % FRAMES]!);
    const middleMs = systemClock.monoMs();
    motion.look(plane.pixels, (n * 1000) / FPS);
    if (n < FRAMES * 4) continue;
    shrink.push(middleMs - startMs);
    look.push(systemClock.monoMs() - middleMs);
  }
  const value = `${median(shrink).toFixed(2)} + ${median(look).toFixed(2)} ms`;
  return { what: `motion: luma plane + look, ${width}x${height}`, value, target };
}

/** Nobody there: how many frames are told as motion, and how many would make the model run all the same. */
function empty(what: string, options: Partial<SceneOptions>, target: string): BenchLine {
  const scene = new Scene({ fps: FPS, actors: false, ...options });
  const frames = function* (): Generator<Uint8Array> {
    for (let n = 0; n < EMPTY_S * FPS; n += 1) {
      scene.render(n);
      yield scene.frame;
    }
  };
  return { what: `motion, nobody there: ${what}`, value: told(frames(), scene.options), target };
}

/** A clip of the shared material, where it is, five times a second. */
function clip(name: string): BenchLine[] {
  const size = { width: 1280, height: 720 };
  const bytes = size.width * size.height * 1.5;
  const args = `-vf fps=${FPS},scale=${size.width}:${size.height} -f rawvideo -pix_fmt yuv420p pipe:1`.split(
    ' ',
  );
  const { status, stdout } = spawnSync('ffmpeg', ['-v', 'error', '-i', sharedPath('media', name), ...args], {
    maxBuffer: 2 ** 30,
  });
  if (status !== 0) return [];
  const frames = function* (): Generator<Uint8Array> {
    for (let at = 0; at + bytes <= stdout.length; at += bytes)
      yield new Uint8Array(stdout.subarray(at, at + bytes));
  };
  return [{ what: `motion, a clip: ${name}`, value: told(frames(), size), target: '' }];
}

function told(
  frames: Iterable<Uint8Array>,
  size: { readonly width: number; readonly height: number },
): string {
  const { plane, motion } = new Gate(size);
  const planner = new RegionPlanner({
    ...{ frame: size, input: INPUT, regions: true },
    ...{ inferencesPerS: INFERENCES_PER_S, fullLookS: FULL_LOOK_S },
  });
  const plan = new LookPlan(size, INPUT);
  const counts = { frames: 0, moving: 0, calibrating: 0, looks: 0 };
  for (const frame of frames) {
    const tMs = (counts.frames * 1000) / FPS;
    plane.shrink(frame);
    motion.look(plane.pixels, tMs);
    counts.frames += 1;
    if (motion.state === 'moving') counts.moving += 1;
    if (motion.state === 'calibrating') counts.calibrating += 1;
    if (!planner.needsLook(tMs, [], motion) || !planner.hasBudget) continue;
    counts.looks += 1;
    planner.fill(plan, tMs);
    planner.learn(plan, []);
  }
  const share = (count: number): string => `${((100 * count) / counts.frames).toFixed(1)} %`;
  return `${share(counts.moving)} of frames moving, ${share(counts.calibrating)} calibrating; ${share(counts.looks)} make the model run; begun anew ${motion.recalibrations} times`;
}

/** On the wide street: people in frames who are in a motion box, of those who move and are to be seen, by their height. */
function people(what: string, options: Partial<SceneOptions>, far = false): BenchLine {
  const there = SIZES.map(() => 0);
  const found = SIZES.map(() => 0);
  for (const seed of SEEDS) {
    const scene = new Scene({ fps: FPS, lens: 'wide', seed, ...options });
    const { fps } = scene.options;
    const gate = new Gate(scene.options, far);
    const before = new Map<string, Box>();
    for (let n = 0; n < PEOPLE_S * fps; n += 1) {
      const { tMs, objects } = scene.render(n);
      gate.look(scene.frame, tMs);
      for (const person of objects) {
        if (!isMoving(person, before, fps) || gate.motion.state === 'calibrating') continue;
        const height = person.box.height / (far ? 2 : 1);
        const size = SIZES.findIndex((from, at) => height >= from && height < (SIZES[at + 1] ?? 0));
        if (size < 0) continue;
        there[size] = there[size]! + 1;
        if (isFound(person.boxSeen ?? person.box, gate.motion)) found[size] = found[size]! + 1;
      }
    }
  }
  const value = SIZES.slice(0, -1)
    .map((from, at) => {
      const size = at === SIZES.length - 2 ? `over ${100 * from}` : `${100 * from}–${100 * SIZES[at + 1]!}`;
      const share =
        there[at] === 0 ? 'nobody' : `${((100 * found[at]!) / there[at]!).toFixed(0)} % of ${there[at]}`;
      return `${size} %: ${share}`;
    })
    .join('; ');
  return { what: `motion, people in a box by their height: ${what}`, value, target: '' };
}

/** A person who can be seen and has moved since the frame before. */
function isMoving(object: TruthObject, before: Map<string, Box>, fps: number): boolean {
  const { id, label, box, boxSeen, visible } = object;
  const last = before.get(id);
  if (boxSeen === undefined) return false;
  before.set(id, boxSeen);
  if (label !== 'person' || visible < VISIBLE_MIN || last === undefined) return false;
  const across = ((boxSeen.x + boxSeen.width / 2 - last.x - last.width / 2) * 16) / 9;
  const down = boxSeen.y + boxSeen.height / 2 - last.y - last.height / 2;
  return Math.hypot(across, down) * fps >= MOVES_MIN * box.height;
}

function isFound(seen: Box, { boxes, count }: MotionDetector): boolean {
  for (let at = 0; at < count * 4; at += 4) {
    const across = overlap(seen.x, seen.width, boxes[at]!, boxes[at + 2]!);
    const down = overlap(seen.y, seen.height, boxes[at + 1]!, boxes[at + 3]!);
    if (across * down >= FOUND_SHARE * seen.width * seen.height) return true;
  }
  return false;
}

function overlap(start: number, length: number, other: number, otherLength: number): number {
  return Math.max(0, Math.min(start + length, other + otherLength) - Math.max(start, other));
}
