// Runs one camera's source as the worker does: plan, program, frame pool; takes every frame at once and keeps what a test
// wants to know of it.
import { readdirSync, readFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { FramePool } from '../../daemon/camera/frame-pool.ts';
import { CameraProgram } from '../../daemon/camera/program.ts';
import { frameBytesOf, type SourceOptions, sourcePlan } from '../../daemon/camera/source.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import type { CameraConfig } from '../../daemon/config/types.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import type { VedetteError } from '../../daemon/platform/errors.ts';
import { tempDir } from './temp-dir.ts';
import { UNPAINTED } from './unpainted.ts';

export interface SeenFrame {
  /** Y, U and V in the middle of the frame. */
  readonly middle: readonly [number, number, number];
  readonly monoMs: number;
}

/** A camera's configuration, defaults filled in: 128x64 at 5 frames a second unless told otherwise. */
export function cameraConfig(source: object, detect: object = {}, other: object = {}): CameraConfig {
  const camera = { source, detect: { width: 128, height: 64, fps: 5, ...detect }, ...other };
  return configSchema.parse({ cameras: { test: camera } }).cameras['test']!;
}

export function runCamera(config: CameraConfig, options: SourceOptions = {}) {
  const { width, height } = config.detect;
  const pool = new FramePool(frameBytesOf(config.detect), UNPAINTED);
  const frames: SeenFrame[] = [];
  const offline: VedetteError[] = [];
  let onlineCount = 0;
  const plan = sourcePlan(config, options);
  const take = (): void => {
    const frame = pool.take();
    if (frame === undefined) return;
    const chroma = (width >> 1) * (height >> 2) + (width >> 2);
    const at = [(height >> 1) * width + (width >> 1), width * height + chroma];
    const v = width * height * 1.25 + chroma;
    const middle = [frame.bytes[at[0]!]!, frame.bytes[at[1]!]!, frame.bytes[v]!] as const;
    frames.push({ middle, monoMs: frame.monoMs });
    pool.release(frame);
    program.resume();
  };
  const program = new CameraProgram({
    camera: 'test',
    plan,
    pool,
    runtimeDir: tempDir(),
    stallMs: config.stallMs,
    fps: config.detect.fps,
    clock: systemClock,
    timing: { backoff: { minMs: 100, maxMs: 300 }, steadyMs: 10_000, graceMs: 700, floodMs: 3000 },
    onFrame: take,
    onOnline: () => {
      onlineCount += 1;
    },
    onOffline: (error) => offline.push(error),
  });
  const stop = new AbortController();
  const running = program.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await running;
  });
  return { plan, program, frames, offline, running, stop, online: () => onlineCount };
}

/** Argument lists of all living descendants of this process: what everybody on the machine can read. */
export function argumentsOfDescendants(): string[] {
  const parents = new Map<number, number>();
  for (const pid of readdirSync('/proc').map(Number).filter(Number.isInteger)) {
    const stat = read(`/proc/${pid}/stat`);
    const parent = /\) \S (\d+)/.exec(stat)?.[1];
    if (parent !== undefined) parents.set(pid, Number(parent));
  }
  const isOurs = (pid: number | undefined): boolean =>
    pid !== undefined && pid > 1 && (pid === process.pid || isOurs(parents.get(pid)));
  return [...parents.keys()]
    .filter((pid) => pid !== process.pid && isOurs(pid))
    .map((pid) => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' '));
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // It ended meanwhile.
    return '';
  }
}
