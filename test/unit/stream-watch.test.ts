import { describe, expect, test } from 'vitest';
import { StreamWatch } from '../../daemon/camera/stream-watch.ts';

const FRAME_BYTES = 64 * 64 * 24;

function watching(options: Partial<ConstructorParameters<typeof StreamWatch>[0]> = {}) {
  let monoMs = 0;
  const watch = new StreamWatch(
    {
      camera: 'yard',
      title: 'ffmpeg',
      frameBytes: FRAME_BYTES,
      fps: 5,
      stallMs: 1000,
      live: true,
      floodMs: 3000,
      ...options,
    },
    monoMs,
  );
  const frame = (): boolean => {
    watch.arrived(FRAME_BYTES);
    return watch.frame(monoMs);
  };
  /** The first error within `durationMs`, ticking as asked; `each` runs before every tick. */
  const run = (durationMs: number, each: (atMs: number) => void = () => undefined, partialBytes = 0) => {
    const endMs = monoMs + durationMs;
    while (monoMs < endMs) {
      monoMs += watch.tickMs;
      each(monoMs);
      const error = watch.tick(monoMs, partialBytes);
      if (error !== undefined) return error;
    }
    return undefined;
  };
  const sleep = (ms: number) => {
    monoMs += ms;
  };
  return { watch, frame, run, sleep };
}

/** Calls `fn` every `ms`. */
function every(ms: number, fn: () => void): (atMs: number) => void {
  let nextMs = 0;
  return (atMs) => {
    if (atMs < nextMs) return;
    nextMs += ms;
    fn();
  };
}

describe('a stall', () => {
  test('is a time without a whole frame, also where bytes trickle in', () => {
    const { watch, run } = watching();
    const error = run(5000, () => watch.arrived(1));
    expect(error?.code).toBe('CAMERA_STALLED');
    expect(error?.message).toMatch(/camera 'yard': no frame for 10\d\d ms \(limit 1000\); restarting ffmpeg/);
  });

  test('is not what this thread itself was busy', () => {
    const { frame, run, sleep } = watching();
    expect(run(400)).toBeUndefined();
    sleep(60_000);
    // One tick, then the frames that have waited in the pipe are read.
    expect(run(1)).toBeUndefined();
    frame();
    expect(run(900)).toBeUndefined();
    expect(run(900)?.code).toBe('CAMERA_STALLED');
  });
});

describe('a flood', () => {
  test('is more than 100 frames a second for three seconds; reading is rationed meanwhile', () => {
    const { frame, run } = watching();
    let frames = 0;
    const error = run(10_000, () => {
      while (frame()) frames += 1;
    });
    expect(error?.code).toBe('CAMERA_FLOOD');
    expect(error?.message).toContain('more than 100 frames a second for 3000 ms (asked for 5)');
    expect(frames).toBeLessThan(3.5 * 100);
  });

  test('is not a short rush, nor a program that sends twelve times what was asked', () => {
    const rush = watching();
    expect(
      rush.run(2000, () => {
        while (rush.frame());
      }),
    ).toBeUndefined();
    const sixty = watching();
    const send = every(1000 / 60, () => expect(sixty.frame()).toBe(true));
    expect(sixty.run(30_000, send)).toBeUndefined();
  });

  test('is no matter where the source waits for its reader', () => {
    const { frame, run } = watching({ live: false });
    expect(
      run(10_000, () => {
        for (let count = 0; count < 100; count += 1) expect(frame()).toBe(true);
      }),
    ).toBeUndefined();
  });
});

describe('a stream out of step', () => {
  test('is told with both sizes', () => {
    const { watch, run } = watching({ stallMs: 10_000 });
    const error = run(
      20_000,
      every(200, () => watch.arrived(FRAME_BYTES / 4)),
      FRAME_BYTES / 4,
    );
    expect(error?.code).toBe('CAMERA_MISALIGNED');
    expect(error?.message).toContain(`frames of ${FRAME_BYTES / 4} bytes come instead of ${FRAME_BYTES}`);
  });

  test('is not a thread that comes too late to read half of a frame, again and again', () => {
    const { watch, frame, run, sleep } = watching();
    for (let count = 0; count < 100; count += 1) {
      watch.arrived(FRAME_BYTES / 2);
      sleep(150);
      expect(run(1, () => undefined, FRAME_BYTES / 2)).toBeUndefined();
      watch.arrived(FRAME_BYTES / 2);
      frame();
      sleep(150);
      expect(run(1)).toBeUndefined();
    }
  });
});
