// One picture of a libcamera camera for `vedette doctor`, by node-libcamera. That library joins its options to ONE STRING FOR
// A SHELL and cannot be stopped, so: every value is a bounded number, a word of a fixed list or a flag, the path is made
// by us of harmless characters, anything else is refused (`shellSafe`); and it runs in a process of its own
// (still-process.ts), whose whole group can be killed. Not for streams: those are programs without a shell (source.ts).
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { libcamera } from 'node-libcamera';
import { askProgram } from '../platform/ask-program.ts';
import { findProgram } from '../platform/child.ts';
import type { Clock } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';

/** What `still` may be given, by the names of the programs' options; `output` is absolute. */
export type StillOptions = Readonly<Record<string, unknown>> & { readonly output: string };

/** Bounds as in the schema of the source. `camera` and the focus are newer than the library's types; it passes them on. */
const NUMBERS: Readonly<Record<string, readonly [number, number]>> = {
  timeout: [1, 60_000],
  width: [64, 16_384],
  height: [64, 16_384],
  quality: [1, 100],
  camera: [0, 15],
  rotation: [0, 180],
  shutter: [1, 200_000_000],
  gain: [0, 64],
  ev: [-10, 10],
  'lens-position': [0, 32],
  brightness: [-1, 1],
  contrast: [0, 16],
  saturation: [0, 16],
  sharpness: [0, 16],
};
const WORDS: Readonly<Record<string, readonly string[]>> = {
  exposure: ['normal', 'sport', 'long'],
  metering: ['centre', 'spot', 'average'],
  awb: ['auto', 'incandescent', 'tungsten', 'fluorescent', 'indoor', 'daylight', 'cloudy'],
  denoise: ['auto', 'off', 'cdn_off', 'cdn_fast', 'cdn_hq'],
  'autofocus-mode': ['manual', 'auto', 'continuous'],
};
const FLAGS: ReadonlySet<string> = new Set(['nopreview', 'hflip', 'vflip']);
/** Nothing in it means anything to a shell. */
const HARMLESS_PATH = /^\/[A-Za-z0-9_][A-Za-z0-9_./-]*$/;

/** Whether `takeStill` takes an option of this name: those of a stream, of high dynamic range and of sensor modes are not. */
export function isStillOption(name: string): boolean {
  const known = [...Object.keys(NUMBERS), ...Object.keys(WORDS), ...FLAGS, 'roi', 'output'];
  return known.includes(name);
}

type SafeOptions = Parameters<(typeof libcamera)['still']>[0];

/** The same options, every one checked. Throws at the first that a shell might take for more than a value. */
export function shellSafe(options: Readonly<Record<string, unknown>>): SafeOptions {
  const safe = Object.entries(options).flatMap(([name, value]): [string, unknown][] => {
    // The library writes `--name` for a flag whatever its value: a false one must not be there.
    if (value === undefined || value === false) return [];
    if (!isSafe(name, value)) throw new Error(`refused for a shell: option '${name}'`);
    // `--ev -1` would be two options to the program (Boost.Program_options); the library has no way to write `=`.
    return typeof value === 'number' && value < 0 ? [[`${name}=${value}`, true]] : [[name, value]];
  });
  return Object.fromEntries(safe) as SafeOptions;
}

function isSafe(name: string, value: unknown): boolean {
  if (name === 'output')
    return typeof value === 'string' && HARMLESS_PATH.test(value) && !value.includes('..');
  if (name === 'roi') return isRegion(value);
  if (FLAGS.has(name)) return value === true;
  const range = Object.hasOwn(NUMBERS, name) ? NUMBERS[name] : undefined;
  if (range !== undefined) return isWithin(value, range[0], range[1]);
  const words = Object.hasOwn(WORDS, name) ? WORDS[name] : undefined;
  return words !== undefined && typeof value === 'string' && words.includes(value);
}

function isWithin(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && value >= min && value <= max;
}

/** The library joins these four, by these names, with commas. */
function isRegion(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { x, y, w, h, ...others } = value as Record<string, unknown>;
  return [x, y, w, h].every((part) => isWithin(part, 0, 1)) && Object.keys(others).length === 0;
}

export interface StillJob {
  readonly options: StillOptions;
  /** Folder of this process. */
  readonly runtimeDir: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const PROCESS_FILE = fileURLToPath(new URL('still-process.ts', import.meta.url));
const TIMEOUT_MS = 20_000;

/** True where there is a program to take a still with. */
export function hasStillProgram(): boolean {
  return stillProgram() !== undefined;
}

function stillProgram(): string | undefined {
  return findProgram('libcamera-still') ?? findProgram('rpicam-still');
}

/** Writes a JPEG to `options.output`. Throws CAMERA_PROGRAM_MISSING, or CAMERA_EXITED with the program's last words. */
export async function takeStill({ options, runtimeDir, clock, signal }: StillJob): Promise<void> {
  const program = stillProgram();
  if (program === undefined) {
    const message = 'libcamera-still not found on PATH: install it (apt install rpicam-apps)';
    throw new VedetteError('CAMERA_PROGRAM_MISSING', message, { program: 'libcamera-still' });
  }
  // The library knows only the old name; since 2023 the same program is called rpicam-still.
  const folder = join(runtimeDir, 'still');
  mkdirSync(folder, { recursive: true });
  const link = join(folder, 'libcamera-still');
  rmSync(link, { force: true });
  symlinkSync(program, link);
  // Where NODE_ENV is `test`, the library only prints the command.
  const env = { PATH: `${folder}${delimiter}${process.env['PATH'] ?? ''}`, NODE_ENV: 'production' };
  const args = [PROCESS_FILE, JSON.stringify(options)];
  const question = { command: process.execPath, args, env, timeoutMs: TIMEOUT_MS, clock, signal };
  const { ok, stdout, ending } = await askProgram(question);
  const reason = ok ? stdout.trim() : ending;
  if (reason !== '') throw new VedetteError('CAMERA_EXITED', `libcamera-still: ${reason}`);
}
