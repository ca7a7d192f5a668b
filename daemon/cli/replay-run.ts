// A video through the real camera, detector, tracker and rules, as fast as they work and every frame of it: nothing is stored
// and nothing is published. Owns the parts it builds, and the time of the video. Main thread of `vedette replay`.
import { Camera } from '../camera/camera.ts';
import type { CameraConfig, Config } from '../config/types.ts';
import { decisionScene } from '../core/configured.ts';
import { Decider, type Decision } from '../core/decide.ts';
import type { Observation } from '../core/types.ts';
import type { Sighting } from '../core/whereabouts.ts';
import { DetectorSupervisor } from '../detector/supervisor.ts';
import type { DetectorState } from '../detector/wire.ts';
import { loadModel, modelFolders } from '../models/manifest.ts';
import type { Clock } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import { cacheFolder, makeRuntimeFolder, removeFolder } from '../platform/folders.ts';
import type { Logger } from '../platform/logger.ts';

export interface ReplayOptions {
  readonly config: Config;
  /** The camera whose places, masks, size and rate are used. */
  readonly camera: string;
  /** Absolute path of the video. */
  readonly video: string;
  /** Only for the owner's models. */
  readonly dataDir: string;
  /** Wall clock of its first frame. */
  readonly startMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Every frame in which the detector was asked, and the end. */
  readonly onStep: (step: ReplayStep) => void;
}

export interface ReplayStep {
  /** Counts from 1; the last again at the end. */
  readonly frame: number;
  /** Since the first frame. */
  readonly videoMs: number;
  readonly decision: Decision;
  /** Where the objects of this frame are; valid until the next step. */
  readonly sightings: readonly Sighting[];
}

/** The camera with the video in place of its source. */
export function replayedCamera(config: CameraConfig, video: string): CameraConfig {
  return {
    ...config,
    enabled: true,
    detect: { ...config.detect, enabled: true },
    // In software, so that every pass over the video and every board has the same frames.
    source: { type: 'file', path: video, pace: 'fast', loop: false, decoder: 'software' },
  };
}

/**
 * Resolves with the frames looked at when the video is over. Rejects with what the camera or the detector says when one of
 * them cannot go on, and with the signal's reason.
 */
export async function replay(options: ReplayOptions, signal: AbortSignal): Promise<number> {
  const runtimeDir = makeRuntimeFolder(process.env);
  try {
    return await new Replay(options, runtimeDir).run(signal);
  } finally {
    removeFolder(runtimeDir);
  }
}

class Replay {
  readonly #options: ReplayOptions;
  readonly #decider: Decider;
  readonly #detector: DetectorSupervisor;
  readonly #camera: Camera;
  readonly #over = Promise.withResolvers<void>();
  #frame = 0;
  /** Added to a wall clock of the camera worker gives that of the video. */
  #offsetMs: number | undefined;
  #ids = 0;

  constructor(options: ReplayOptions, runtimeDir: string) {
    this.#options = options;
    const newId = (): string => {
      this.#ids += 1;
      return String(this.#ids);
    };
    this.#decider = new Decider({ ...decisionScene(options.config), newId });
    this.#detector = this.#makeDetector(runtimeDir);
    this.#camera = this.#makeCamera(runtimeDir);
  }

  async run(signal: AbortSignal): Promise<number> {
    const abort = (): void => this.#over.reject(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener('abort', abort);
    try {
      await this.#detector.start(signal);
      await this.#camera.start();
      await this.#over.promise;
      return this.#frame;
    } finally {
      signal.removeEventListener('abort', abort);
      await this.#camera.stop();
      await this.#detector.stop();
    }
  }

  #makeDetector(runtimeDir: string): DetectorSupervisor {
    const { config, dataDir, clock, logger } = this.#options;
    return new DetectorSupervisor({
      config: config.detector,
      scoreLow: config.track.scoreLow,
      loadModel: () => loadModel(config.detector.model, { folders: modelFolders(dataDir) }),
      runtimeDir,
      cacheDir: cacheFolder(process.env),
      clock,
      logger,
      onState: (state) => this.#follow(state),
    });
  }

  #follow(state: DetectorState): void {
    this.#camera?.detectorChanged(state);
    if (state.state !== 'down') return;
    const reason = state.reason ?? 'no reason known';
    this.#over.reject(new VedetteError('REPLAY_FAILED', `the detector does not run: ${reason}`));
  }

  #makeCamera(runtimeDir: string): Camera {
    const { config, camera, video, clock, logger } = this.#options;
    const { cameras, track, detector, log, snapshots } = config;
    const seen = replayedCamera(cameras[camera]!, video);
    return new Camera({
      camera,
      index: 0,
      config: seen,
      switches: { enabled: true, detect: true, armed: true, threshold: seen.threshold ?? null },
      track,
      deadlineMs: detector.deadlineMs,
      log: { ...log, level: 'error' },
      snapshots: { ...snapshots, enabled: false },
      dataDir: runtimeDir,
      runtimeDir,
      clock,
      logger,
      onObservation: (observation) => this.#observe(observation),
      onPicture: () => undefined,
      onSnapshot: () => undefined,
      onStatus: () => undefined,
      onDetectorLate: (late) => this.#detector.late(late),
      onProblem: ({ code, reason }) => {
        if (code === 'CAMERA_SOURCE_ENDED') return;
        // A daemon would try again.
        const why = reason.replace(/; (?:restarting|trying again)$/, '');
        this.#over.reject(new VedetteError('REPLAY_FAILED', `'${video}' cannot be played: ${why}`));
      },
      onEnded: () => this.#finish(),
    });
  }

  #observe(told: Observation): void {
    const observation = this.#inVideoTime(told);
    const { camera, stamp } = observation;
    if (this.#frame === 0) this.#decider.learn({ kind: 'status', camera, status: 'online' }, stamp);
    this.#frame = stamp.frame;
    const { sightings, ...decision } = this.#decider.observe(observation);
    this.#step(decision, sightings);
  }

  #finish(): void {
    this.#step(this.#decider.finish(), []);
    this.#over.resolve();
  }

  #step(decision: Decision, sightings: readonly Sighting[]): void {
    const videoMs = Math.max(0, this.#frame - 1) * this.#intervalMs;
    this.#options.onStep({ frame: this.#frame, videoMs, decision, sightings });
  }

  get #intervalMs(): number {
    return 1000 / this.#options.config.cameras[this.#options.camera]!.detect.fps;
  }

  /** The worker counts the video's time from the moment it began to play it. */
  #inVideoTime(observation: Observation): Observation {
    const { stamp, tracks } = observation;
    this.#offsetMs ??= this.#options.startMs + (stamp.frame - 1) * this.#intervalMs - stamp.atMs;
    const offsetMs = this.#offsetMs;
    return {
      ...observation,
      stamp: { ...stamp, atMs: stamp.atMs + offsetMs },
      tracks: tracks.map((track) => ({ ...track, startedAtMs: track.startedAtMs + offsetMs })),
    };
  }
}
