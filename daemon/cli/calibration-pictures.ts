// Where pictures for a calibration come from: a folder of photos, the built-in scene in several lights, or a camera of the
// configuration over time. Gives them one after the other; keeps none. Main thread of a command.
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CameraConfig, Config } from '../config/types.ts';
import { known } from '../core/config-fault.ts';
import type { SkippedPhoto } from '../models/photos.ts';
import type { Picture } from '../models/picture.ts';
import type { Clock } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import { makeRuntimeFolder, removeFolder } from '../platform/folders.ts';
import type { SceneOptions } from '../scene/options.ts';

export interface PictureWish {
  /** How many, counted from the first. */
  readonly wanted: number;
  /** Of those, how many a run before has already taken: they are passed over. */
  readonly taken: number;
  readonly take: (picture: Picture) => void;
}

export interface PictureSource {
  /** In words, for the report. */
  readonly description: string;
  /** The same as long as it would give the same pictures again; undefined: they are others every time. */
  readonly fingerprint: string | undefined;
  /** Resolves when it has given all, or has no more. */
  gather(wish: PictureWish, signal: AbortSignal): Promise<void>;
}

export interface SourceSetup {
  readonly clock: Clock;
  /** The configuration, read when a camera is meant. */
  readonly config: () => Promise<Config>;
  /** Seconds between two pictures of a camera while something moves. */
  readonly everyS: number;
  readonly onSkip: (skipped: SkippedPhoto) => void;
}

/** `scene`, the path of a folder, or the name of a camera. Throws USAGE for what is none of them. */
export async function pictureSource(name: string, setup: SourceSetup): Promise<PictureSource> {
  if (name === 'scene') return sceneSource();
  if (isFolder(name)) return folderSource(name, setup);
  if (/[/\\]/.test(name))
    throw new VedetteError('USAGE', `--calibrate: there is no folder ${name}`, { name });
  const config = await configFor(name, setup);
  const camera = config.cameras[name];
  if (camera !== undefined) return cameraSource(name, camera, setup);
  const cameras = known(Object.keys(config.cameras), 'there are');
  throw new VedetteError(
    'USAGE',
    `--calibrate: '${name}' is no folder and no camera (${cameras}); or take 'scene', the built-in one`,
    { name },
  );
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

async function configFor(name: string, { config }: SourceSetup): Promise<Config> {
  try {
    return await config();
  } catch (error) {
    if (!(error instanceof VedetteError) || error.code !== 'CONFIG_NOT_FOUND') throw error;
    throw new VedetteError(
      'USAGE',
      `--calibrate: '${name}' is no folder, and there is no configuration that could have a camera of that name; or take 'scene', the built-in one`,
      { name },
      error,
    );
  }
}

/** The same photos in the same order for the same folder: chosen by chance, but always the same chance. */
const SEED = 7;

function folderSource(folder: string, { onSkip }: SourceSetup): PictureSource {
  return {
    description: `photos in ${folder}`,
    fingerprint: `${resolve(folder)} ${statSync(folder).mtimeMs}`,
    async gather({ wanted, taken, take }, signal) {
      const { readPhotos } = await import('../models/photos.ts');
      let count = 0;
      for await (const picture of readPhotos(folder, { limit: wanted, seed: SEED, onSkip })) {
        signal.throwIfAborted();
        count += 1;
        if (count > taken) take(picture);
      }
    },
  };
}

/** The street by day, at dusk, at night and in rain, each with other people, near and far. */
const VARIANTS: readonly Partial<SceneOptions>[] = [
  { time: 'day' },
  { time: 'dusk' },
  { time: 'night' },
  { time: 'day', rain: true },
  { time: 'day', lens: 'wide' },
  { time: 'dusk', lens: 'wide', rain: true },
];
const FRAME = { width: 640, height: 384, fps: 1 };
/** Seconds of the scene between two pictures: no divisor of the period after which its script begins again. */
const SCENE_STEP_S = 3;

function sceneSource(): PictureSource {
  return {
    description: 'the built-in scene by day, at dusk, at night and in rain',
    fingerprint: 'scene',
    async gather({ wanted, taken, take }, signal) {
      const [{ Scene }, { RgbPicture }] = await Promise.all([
        import('../scene/scene.ts'),
        import('../camera/rgb.ts'),
      ]);
      const scenes = VARIANTS.map((variant, at) => new Scene({ ...FRAME, ...variant, seed: at + 1 }));
      const rgb = new RgbPicture(FRAME);
      for (let number = taken; number < wanted; number += 1) {
        signal.throwIfAborted();
        const scene = scenes[number % scenes.length]!;
        const second = Math.floor(number / scenes.length) * SCENE_STEP_S + 1;
        scene.render(second);
        rgb.of(scene.frame);
        take({ name: `scene ${number}`, ...FRAME, rgb: withoutFourth(rgb.bytes) });
      }
    },
  };
}

function cameraSource(name: string, config: CameraConfig, { clock, everyS }: SourceSetup): PictureSource {
  return {
    description: `camera '${name}'`,
    fingerprint: undefined,
    async gather({ wanted, taken, take }, signal) {
      const [{ sampleCamera }, { RgbPicture }] = await Promise.all([
        import('../camera/sample.ts'),
        import('../camera/rgb.ts'),
      ]);
      const { width, height } = config.detect;
      const rgb = new RgbPicture({ width, height });
      const runtimeDir = makeRuntimeFolder(process.env);
      // A recording has the same frames again, a camera others.
      const isRecording = config.source.type === 'file' || config.source.type === 'folder';
      let count = isRecording ? 0 : taken;
      const takeFrame = (frame: Uint8Array): boolean => {
        count += 1;
        if (count <= taken) return true;
        rgb.of(frame);
        take({ name: `${name} ${count}`, width, height, rgb: withoutFourth(rgb.bytes) });
        return count < wanted;
      };
      try {
        if (taken < wanted) {
          await sampleCamera({ camera: name, config, runtimeDir, clock, everyS, take: takeFrame }, signal);
        }
      } finally {
        removeFolder(runtimeDir);
      }
    },
  };
}

/** Red, green, blue of pixels that have four bytes. */
function withoutFourth(pixels: Uint8Array): Uint8Array {
  const rgb = new Uint8Array((pixels.length / 4) * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4, to += 3) {
    rgb[to] = pixels[from]!;
    rgb[to + 1] = pixels[from + 1]!;
    rgb[to + 2] = pixels[from + 2]!;
  }
  return rgb;
}
