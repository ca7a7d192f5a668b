// What can be asked of the built-in camera: size, rate, seed, time of day, disturbances. Owns the defaults and the
// checks, so that nothing behind it needs to check again. Pure, any thread.
import { VedetteError } from '../platform/errors.ts';
import type { Happening } from './happenings.ts';

export const SCENE_TIMES = ['day', 'dusk', 'night'] as const;
export type SceneTime = (typeof SCENE_TIMES)[number];

/** `wide` shows the same street through a wide-angle lens: more of it, and everybody smaller. */
export const SCENE_LENSES = ['normal', 'wide'] as const;
export type SceneLens = (typeof SCENE_LENSES)[number];

/** Everything that decides the picture. The same options give the same bytes. */
export interface SceneOptions {
  /** Pixels, a multiple of 64, 320..1920 (the I420 stride is the width). */
  readonly width: number;
  /** Pixels, even, 192..1080. */
  readonly height: number;
  /** Frames per second of the scene's own time, 0.1..60. */
  readonly fps: number;
  /** Whole number, 0..4294967295. */
  readonly seed: number;
  readonly time: SceneTime;
  readonly lens: SceneLens;
  /** Sensor noise. */
  readonly noise: boolean;
  /** Leaves of the tree sway. */
  readonly leaves: boolean;
  /** Exposure wavers by a few per cent. */
  readonly flicker: boolean;
  readonly rain: boolean;
  /** People, dogs and moving cars; off gives the empty street (tests, training backgrounds). */
  readonly actors: boolean;
  /** Shadows of the actors; off gives pictures in which only the truth boxes differ from the empty street. */
  readonly shadows: boolean;
  /** What befalls the camera and its light. */
  readonly happenings: readonly Happening[];
}

export const SCENE_DEFAULTS: SceneOptions = {
  width: 1280,
  height: 720,
  fps: 5,
  seed: 1,
  time: 'day',
  lens: 'normal',
  noise: true,
  leaves: true,
  flicker: false,
  rain: false,
  actors: true,
  shadows: true,
  happenings: [],
};

const WIDTH_MIN = 320;
const WIDTH_MAX = 1920;
const WIDTH_STEP = 64;
const HEIGHT_MIN = 192;
const HEIGHT_MAX = 1080;
const FPS_MIN = 0.1;
const FPS_MAX = 60;
const SEED_MAX = 0xffffffff;

/**
 * Fills in the defaults and checks every value.
 * @throws VedetteError SCENE_OPTIONS naming the first wrong option, the value seen and the limit.
 */
export function resolveSceneOptions(options: Partial<SceneOptions> = {}): SceneOptions {
  const resolved: SceneOptions = { ...SCENE_DEFAULTS, ...options };
  const { width, height, fps, seed, time, lens } = resolved;
  if (!Number.isInteger(width) || width < WIDTH_MIN || width > WIDTH_MAX || width % WIDTH_STEP !== 0) {
    refuse('width', width, `a multiple of ${WIDTH_STEP} from ${WIDTH_MIN} to ${WIDTH_MAX}`);
  }
  if (!Number.isInteger(height) || height < HEIGHT_MIN || height > HEIGHT_MAX || height % 2 !== 0) {
    refuse('height', height, `an even number from ${HEIGHT_MIN} to ${HEIGHT_MAX}`);
  }
  if (!(fps >= FPS_MIN && fps <= FPS_MAX)) refuse('fps', fps, `from ${FPS_MIN} to ${FPS_MAX}`);
  if (!Number.isInteger(seed) || seed < 0 || seed > SEED_MAX) {
    refuse('seed', seed, `a whole number from 0 to ${SEED_MAX}`);
  }
  if (!SCENE_TIMES.includes(time)) refuse('time', time, `one of ${SCENE_TIMES.join(', ')}`);
  if (!SCENE_LENSES.includes(lens)) refuse('lens', lens, `one of ${SCENE_LENSES.join(', ')}`);
  return resolved;
}

function refuse(option: string, value: unknown, limit: string): never {
  throw new VedetteError('SCENE_OPTIONS', `scene ${option}: must be ${limit} (got ${String(value)})`, {
    option,
    value,
    limit,
  });
}
