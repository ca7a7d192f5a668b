// The main thread's handle on one camera: starts its worker, starts it again should it crash, passes on what it tells.
// Holds no pixel. Main thread.
import { Worker } from 'node:worker_threads';
import type { CameraStatus, Observation, Snapshot } from '../core/types.ts';
import type { DetectorState } from '../detector/wire.ts';
import { Backoff } from '../platform/backoff.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { type ErrorCode, reasonOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { Part } from '../platform/part.ts';
import type {
  CameraCounters,
  CameraWorkerData,
  EncodedPicture,
  FromCameraWorker,
  ToCameraWorker,
} from './messages.ts';

export interface CameraOptions extends CameraWorkerData {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onObservation: (observation: Observation) => void;
  /** A new picture for the snapshot topics; comes before the observation that names it. */
  readonly onPicture: (camera: string, picture: EncodedPicture) => void;
  /** The files of a picture are durable. */
  readonly onSnapshot: (snapshot: Snapshot) => void;
  /** Called on changes only. */
  readonly onStatus: (camera: string, status: CameraStatus) => void;
  readonly onDetectorLate: (late: { generation: number; ageMs: number }) => void;
}

export interface CameraState extends CameraCounters {
  readonly status: CameraStatus;
  readonly reason?: string;
  /** Observations a second, lately. */
  readonly fps: number;
}

/** Weight of the newest second in the rate. */
const FPS_GAIN = 0.3;
const BACKOFF = { minMs: 1000, maxMs: 60_000 };
/** Program's grace, leftovers and a little more; then the thread is ended, which kills the program too. */
const STOP_MS = 1600;

export class Camera implements Part {
  readonly name: string;
  /** Its name in the configuration and in topics. */
  readonly camera: string;
  readonly #options: CameraOptions;
  readonly #logger: Logger;
  readonly #backoff = new Backoff(BACKOFF);
  #worker: Worker | undefined;
  #exited: Promise<void> = Promise.resolve();
  #retry: Timer | undefined;
  #stopping = false;
  #status: CameraStatus;
  #problem: { readonly code: ErrorCode; readonly reason: string } | undefined;
  #live: Observation | undefined;
  #fps = 0;
  #countedMonoMs = 0;
  #detector: DetectorState | undefined;
  #counters: CameraCounters = {
    framesTotal: 0,
    framesDropped: 0,
    framesProcessed: 0,
    restarts: 0,
    snapshotsWritten: 0,
    snapshotsDropped: 0,
  };

  constructor(options: CameraOptions) {
    this.name = `camera ${options.camera}`;
    this.camera = options.camera;
    this.#options = options;
    this.#logger = options.logger.child({ part: 'camera', camera: options.camera });
    this.#status = options.config.enabled ? 'offline' : 'disabled';
  }

  state(): CameraState {
    return {
      status: this.#status,
      ...(this.#problem === undefined ? {} : { reason: this.#problem.reason }),
      ...this.#counters,
      fps: Math.round(this.#fps * 10) / 10,
    };
  }

  /** Does not wait for the first frame: a missing camera is a state, not an error. */
  async start(): Promise<void> {
    this.#options.onStatus(this.#options.camera, this.#status);
    if (this.#options.config.enabled) this.#spawn();
  }

  /** Follow the detector; remembered for a worker that starts later. */
  detectorChanged(state: DetectorState): void {
    this.#detector = state;
    this.#post({ type: 'detector', state });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#retry?.stop();
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#post({ type: 'stop' });
    const timer = this.#options.clock.after(STOP_MS, () => void worker.terminate());
    await this.#exited;
    timer.stop();
  }

  #spawn(): void {
    const { camera, index, config, track, deadlineMs, log, snapshots, dataDir, runtimeDir } = this.#options;
    const sight = { camera, index, config, track, deadlineMs, log };
    const data: CameraWorkerData = { ...sight, snapshots, dataDir, runtimeDir };
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: data, name: this.name });
    this.#worker = worker;
    worker.on('message', (message: FromCameraWorker) => this.#take(message));
    let failure: unknown;
    worker.once('error', (error) => {
      failure = error;
    });
    this.#exited = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#worker = undefined;
        resolve();
        if (!this.#stopping) this.#crashed(failure);
      });
    });
    if (this.#detector) this.#post({ type: 'detector', state: this.#detector });
  }

  #post(message: ToCameraWorker): void {
    this.#worker?.postMessage(message);
  }

  #take(message: FromCameraWorker): void {
    switch (message.type) {
      case 'observation':
        this.#live = message.observation;
        this.#options.onObservation(message.observation);
        break;
      case 'picture':
        this.#options.onPicture(this.camera, message.picture);
        break;
      case 'snapshot':
        this.#options.onSnapshot(message.snapshot);
        break;
      case 'online':
        this.#setStatus('online');
        break;
      case 'offline':
        this.#setStatus('offline', message);
        break;
      case 'counters':
        this.#count(message.counters);
        break;
      case 'detector-late':
        this.#options.onDetectorLate(message);
        break;
      case 'stopped':
        break;
    }
  }

  #count(counters: CameraCounters): void {
    const nowMs = this.#options.clock.monoMs();
    const seconds = (nowMs - this.#countedMonoMs) / 1000;
    const frames = Math.max(0, counters.framesProcessed - this.#counters.framesProcessed);
    if (this.#countedMonoMs > 0 && seconds > 0) this.#fps += FPS_GAIN * (frames / seconds - this.#fps);
    this.#countedMonoMs = nowMs;
    this.#counters = counters;
  }

  /** The next worker counts its tracks from 1 again: those of this one end here. */
  #crashed(error: unknown): void {
    const reason = error === undefined ? 'camera worker ended' : `camera worker crashed: ${reasonOf(error)}`;
    const { onObservation, clock } = this.#options;
    if (this.#live) {
      const stamp = { ...this.#live.stamp, atMs: clock.nowMs(), monoMs: clock.monoMs() };
      const ended = this.#live.tracks.map((track) => track.id);
      onObservation({ ...this.#live, stamp, tracks: [], ended });
      this.#live = undefined;
    }
    this.#setStatus('offline', { code: 'INTERNAL', reason: `${reason}; starting it again` });
    this.#retry = clock.after(this.#backoff.nextMs(), () => this.#spawn());
  }

  #setStatus(status: CameraStatus, problem?: { code: ErrorCode; reason: string }): void {
    const flipped = status !== this.#status;
    // One line per change of state: a camera that stays away is not logged at every attempt.
    if (problem !== undefined && problem.code !== this.#problem?.code) {
      const log = problem.code === 'CAMERA_SOURCE_ENDED' ? 'info' : 'warn';
      this.#logger[log]({ code: problem.code }, problem.reason);
    } else if (flipped) {
      this.#logger.info(`camera is ${status}`);
    }
    this.#status = status;
    this.#problem = problem;
    if (flipped) this.#options.onStatus(this.#options.camera, status);
  }
}
