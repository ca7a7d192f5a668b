// Which cameras this board has: Video4Linux devices with the formats they offer, and those that libcamera sees. Only asks
// (v4l2-ctl, rpicam-hello --list-cameras), opens no stream. Any thread.
import { join } from 'node:path';
import { findProgram } from '../platform/child.ts';
import type { Clock } from '../platform/clock.ts';
import type { Finding } from '../platform/finding.ts';
import { runProgram } from '../platform/run-program.ts';
import { namesIn, readText, SYSTEM_ROOTS, type SystemRoots } from '../platform/system-files.ts';

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

export interface VideoFormat {
  /** Four characters: MJPG, YUYV. */
  readonly format: string;
  /** "1280x720", with the greatest rate where it is told: "1280x720@30". */
  readonly sizes: readonly string[];
}

/** The output of `v4l2-ctl --list-formats-ext`. */
export function parseFormats(text: string): VideoFormat[] {
  const formats: { format: string; sizes: string[] }[] = [];
  for (const line of text.split('\n')) {
    const format = /^\s*\[\d+\]: '(.{4})'/.exec(line)?.[1];
    if (format !== undefined) formats.push({ format: format.trim(), sizes: [] });
    const sizes = formats.at(-1)?.sizes;
    if (sizes === undefined) continue;
    const size = /Size: (?:Discrete (\d+x\d+)|(?:Stepwise|Continuous) (\d+x\d+ - \d+x\d+))/.exec(line);
    if (size !== null) sizes.push(size[1] ?? size[2]!);
    // Rates stand below their size, the greatest first with most drivers; the greatest is kept.
    const fps = /\(([\d.]+) fps\)/.exec(line)?.[1];
    const last = sizes.at(-1);
    if (fps === undefined || last === undefined) continue;
    const [name = '', known = '0'] = last.split('@');
    sizes[sizes.length - 1] = `${name}@${Math.max(Number(known), Number(fps))}`;
  }
  return formats;
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
    Promise.all(cameras.map((device) => deviceFinding(device, clock, signal))),
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

async function deviceFinding(device: VideoDevice, clock: Clock, signal: AbortSignal): Promise<Finding> {
  const { path: subject, name } = device;
  const program = findProgram('v4l2-ctl');
  if (program === undefined) {
    const advice = 'to see its formats: sudo apt install v4l-utils';
    return { level: 'ok', subject, message: `${name}; formats not asked: v4l2-ctl is not installed`, advice };
  }
  const args = ['--device', subject, '--list-formats-ext'];
  const answer = await runProgram({ command: program, args, timeoutMs: ASK_MS, clock, signal });
  if (!answer.ok) {
    const advice = 'see the check permissions; if it hangs, pull the camera out and put it in again';
    return { level: 'warning', subject, message: `${name}: ${answer.ending}`, advice };
  }
  const formats = parseFormats(answer.stdout);
  const facts = { name, formats };
  // A USB camera has a second device for metadata, which has no format.
  if (formats.length === 0) return { level: 'ok', subject, message: `${name}; sends no pictures`, facts };
  const shown = formats.map(({ format, sizes }) =>
    sizes.length === 0 ? format : `${format} up to ${largest(sizes)}`,
  );
  return { level: 'ok', subject, message: `${name}: ${shown.join(', ')}`, facts };
}

function largest(sizes: readonly string[]): string {
  const pixels = (size: string): number => {
    const [, width, height] = /(\d+)x(\d+)(?:@[\d.]+)?$/.exec(size) ?? [];
    return Number(width) * Number(height);
  };
  return sizes.toSorted((a, b) => pixels(b) - pixels(a))[0]!;
}

async function libcameraFindings(clock: Clock, signal: AbortSignal): Promise<Finding[]> {
  const program = findProgram('rpicam-hello') ?? findProgram('libcamera-hello');
  if (program === undefined) return [];
  const subject = 'libcamera';
  const args = ['--list-cameras'];
  const answer = await runProgram({ command: program, args, timeoutMs: ASK_MS, clock, signal });
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
