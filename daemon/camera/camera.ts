// The main thread's handle on one camera: starts its worker, starts it again should it crash or hang, passes on what it
// tells. Holds no pixel. Main thread.
import { Worker } from 'node:worker_threads';
import { hasFrames, type SightFault } from '../core/camera-status.ts';
import type { ClipOrder } from '../core/clips.ts';
import { type Effort, FULL_EFFORT, isSameEffort } from '../core/effort.ts';
import type { CameraSwitches } from '../core/switches.ts';
import type { CameraStatus, Observation, Snapshot } from '../core/types.ts';
import type { DetectorState } from '../detector/wire.ts';
import { Backoff } from '../platform/backoff.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { type ErrorCode, reasonOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { Part } from '../platform/part.ts';
import { noPast, passCounters, passObservation } from './camera-past.ts';
import type { DecoderState } from './decoder-choice.ts';
import type {
  AskedPicture,
  CameraCounters,
  CameraPast,
  CameraProblem,
  CameraWorkerData,
  EncodedPicture,
  FromCameraWorker,
  SightProblem,
  ToCameraWorker,
} from './messages.ts';
import { noPicture, PictureRequests } from './picture-requests.ts';
import { StatusLog } from './status-log.ts';
import { WorkerWatch } from './worker-watch.ts';

export interface CameraOptions extends Omit<CameraWorkerData, 'past'> {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onObservation: (observation: Observation) => void;
  /** A new picture for the snapshot topics; comes before the observation that names it. */
  readonly onPicture: (camera: string, picture: EncodedPicture) => void;
  /** The files of a picture, or of a clip, are durable. */
  readonly onSnapshot: (snapshot: Snapshot) => void;
  /** Called on changes only. */
  readonly onStatus: (camera: string, status: CameraStatus) => void;
  readonly onDetectorLate: (late: { generation: number; ageMs: number }) => void;
  /** Its source does not deliver, or not any more: told of every attempt. */
  readonly onProblem?: (problem: CameraProblem) => void;
  /** A finite source is over, and all its frames have been looked at. */
  readonly onEnded?: () => void;
  /** The worker's entry; a test passes one that hangs. */
  readonly workerUrl?: URL;
}

export interface CameraState extends CameraCounters {
  readonly status: CameraStatus;
  readonly reason?: string;
  /** Observations a second, lately. */
  readonly fps: number;
  /** What decodes the camera's video, lately, and why nothing faster does. */
  readonly decoder?: DecoderState;
}

/** Weight of the newest second in the rate. */
const FPS_GAIN = 0.3;
const BACKOFF = { minMs: 1000, maxMs: 60_000 };
/** A worker that lived this long starts the pauses from the beginning. */
const STEADY_MS = 60_000;
const SIGHT_CODES = {
  frozen: 'CAMERA_FROZEN',
  blind: 'CAMERA_BLIND',
  moved: 'CAMERA_MOVED',
} as const satisfies Record<SightFault, ErrorCode>;
/**
 * A worker makes little garbage, but its young generation would grow all the same. Resident after a thousand failures of
 * camera programs within 20 s, nothing collected by force: 94 MB instead of 100 MB (x64, test/fixtures/camera/soak.ts).
 */
const RESOURCE_LIMITS = { maxYoungGenerationSizeMb: 6 };

export class Camera implements Part {
  readonly name: string;
  /** Its name in the configuration and in topics. */
  readonly camera: string;
  readonly #options: CameraOptions;
  readonly #log: StatusLog;
  readonly #backoff = new Backoff(BACKOFF);
  readonly #pictures: PictureRequests;
  #switches: CameraSwitches;
  #clipS: number;
  #effort: Effort = FULL_EFFORT;
  #started = false;
  #worker: Worker | undefined;
  /** Set while the worker has been told to end. */
  #leaving: Promise<void> | undefined;
  #exited: Promise<void> = Promise.resolve();
  #retry: Timer | undefined;
  #watch: WorkerWatch | undefined;
  #stopping = false;
  #status: CameraStatus;
  #problem: CameraProblem | undefined;
  /** What is wrong with its picture, while frames come. */
  #sight: SightProblem | undefined;
  #live: Observation | undefined;
  #fps = 0;
  #decoder: DecoderState | undefined;
  #countedMonoMs = 0;
  #detector: DetectorState | undefined;
  #past: CameraPast = noPast();

  constructor(options: CameraOptions) {
    this.name = `camera ${options.camera}`;
    this.camera = options.camera;
    this.#options = options;
    const logger = options.logger.child({ part: 'camera', camera: options.camera });
    this.#log = new StatusLog(logger, options.clock);
    const { camera, clock, config } = options;
    this.#pictures = new PictureRequests({ camera, clock, fps: config.detect.fps });
    this.#switches = options.switches;
    this.#clipS = options.clipS ?? 0;
    this.#status = this.#switches.enabled ? 'offline' : 'disabled';
  }

