// Pictures into a video file, through ffmpeg: H.264 where this ffmpeg has an encoder for it, else MPEG-4, which every one has.
// The file is there whole or not at all. Any thread.
import { renameSync, rmSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename, dirname, extname, join } from 'node:path';
import { askProgram } from '../platform/ask-program.ts';
import { Child, requireProgram } from '../platform/child.ts';
import { childEnvironment } from '../platform/child-environment.ts';
import type { Clock } from '../platform/clock.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';

export interface VideoWriterOptions {
  /** What the pictures are, as options of ffmpeg in front of its input: `-f rawvideo -pix_fmt rgb0 …`. */
  readonly input: readonly string[];
  /** Its ending says which container: .mp4, .mkv. */
  readonly output: string;
  readonly clock: Clock;
  /** Of the program, 0 (as this process) to 19: it gives way to what matters more. */
  readonly niceness?: number;
}

const ASK_MS = 5000;
const GRACE_MS = 1000;

export class VideoWriter {
  readonly #output: string;
  readonly #temporary: string;
  readonly #child: Child;
  #finished = false;

  private constructor(child: Child, output: string, temporary: string) {
    this.#child = child;
    this.#output = output;
    this.#temporary = temporary;
    // What is wrong with the pipe (EPIPE) is known better by the program's exit.
    child.process.stdin?.on('error', () => undefined);
  }

  /** @throws VedetteError CAMERA_PROGRAM_MISSING where there is no ffmpeg. */
  static async start({ input, output, clock, niceness = 0 }: VideoWriterOptions): Promise<VideoWriter> {
    const ffmpeg = requireProgram('ffmpeg', 'ffmpeg');
    const temporary = join(
      dirname(output),
      `.${basename(output, extname(output))}.${process.pid}${extname(output)}`,
    );
    const child = new Child({
      command: ffmpeg,
      args: [
        ...['-hide_banner', '-loglevel', 'error', '-nostdin', '-y', ...input, '-i', 'pipe:0', '-an'],
        ...(await encoderArgs(ffmpeg, clock)),
        ...['-pix_fmt', 'yuv420p', '-movflags', '+faststart', `file:${temporary}`],
      ],
      stdio: ['pipe', 'ignore', 'pipe'],
      env: childEnvironment(),
      clock,
    });
    if (niceness > 0 && child.pid !== undefined) makeNice(child.pid, niceness);
    return new VideoWriter(child, output, temporary);
  }

  /**
   * Resolves when the bytes are no longer needed.
   * @throws VedetteError EXPORT_FAILED with what ffmpeg says when it has ended.
   */
  async write(bytes: Uint8Array): Promise<void> {
    const { stdin } = this.#child.process;
    const taken = new Promise<boolean>((resolve) => {
      stdin?.write(bytes, (error) => resolve(error === null || error === undefined));
    });
    const gone = this.#child.exited.then(() => false);
    if (!(await Promise.race([taken, gone]))) throw await this.#failure();
  }

  /** Everything has been written: resolves when the file is whole. @throws VedetteError EXPORT_FAILED */
  async finish(): Promise<void> {
    this.#child.process.stdin?.end();
    const exit = await this.#child.exited;
    if (exit.code !== 0) throw await this.#failure();
    try {
      renameSync(this.#temporary, this.#output);
    } catch (error) {
      throw new VedetteError(
        'EXPORT_FAILED',
        `'${this.#output}' cannot be written: ${reasonOf(error)}`,
        {},
        error,
      );
    }
    this.#finished = true;
  }

  /** Leaves no half file. Harmless after `finish`. */
  async abandon(): Promise<void> {
    if (this.#finished) return;
    await this.#child.stop(GRACE_MS);
    rmSync(this.#temporary, { force: true });
  }

  async #failure(): Promise<VedetteError> {
    const exit = await this.#child.exited;
    await this.#child.closed;
    const why = this.#child.describe(exit);
    return new VedetteError('EXPORT_FAILED', `'${this.#output}' cannot be written: ${why}`);
  }
}

function makeNice(pid: number, niceness: number): void {
  try {
    setPriority(pid, niceness);
  } catch {
    // It has ended already: its exit says why.
  }
}

/** Constant quality, fast: a board does this beside its work. */
async function encoderArgs(ffmpeg: string, clock: Clock): Promise<readonly string[]> {
  const asked = await askProgram({
    command: ffmpeg,
    args: ['-hide_banner', '-encoders'],
    timeoutMs: ASK_MS,
    clock,
  });
  return /\blibx264\b/.test(asked.stdout)
    ? ['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '23']
    : ['-c:v', 'mpeg4', '-q:v', '4'];
}
