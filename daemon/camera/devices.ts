// Which cameras this board has: Video4Linux devices with the formats they offer, and those that libcamera sees. Only asks
// (ffmpeg -list_formats, rpicam-hello --list-cameras), opens no stream. Any thread.
import { join } from 'node:path';
import { askProgram } from '../platform/ask-program.ts';
import { findProgram } from '../platform/child.ts';
import type { Clock } from '../platform/clock.ts';
import type { Finding } from '../platform/finding.ts';
import { namesIn, readText, SYSTEM_ROOTS, type SystemRoots } from '../platform/system-files.ts';
import { v4l2Formats } from './source-v4l2.ts';

export interface VideoDevice {
  readonly path: string;
  /** As the driver calls it. */
  readonly name: string;
}

/**
 * Device files of codecs and image processors, and the raw sensors behind them, which are libcamera's: drivers of the
 * Raspberry Pi 3 to 5 (unicam, ISP, codec, HEVC; rp1-cfe, pispbe) and of other boards' codecs.
 */
const NO_CAMERA =
  /bcm2835-(?:codec|isp)|^unicam|rpivid|hevc-dec|pispbe|rp1-cfe|rkvdec|hantro|rga|-(?:enc|dec)(?:oder)?\b/i;

export interface VideoDevices {
  readonly cameras: readonly VideoDevice[];
  /** Devices that take no pictures by themselves. */
  readonly others: readonly VideoDevice[];
}

export function listVideoDevices(roots: SystemRoots = SYSTEM_ROOTS): VideoDevices {
  const folder = join(roots.sys, 'class/video4linux');
  const all = namesIn(folder, /^video\d+$/).map((node) => {
    return { path: join(roots.dev, node), name: readText(join(folder, node, 'name')) ?? 'unknown' };
  });
  return {
    cameras: all.filter(({ name }) => !NO_CAMERA.test(name)),
    others: all.filter(({ name }) => NO_CAMERA.test(name)),
  };
}

export interface LibcameraCamera {
  readonly index: number;
  /** Name of the sensor. */
  readonly sensor: string;
  /** "4608x2592". */
  readonly size: string;
}

/** The output of `rpicam-hello --list-cameras`: "0 : imx708 [4608x2592 10-bit RGGB] (/base/…)". */
export function parseLibcameraList(text: string): LibcameraCamera[] {
  return [...text.matchAll(/^\s*(\d+) : (\S+) \[(\d+x\d+)/gm)].map(([, index, sensor, size]) => {
    return { index: Number(index), sensor: sensor!, size: size! };
  });
}

const ASK_MS = 6000;

/** The check `devices`: one finding per camera, a warning where there is none. */
export async function cameraDeviceFindings(
  clock: Clock,
  signal: AbortSignal,
  roots: SystemRoots = SYSTEM_ROOTS,
): Promise<Finding[]> {
  const { cameras, others } = listVideoDevices(roots);
  const [v4l2, libcamera] = await Promise.all([
    Promise.all(cameras.map(deviceFinding)),
    libcameraFindings(clock, signal),
  ]);
  const findings = [...v4l2, ...libcamera];
  if (findings.length > 0) return findings;
  const beside =
    others.length === 0 ? '' : ` (${others.length} video devices are codecs and image processors)`;
  const message = `no camera is connected to this board${beside}`;
  // A board that only watches network cameras, videos or the built-in scene is well.
  return [{ level: 'ok', message, facts: { others } }];
}

async function deviceFinding({ path: subject, name }: VideoDevice): Promise<Finding> {
  const ffmpeg = findProgram('ffmpeg');
  if (ffmpeg === undefined) {
    const advice = 'ffmpeg reads it: sudo apt install ffmpeg';
    return { level: 'warning', subject, message: `${name}; ffmpeg is not installed`, advice };
  }
  const formats = await v4l2Formats(ffmpeg, subject);
  const facts = { name, formats };
  if (formats.length === 0) {
    // A USB camera has a second device, for what it says about its pictures.
    const message = `${name}: lists no format (no pictures come from here, or this user may not open it)`;
    return { level: 'ok', subject, message, facts };
  }
  const shown = formats.map((format) => `${format.name} ${format.sizes.join(' ')}`);
  return { level: 'ok', subject, message: `${name}: ${shown.join(', ')}`, facts };
}

async function libcameraFindings(clock: Clock, signal: AbortSignal): Promise<Finding[]> {
  const program = findProgram('rpicam-hello') ?? findProgram('libcamera-hello');
  if (program === undefined) return [];
  const subject = 'libcamera';
  const args = ['--list-cameras'];
  const answer = await askProgram({ command: program, args, timeoutMs: ASK_MS, clock, signal });
  const cameras = parseLibcameraList(answer.stdout);
  if (cameras.length > 0) {
    return cameras.map(({ index, sensor, size }) => {
      const message = `camera ${index}: ${sensor}, up to ${size}`;
      return { level: 'ok', subject, message, facts: { index, sensor, size } };
    });
  }
  // Without a camera at the connector it says so and ends with code 0, or 255 in older releases.
  if (/no cameras available/i.test(answer.stdout + answer.stderr)) {
    const advice =
      'if there should be one: turn the board off, check the ribbon cable (contacts, both ends), then dmesg';
    return [{ level: 'ok', subject, message: 'no camera at the CSI connector', advice }];
  }
  const advice = 'see the check permissions: libcamera wants the group video';
  return [{ level: 'warning', subject, message: answer.ending, advice }];
}
