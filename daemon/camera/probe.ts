// Runs the real program of one camera for a few seconds, as the daemon would, and says what it delivers. For
// `vedette doctor`. Main thread: a few frames, nothing is detected in them.
import type { CameraConfig } from '../config/types.ts';
import type { Clock } from '../platform/clock.ts';
import type { VedetteError } from '../platform/errors.ts';
import type { Finding } from '../platform/finding.ts';
import type { DecoderState } from './decoder-choice.ts';
import { FramePool } from './frame-pool.ts';
import { MaskPainter } from './masks.ts';
import { CameraProgram } from './program.ts';
import { frameBytesOf, sourcePlan } from './source.ts';

export interface CameraProbe {
  readonly camera: string;
  readonly config: CameraConfig;
  /** A folder of this process alone. */
  readonly runtimeDir: string;
  readonly clock: Clock;
}

/** What came of it. */
export interface CameraTrial {
  readonly frames: number;
  /** From the start of the program to its first whole frame. */
  readonly firstFrameMs: number | undefined;
  /** From the first frame to the last. */
  readonly spanMs: number;
  /** The last frame, I420, privacy masks painted: exposure and focus have settled by then. */
  readonly picture: Uint8Array | undefined;
  readonly failure: VedetteError | undefined;
  /** Undefined where nothing is to be decoded. */
  readonly decoder: DecoderState | undefined;
}

/** An RTSP camera can take ten seconds to its first key frame. */
const FIRST_FRAME_MS = 15_000;
/** Watched for this long after the first frame, and at most for as long as `LONGEST_MS`. */
const WATCH_MS = 3000;
const LONGEST_MS = 12_000;
const FRAMES_MIN = 3;

/** Time that `tryCamera` takes at most. */
export const CAMERA_TRIAL_MS = FIRST_FRAME_MS + LONGEST_MS;

export async function tryCamera(probe: CameraProbe, signal: AbortSignal): Promise<CameraTrial> {
  const { camera, config, runtimeDir, clock } = probe;
  const done = new AbortController();
  const end = (): void => done.abort();
  const pool = new FramePool(frameBytesOf(config.detect), new MaskPainter(config.detect, config.masks));
  const plan = sourcePlan(config);
  const startMonoMs = clock.monoMs();
  let firstMonoMs: number | undefined;
  let lastMonoMs = 0;
  let picture: Uint8Array | undefined;
  let failure: VedetteError | undefined;
  const timers = [clock.after(FIRST_FRAME_MS, () => firstMonoMs === undefined && end())];
  const program = new CameraProgram({
    camera,
    plan,
    pool,
    runtimeDir,
    fps: config.detect.fps,
    stallMs: config.stallMs,
    clock,
    onFrame: () => {
      const frame = pool.take();
      if (frame === undefined) return;
      lastMonoMs = frame.completeMonoMs;
      picture ??= new Uint8Array(pool.frameBytes);
      picture.set(frame.bytes);
      pool.release(frame);
      if (firstMonoMs === undefined) {
        firstMonoMs = lastMonoMs;
        timers.push(clock.after(LONGEST_MS, end));
      }
      if (lastMonoMs - firstMonoMs >= WATCH_MS && program.framesTotal >= FRAMES_MIN) end();
      program.resume();
    },
    onOnline: () => {
      failure = undefined;
    },
    onOffline: (error) => {
      failure = error;
      // A hardware decoder that brings nothing is passed over for the next one, as in the daemon: software is the last.
      const decoder = plan.decoder()?.name ?? 'software';
      if (decoder === 'software' || program.framesTotal > 0) end();
    },
  });
  await program.run(AbortSignal.any([signal, done.signal]));
  for (const timer of timers) timer.stop();
  return {
    frames: program.framesTotal,
    firstFrameMs: firstMonoMs === undefined ? undefined : firstMonoMs - startMonoMs,
    spanMs: firstMonoMs === undefined ? 0 : lastMonoMs - firstMonoMs,
    picture,
    failure,
    decoder: plan.decoder(),
  };
}