  state(): CameraState {
    return {
      status: this.#status,
      ...(this.#problem === undefined ? {} : { reason: this.#problem.reason }),
      ...this.#past.counters,
      fps: Math.round(this.#fps * 10) / 10,
      ...(this.#decoder === undefined ? {} : { decoder: this.#decoder }),
    };
  }

  /** How far it has come. */
  get past(): CameraPast {
    return this.#past;
  }

  /** Call before `start`: a camera of this name was here before, and has stopped. */
  goOnFrom(past: CameraPast): void {
    this.#past = past;
  }

  /** Does not wait for the first frame: a missing camera is a state, not an error. */
  async start(): Promise<void> {
    this.#started = true;
    this.#status = this.#switches.enabled ? 'offline' : 'disabled';
    this.#options.onStatus(this.#options.camera, this.#status);
    if (this.#switches.enabled) this.#spawn();
  }

  /** Takes effect at once, and in every worker that is started later. */
  turn(switches: CameraSwitches): void {
    const { enabled } = this.#switches;
    this.#switches = switches;
    this.#post({ type: 'switches', switches });
    if (switches.enabled === enabled || !this.#started || this.#stopping) return;
    if (switches.enabled) {
      this.#setStatus('offline');
      // One that is still on its way out is followed by the next when it has gone.
      if (this.#worker === undefined) this.#spawn();
    } else {
      this.#retry?.stop();
      this.#setStatus('disabled');
      void this.#endWorker();
    }
  }

  /** The newest frame as JPEG, its privacy masks painted; rejects with CAMERA_NO_PICTURE. */
  async newestPicture(): Promise<AskedPicture> {
    if (!hasFrames(this.#status)) {
      const reason = this.#problem === undefined ? '' : ` (${this.#problem.reason})`;
      throw noPicture(this.camera, `it is ${this.#status}${reason}, there is no frame`);
    }
    return this.#pictures.ask(() => this.#post({ type: 'picture-wanted' }));
  }

  /** How many of its last seconds are remembered for clips, in workers that are started later too. */
  rememberForClips(seconds: number): void {
    if (seconds === this.#clipS) return;
    this.#clipS = seconds;
    this.#post({ type: 'clip-seconds', seconds });
  }

  /** How much work it may make, in workers that are started later too. */
  setEffort(effort: Effort): void {
    if (isSameEffort(effort, this.#effort)) return;
    this.#effort = effort;
    this.#post({ type: 'effort', effort });
  }

  /** False where no worker runs, and so nothing is remembered. */
  makeClip(order: ClipOrder): boolean {
    this.#post({ type: 'clip', order });
    return this.#worker !== undefined;
  }

  /** Follow the detector; remembered for a worker that starts later. */
  detectorChanged(state: DetectorState): void {
    this.#detector = state;
    this.#post({ type: 'detector', state });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#retry?.stop();
    this.#log.stop();
    await this.#endWorker();
  }

  #endWorker(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return Promise.resolve();
    this.#leaving ??= this.#sendAway();
    return this.#leaving;
  }

  async #sendAway(): Promise<void> {
    this.#post({ type: 'stop' });
    this.#watch?.leaves();
    await this.#exited;
    // A worker that had to be ended has not done it.
    this.#endTracks();
  }

  #spawn(): void {
    const { camera, index, config, track, deadlineMs, log, snapshots, dataDir, runtimeDir } = this.#options;
    const sight = { camera, index, config, switches: this.#switches, track, deadlineMs, log };
    const own = { clipS: this.#clipS, past: this.#past };
    const data: CameraWorkerData = { ...sight, ...own, snapshots, dataDir, runtimeDir };
    const url = this.#options.workerUrl ?? new URL('./worker.ts', import.meta.url);
    const worker = new Worker(url, {
      workerData: data,
      name: this.name,
      resourceLimits: RESOURCE_LIMITS,
      // Descriptors handed to a socket are closed by it, unseen by the worker's list of open files: at its end Node would
      // close those numbers again, whoever has them by then.
      trackUnmanagedFds: false,
    });
    this.#worker = worker;
    const startedMonoMs = this.#options.clock.monoMs();
    worker.on('message', (message: FromCameraWorker) => this.#take(message));
    let problem: CameraProblem = { code: 'INTERNAL', reason: 'camera worker ended; starting it again' };
    worker.once('error', (error) => {
      problem = { code: 'INTERNAL', reason: `camera worker crashed: ${reasonOf(error)}; starting it again` };
    });
    const watch = new WorkerWatch(this.#options.clock, (limitS) => {
      problem = {
        code: 'CAMERA_WORKER_HUNG',
        reason: `camera worker gave no sign of life for ${limitS} s; ending it and starting it again`,
      };
      if (this.#leaving === undefined) this.#setStatus('offline', problem);
      // Its program dies with the thread (platform/child.ts).
      void worker.terminate();
    });
    this.#watch = watch;
    this.#exited = new Promise((resolve) => {
      worker.once('exit', () => {
        this.#worker = undefined;
        this.#sight = undefined;
        watch.stop();
        resolve();
        if (this.#options.clock.monoMs() - startedMonoMs > STEADY_MS) this.#backoff.reset();
        const sentAway = this.#leaving !== undefined;
        this.#leaving = undefined;
        this.#pictures.fail('its worker ended, there is no frame');
        if (!this.#stopping) this.#follow(sentAway ? undefined : problem);
      });
    });
    if (!isSameEffort(this.#effort, FULL_EFFORT)) this.#post({ type: 'effort', effort: this.#effort });
    if (this.#detector) this.#post({ type: 'detector', state: this.#detector });
  }

  #post(message: ToCameraWorker): void {
    this.#worker?.postMessage(message);
  }

  #take(message: FromCameraWorker): void {
    this.#watch?.heard();
    switch (message.type) {
      case 'observation':
        this.#live = message.observation;
        passObservation(this.#past, message.observation);
        this.#options.onObservation(message.observation);
        break;
      case 'picture':
        this.#options.onPicture(this.camera, message.picture);
        break;
      case 'asked-picture':
        this.#pictures.take(message.picture);
        break;
      case 'snapshot':
        this.#options.onSnapshot(message.snapshot);
        break;
      case 'online':
        this.#decoder = message.decoder;
        this.#showSight();
        break;
      case 'sight':
        this.#sight = message.problem;
        if (hasFrames(this.#status)) this.#showSight();
        break;
      case 'offline':
        this.#setStatus('offline', message);
        this.#options.onProblem?.(message);
        break;
      case 'ended':
        this.#options.onEnded?.();
        break;
      case 'counters':
        this.#count(message.counters);
        break;
      case 'detector-late':
        this.#options.onDetectorLate(message);
        break;
      case 'started':
      case 'stopped':
        break;
    }
  }

  #count(counters: CameraCounters): void {
    const nowMs = this.#options.clock.monoMs();
    const seconds = (nowMs - this.#countedMonoMs) / 1000;
    const frames = Math.max(0, counters.framesProcessed - this.#past.counters.framesProcessed);
    if (this.#countedMonoMs > 0 && seconds > 0) this.#fps += FPS_GAIN * (frames / seconds - this.#fps);
    this.#countedMonoMs = nowMs;
    passCounters(this.#past, counters);
  }

  /** A worker has gone, sent away or because of a problem; another takes its place if one is wanted. */
  #follow(problem: CameraProblem | undefined): void {
    this.#endTracks();
    this.#fps = 0;
    this.#countedMonoMs = 0;
    if (!this.#switches.enabled) return;
    this.#setStatus('offline', problem);
    if (problem === undefined) return this.#spawn();
    this.#retry = this.#options.clock.after(this.#backoff.nextMs(), () => this.#spawn());
  }

  /** The next worker knows nothing of its tracks: those that are left of this one end here, after its last frame. */
  #endTracks(): void {
    const { onObservation, clock } = this.#options;
    const live = this.#live;
    this.#live = undefined;
    if (live === undefined || live.tracks.length === 0) return;
    const stamp = { ...live.stamp, atMs: clock.nowMs(), monoMs: clock.monoMs() };
    const ended = live.tracks.map((track) => track.id);
    onObservation({
      ...live,
      stamp,
      completeMonoMs: stamp.monoMs,
      tracks: [],
      ended,
      frameless: true,
    });
  }

  /** Frames come: it is online, unless something is wrong with what they show. */
  #showSight(): void {
    const sight = this.#sight;
    if (sight === undefined) return this.#setStatus('online');
    const { fault, reason } = sight;
    this.#setStatus(fault, { code: SIGHT_CODES[fault], reason: `camera '${this.camera}': ${reason}` });
  }

  #setStatus(status: CameraStatus, problem?: CameraProblem): void {
    // What a worker on its way out tells is of no interest any more.
    if (status !== 'disabled' && !this.#switches.enabled) return;
    const flipped = status !== this.#status;
    // One line per change of state: a camera that stays away is not logged at every attempt.
    if (problem !== undefined && problem.code !== this.#problem?.code) {
      const { code, reason, stderr } = problem;
      const level = code === 'CAMERA_SOURCE_ENDED' ? 'info' : 'warn';
      this.#log.change({
        level,
        text: reason,
        fields: { code, ...(stderr === undefined ? {} : { stderr }) },
      });
    } else if (flipped) {
      this.#log.change({ level: 'info', text: `camera is ${status}`, fields: {} });
    }
    this.#status = status;
    this.#problem = problem;
    if (flipped) this.#options.onStatus(this.#options.camera, status);
  }
}
