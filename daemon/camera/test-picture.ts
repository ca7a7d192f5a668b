// The picture of `vedette doctor --picture`: of a Raspberry Pi camera by node-libcamera, of any other the frame that the
// trial of its program has left. Privacy masks are painted on both ways: a camera that has some takes the second one.
import { copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CameraConfig } from '../config/types.ts';
import type { Clock } from '../platform/clock.ts';
import { reasonOf } from '../platform/errors.ts';
import type { Finding } from '../platform/finding.ts';
import { JpegEncoder } from './jpeg.ts';
import { videoOptions } from './source-libcamera.ts';
import { hasStillProgram, isStillOption, type StillOptions, takeStill } from './still.ts';

export interface PictureOrder {
  /** Where it goes; a file there is replaced. */
  readonly path: string;
  /** Undefined without a configuration: the first camera of a Raspberry Pi, with its own settings. */
  readonly camera:
    | { readonly name: string; readonly config: CameraConfig; readonly frame: Uint8Array | undefined }
    | undefined;
  readonly runtimeDir: string;
  readonly clock: Clock;
}

const QUALITY = 90;
/** Exposure and white balance settle within this time. */
const SETTLE_MS = 2000;

export async function pictureFinding(order: PictureOrder, signal: AbortSignal): Promise<Finding> {
  const { path, camera } = order;
  const subject = camera?.name ?? 'libcamera';
  try {
    const how = await take(order, signal);
    if (how === undefined) {
      const message = 'no picture: the camera has delivered no frame';
      return { level: 'fault', subject, message, advice: 'do what the check camera says' };
    }
    return { level: 'ok', subject, message: `${path}: ${how}`, facts: { path } };
  } catch (error) {
    const advice =
      'see the checks devices and permissions, and whether the folder of the picture can be written';
    return { level: 'fault', subject, message: reasonOf(error), advice };
  }
}

/** How it was taken, in words; undefined where there is nothing to take it from. */
async function take(order: PictureOrder, signal: AbortSignal): Promise<string | undefined> {
  const { path, camera, runtimeDir, clock } = order;
  const output = join(runtimeDir, 'picture.jpg');
  const options = stillOptions(output, camera?.config);
  if (options !== undefined && hasStillProgram()) {
    await takeStill({ options, runtimeDir, clock, signal });
    // The library gets a path of ours; the owner's may hold whatever means something to a shell.
    await copyFile(output, path);
    return 'taken by libcamera-still';
  }
  if (camera?.frame === undefined) return undefined;
  const { detect } = camera.config;
  await writeFile(path, new JpegEncoder(detect, QUALITY).encode(camera.frame));
  return `${detect.width}x${detect.height}, as the daemon sees it, privacy masks painted`;
}

/** Undefined where the picture is to come from the program of the camera. */
function stillOptions(output: string, config: CameraConfig | undefined): StillOptions | undefined {
  const own = { output, timeout: SETTLE_MS, nopreview: true, quality: QUALITY };
  if (config === undefined) return own;
  const { source, detect, masks } = config;
  if (source.type !== 'libcamera' || Object.keys(masks).length > 0) return undefined;
  const stream = Object.entries(videoOptions(source, detect, { old: false }));
  return { ...Object.fromEntries(stream.filter(([name]) => isStillOption(name))), ...own };
}