/** Less than this part of the rate asked for is told. */
const RATE_MIN = 0.7;

/** `daemonPid`: a daemon runs, so that a camera in use is most likely in its hands. */
export function cameraFinding(
  camera: string,
  { detect }: CameraConfig,
  trial: CameraTrial,
  daemonPid: number | undefined,
): Finding {
  const { frames, firstFrameMs, spanMs, failure, decoder } = trial;
  const played = failure?.code === 'CAMERA_SOURCE_ENDED' && frames > 0;
  if (failure !== undefined && !played) return failureFinding(camera, failure, daemonPid);
  if (firstFrameMs === undefined) {
    const message = `the program runs, but there is no frame after ${FIRST_FRAME_MS / 1000} s`;
    return { level: 'fault', subject: camera, message, advice: SILENT_ADVICE };
  }
  const fps = frames > 1 && spanMs > 0 ? ((frames - 1) * 1000) / spanMs : undefined;
  const size = `${detect.width}x${detect.height}`;
  const rate =
    fps === undefined
      ? `${frames} ${frames === 1 ? 'frame' : 'frames'}`
      : `${fps.toFixed(1)} frames a second (asked for: ${detect.fps})`;
  const decoded = decoder === undefined ? '' : `, decoder: ${decoder.name}`;
  const message = `${size}, first frame after ${Math.round(firstFrameMs)} ms, ${rate}${decoded}`;
  const facts = { width: detect.width, height: detect.height, firstFrameMs, frames, fps, decoder };
  if (fps === undefined || fps >= RATE_MIN * detect.fps)
    return { level: 'ok', subject: camera, message, facts };
  const advice =
    'too little light (long exposure), a slow network, or a busy board: see the checks cpu, power and temperature, or lower detect.fps';
  return { level: 'warning', subject: camera, message, advice, facts };
}

const SILENT_ADVICE =
  'try its program by hand (the log of `vedette run` with log.level: debug names it); unplug and replug a USB camera';

/** What the last words of camera programs mean, the most telling first. */
const TROUBLES: readonly (readonly [RegExp, string])[] = [
  [/permission denied|not permitted|EACCES/i, 'this user may not open it: see the check permissions'],
  [/\b40[13]\b|unauthori[sz]ed|forbidden/i, 'correct user and password of the camera'],
  [
    /exited with code 127|not on PATH|failed to execute/i,
    'install the program, or correct its name in cameras.<name>.source',
  ],
  [/ bytes come instead of /, 'let the program write frames of the size of detect, and nothing else'],
  [
    /404|not found|no such file|does not exist|ENOENT/i,
    'correct the path or device in cameras.<name>.source',
  ],
  [
    /connection refused|refuses the connection|no route|unreachable|timed out|could not resolve|name or service/i,
    'is the camera on, and its address right? Try to ping it from this board',
  ],
  [
    /invalid data|could not find codec|not a picture/i,
    'it does not send what the type of the source says: correct the address or type in cameras.<name>.source',
  ],
];
const BUSY = /device or resource busy|in use by another process|EBUSY|failed to acquire/i;

function failureFinding(camera: string, failure: VedetteError, daemonPid: number | undefined): Finding {
  const { code, message: told } = failure;
  const stderr = typeof failure.data['stderr'] === 'string' ? failure.data['stderr'] : '';
  // Here nothing is started again.
  const message = told.replace(/^camera '[^']*': /, '').replace(/; (?:restarting.*|trying again)$/, '');
  const words = `${told}\n${stderr}`;
  const facts = { code };
  if (BUSY.test(words) && daemonPid !== undefined) {
    const busy = `in use, most likely by the daemon that runs (process ${daemonPid}): not tried`;
    return { level: 'ok', subject: camera, message: busy, facts };
  }
  const advice = BUSY.test(words)
    ? 'another program has the camera: end it (sudo fuser -v /dev/video* shows it)'
    : (TROUBLES.find(([pattern]) => pattern.test(words))?.[1] ?? SILENT_ADVICE);
  return { level: 'fault', subject: camera, message, advice, facts };
}
