// The camera program's keeper against real child programs (test/support/fake-camera.ts).
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { FramePool } from '../../daemon/camera/frame-pool.ts';
import { CameraProgram } from '../../daemon/camera/program.ts';
import type { ProgramLife, SourcePlan, SourceProgram } from '../../daemon/camera/source.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { VedetteError } from '../../daemon/platform/errors.ts';
import { newMark, processesMarked } from '../support/marked-processes.ts';
import { tempDir } from '../support/temp-dir.ts';
import { UNPAINTED } from '../support/unpainted.ts';
import { waitFor } from '../support/wait.ts';

const FAKE = fileURLToPath(new URL('../support/fake-camera.ts', import.meta.url));
const FRAME_BYTES = 6144;

interface Fake {
  readonly args: readonly string[];
  readonly lossless?: boolean;
  readonly finite?: boolean;
  readonly frameIntervalMs?: number;
  readonly command?: string;
  readonly stallMs?: number;
  /** Takes each frame at once; without it frames pile up. */
  readonly eager?: boolean;
  readonly env?: SourceProgram['env'];
  readonly feed?: SourceProgram['feed'];
  readonly next?: SourcePlan['next'];
  readonly runtimeDir?: string;
}

function runFake({ args, lossless = false, finite = false, eager = true, stallMs = 60_000, ...fake }: Fake) {
  const pool = new FramePool(FRAME_BYTES, UNPAINTED);
  const frames: { byte: number; whole: boolean; atMs: number; monoMs: number }[] = [];
  const offline: VedetteError[] = [];
  const lives: ProgramLife[] = [];
  let onlineCount = 0;
  const take = (): void => {
    const frame = pool.take();
    if (frame === undefined) return;
    const byte = frame.bytes[0]!;
    frames.push({
      byte,
      whole: frame.bytes.every((b) => b === byte),
      atMs: frame.atMs,
      monoMs: frame.monoMs,
    });
    pool.release(frame);
    program.resume();
  };
  const source: SourceProgram = {
    title: 'fake-camera',
    command: fake.command ?? process.execPath,
    args: [FAKE, '--bytes', String(FRAME_BYTES), ...args],
    lossless,
    frameIntervalMs: fake.frameIntervalMs,
    finite,
    ...(fake.env === undefined ? {} : { env: fake.env }),
    ...(fake.feed === undefined ? {} : { feed: fake.feed }),
  };
  const program = new CameraProgram({
    camera: 'fake',
    plan: {
      next: fake.next ?? (() => source),
      ended: (life) => lives.push(life),
    },
    pool,
    runtimeDir: fake.runtimeDir ?? tempDir(),
    fps: 10,
    stallMs,
    timing: { backoff: { minMs: 300, maxMs: 300 }, steadyMs: 10_000, graceMs: 300, floodMs: 1000 },
    clock: systemClock,
    onFrame: () => {
      if (eager) take();
    },
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
  return { program, pool, frames, offline, lives, take, stop, running, online: () => onlineCount };
}

describe('a camera program', () => {
  test('delivers whole frames in order and, when finite, ends', async () => {
    const { frames, running, offline, online } = runFake({
      args: ['--frames', '20'],
      finite: true,
      lossless: true,
    });
    expect(await running).toBe('ended');
    expect(frames.map((frame) => frame.byte)).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
    expect(frames.every((frame) => frame.whole)).toBe(true);
    expect(online()).toBe(1);
    expect(offline.map((error) => error.code)).toEqual(['CAMERA_SOURCE_ENDED']);
  });

  test('that exits is told with its last words and started again', async () => {
    const { program, offline, frames } = runFake({ args: ['--frames', '2', '--then', 'exit1'] });
    await waitFor('a second life', () => program.restarts >= 1 && frames.length >= 4);
    expect(offline[0]?.code).toBe('CAMERA_EXITED');
    expect(offline[0]?.message).toMatch(
      /camera 'fake': .* exited with code 1: fake camera: sensor not found; restarting/,
    );
    expect(frames.slice(0, 4).map((frame) => frame.byte)).toEqual([1, 2, 1, 2]);
  });

  test('that dies in the middle of a frame shifts no byte into the next one', async () => {
    const { frames, offline } = runFake({ args: ['--frames', '2', '--then', 'half'] });
    await waitFor('two lives', () => frames.length >= 4);
    expect(frames.every((frame) => frame.whole)).toBe(true);
    expect(offline[0]?.message).toContain('in the middle of a frame, 3072 bytes dropped');
  });

  test('that stalls is killed and started again, also when it ignores TERM', async () => {
    const { program, offline, frames } = runFake({
      args: ['--frames', '1', '--then', 'stubborn'],
      stallMs: 500,
    });
    await waitFor('a second life', () => program.restarts >= 1 && frames.length >= 2);
    expect(offline[0]?.code).toBe('CAMERA_STALLED');
    expect(offline[0]?.message).toMatch(/no frame for \d+ ms \(limit 500\); restarting fake-camera/);
  });

  test('that floods is read at a bounded rate, killed and started again', async () => {
    const { program, offline, lives } = runFake({ args: ['--frames', '1', '--then', 'flood'] });
    await waitFor('a second life', () => program.restarts >= 1 && lives.length >= 2);
    expect(offline[0]?.code).toBe('CAMERA_FLOOD');
    expect(offline[0]?.message).toContain('more than 100 frames a second for 1000 ms (asked for 10)');
    // A pipe at full speed delivers some hundred thousand of these frames in that time.
    for (const { frames } of lives) expect(frames).toBeLessThan(2000);
  });

  test.each([
    ['comes back with another size', 'resize', 'frames of 2731 bytes come instead of 6144'],
    ['loses some bytes', 'lose', 'frames are out of step, bytes were lost; restarting fake-camera'],
  ])('that %s is started again', async (_name, kind, message) => {
    const { program, offline, frames } = runFake({
      args: ['--frames', '3', '--interval', '100', '--then', kind],
    });
    await waitFor('another life', () => program.restarts >= 1 && frames.at(-1)?.whole === true);
    expect(offline[0]?.code).toBe('CAMERA_MISALIGNED');
    expect(offline[0]?.message).toContain(message);
  });

  test('that writes random bytes and exits shifts no byte into the next life', async () => {
    const { frames, lives, offline } = runFake({ args: ['--frames', '2', '--then', 'noise'] });
    await waitFor('two lives', () => lives.length >= 2);
    expect(offline[0]?.message).toContain('in the middle of a frame, 1234 bytes dropped');
    expect(frames.slice(0, 8).map(({ whole }) => whole)).toEqual([
      true,
      true,
      false,
      false,
      true,
      true,
      false,
      false,
    ]);
  });

  test('that dies with a password in its last words gives no password away', async () => {
    const { offline } = runFake({ args: ['--frames', '0', '--then', 'secret'] });
    const { message, data } = await waitFor('its last words', () => offline[0]);
    expect(message).toContain('rtsp://[hidden]@camera/1: 401');
    expect(data['stderr']).toContain('connecting to rtsp://[hidden]@camera/1');
    expect(JSON.stringify({ message, data })).not.toContain('hunter2');
  });

  test('that is not installed is told as such', async () => {
    const { offline } = runFake({ args: [], command: '/nonexistent/rpicam-vid' });
    const error = await waitFor('an error', () => offline[0]);
    expect(error.code).toBe('CAMERA_EXITED');
    expect(error.message).toContain('/nonexistent/rpicam-vid');
  });

  test('that is not found by its plan is asked for again', async () => {
    const missing = new VedetteError('CAMERA_PROGRAM_MISSING', 'ffmpeg not found on PATH');
    const { offline, lives } = runFake({
      args: [],
      next: () => {
        throw missing;
      },
    });
    await waitFor('two attempts', () => offline.length >= 1);
    expect(offline[0]).toBe(missing);
    expect(lives).toEqual([]);
  });

  test('is stopped while its plan looks for it', async () => {
    const { stop, running } = runFake({ args: [], next: () => new Promise(() => undefined) });
    stop.abort();
    expect(await running).toBe('stopped');
  });

  test('is tried again where its FIFO cannot be made', async () => {
    const { program, offline } = runFake({ args: [], runtimeDir: '/nonexistent' });
    await waitFor('another attempt', () => program.restarts >= 1);
    expect(offline[0]?.code).toBe('CAMERA_EXITED');
    expect(offline[0]?.message).toMatch(/mkfifo: .*\/nonexistent\/fake-1\.fifo/);
  });

  test('is gone when stopped, with everything it holds', async () => {
    const env = newMark();
    const { stop, running, frames, lives } = runFake({ args: ['--frames', '1', '--then', 'stubborn'], env });
    await waitFor('a frame', () => frames.length > 0);
    expect(processesMarked(env).length).toBeGreaterThan(0);
    stop.abort();
    expect(await running).toBe('stopped');
    expect(processesMarked(env)).toEqual([]);
    expect(lives).toEqual([]);
  });

  test('takes what it started with it, also what ignores TERM and holds its output', async () => {
    const env = newMark();
    const { lives, stop, running } = runFake({ args: ['--frames', '1', '--then', 'leave'], env });
    const life = await waitFor('the end of a life', () => lives[0]);
    expect(life).toEqual({ frames: 1, reason: expect.stringContaining('exited with code 1') });
    stop.abort();
    await running;
    expect(processesMarked(env)).toEqual([]);
  });

  test('gets a small part of the environment and what its source adds', async () => {
    process.env['VEDETTE_SECRET_OF_ANOTHER'] = 'x';
    onTestFinished(() => void delete process.env['VEDETTE_SECRET_OF_ANOTHER']);
    const args = ['--frames', '0', '--then', 'environment'];
    const { offline } = runFake({ args, env: { CAMERA_PASSWORD: 'y' } });
    const { message } = await waitFor('its last words', () => offline[0]);
    expect(message).toMatch(/exited with code 1: CAMERA_PASSWORD .*\bPATH\b/);
    expect(message).not.toContain('VEDETTE_SECRET_OF_ANOTHER');
  });
});

describe('a program that is fed', () => {
  const echo = { args: ['--frames', '0', '--then', 'echo'], finite: true, lossless: true };

  test('reads what its source writes, to the end', async () => {
    const feed = async (input: Writable): Promise<void> => {
      for (const byte of [7, 8]) input.write(Buffer.alloc(FRAME_BYTES, byte));
    };
    const { running, frames, lives } = runFake({ ...echo, feed });
    expect(await running).toBe('ended');
    expect(frames).toMatchObject([
      { byte: 7, whole: true },
      { byte: 8, whole: true },
    ]);
    expect(lives).toEqual([{ frames: 2, reason: 'the source is over' }]);
  });

  test('ends with the reason of its source when that has no more', async () => {
    const feed = async (): Promise<void> => {
      throw new Error('the camera answers 401');
    };
    const { offline, lives } = runFake({ ...echo, feed });
    const { code, message } = await waitFor('a reason', () => offline[0]);
    expect({ code, message }).toEqual({
      code: 'CAMERA_EXITED',
      message: "camera 'fake': the camera answers 401; restarting",
    });
    await waitFor('the end of that life', () => lives.length > 0);
  });

  test('whose camera is away is not judged: it was given nothing to decode', async () => {
    const feed: SourceProgram['feed'] = async () => {
      throw new VedetteError('CAMERA_UNREACHABLE', 'http://cam/: the camera cannot be reached');
    };
    const { program, offline, lives } = runFake({ args: ['--frames', '0', '--then', 'echo'], feed });
    await waitFor('another life', () => program.restarts >= 2);
    expect(offline[0]?.code).toBe('CAMERA_UNREACHABLE');
    expect(lives).toEqual([]);
  });

  test('that ends by itself is told by its own words, not by the broken pipe', async () => {
    const feed = async (input: Writable, signal: AbortSignal): Promise<void> => {
      const chunk = Buffer.alloc(FRAME_BYTES);
      while (!signal.aborted) await promisify<Buffer, void>(input.write.bind(input))(chunk);
    };
    const { offline } = runFake({ args: ['--frames', '1', '--then', 'exit1'], feed });
    const { message } = await waitFor('its last words', () => offline[0]);
    expect(message).toContain('sensor not found');
  });
});

describe('pressure', () => {
  test('a live source never waits: newer frames replace the waiting one and are counted', async () => {
    const { running, pool, take, frames } = runFake({
      args: ['--frames', '30', '--interval', '0'],
      finite: true,
      eager: false,
    });
    await running;
    take();
    expect(frames[0]).toMatchObject({ byte: 30, whole: true });
    expect(pool.dropped).toBe(29);
  });

  test('a lossless source waits for the pool and loses nothing', async () => {
    const fast = runFake({
      args: ['--frames', '200', '--interval', '0'],
      finite: true,
      lossless: true,
      eager: false,
    });
    let ended = false;
    void fast.running.then(() => {
      ended = true;
    });
    await waitFor('all frames', () => {
      fast.take();
      return ended;
    });
    fast.take();
    expect(fast.frames.map((frame) => frame.byte)).toEqual(
      Array.from({ length: 200 }, (_, index) => index + 1),
    );
    expect(fast.pool.dropped).toBe(0);
  });

  test('where the video counts time, frames are exactly one interval apart', async () => {
    const { running, frames } = runFake({
      args: ['--frames', '10', '--interval', '0'],
      finite: true,
      lossless: true,
      frameIntervalMs: 200,
    });
    await running;
    expect(frames).toHaveLength(10);
    for (const [index, frame] of frames.slice(1).entries()) {
      expect(frame.monoMs - frames[index]!.monoMs).toBeCloseTo(200, 6);
      expect(frame.atMs - frames[index]!.atMs).toBeCloseTo(200, 6);
    }
  });
});
