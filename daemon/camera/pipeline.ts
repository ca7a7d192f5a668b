// The way of one camera's frames: waiting frame → tensor → detector → boxes of the frame → tracker → pictures →
// observation. Keeps the detector busy with one request running and one waiting its turn, so that the next tensor is
// prepared while the current one runs; a frame is lent until its answer. Camera worker thread.
import type { CameraConfig, FramesConfig, TrackConfig } from '../config/types.ts';
import { type Effort, FULL_EFFORT } from '../core/effort.ts';
import type { CameraSwitches } from '../core/switches.ts';
import { Tracker, type TrackStep } from '../core/tracker.ts';
import type { Detection, FrameStamp, ModelSpec, Observation, StageTimes } from '../core/types.ts';
import type { DetectorResponse, DetectorState } from '../detector/wire.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { DetectorClient } from './detector-client.ts';
import type { Frame, FramePool } from './frame-pool.ts';
import { Preprocessor } from './preprocess.ts';
import type { Snapshots } from './snapshots.ts';

/** Where neither the configuration nor the model names a threshold. */
const THRESHOLD_DEFAULT = 0.7;
const NO_STAGES: StageTimes = { prepareMs: 0, waitMs: 0, inferMs: 0, trackMs: 0 };

export interface PipelineOptions {
  readonly camera: string;
  readonly index: number;
  readonly priority: CameraConfig['priority'];
  readonly detect: FramesConfig;
  readonly track: TrackConfig;
  readonly deadlineMs: number;
  readonly pool: FramePool;
  /** Absent: no pictures are kept. */
  readonly snapshots?: Snapshots;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onObservation: (observation: Observation) => void;
  /** A waiting frame was taken: a paused source may go on. */
  readonly onRoom: () => void;
  readonly onLate: (generation: number, ageMs: number) => void;
}

export class Pipeline {
  framesProcessed = 0;
  /** Frames that were in the detector's hands when it died. */
  framesLost = 0;
  /** How much work this camera may make. */
  effort: Effort = FULL_EFFORT;
  readonly #options: PipelineOptions;
  readonly #client: DetectorClient;
  readonly #tracker: Tracker;
  #model: ModelSpec | undefined;
  #preprocessor: Preprocessor | undefined;
  #outstanding = 0;
  /** Off: frames go by, nothing is looked for. */
  #detecting = true;
  /** Set at this camera, for every label. */
  #threshold: number | null = null;
  #lastStamp: FrameStamp = { frame: 0, atMs: 0, monoMs: 0 };

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#client = new DetectorClient({
      cameraIndex: options.index,
      priority: options.priority,
      deadlineMs: options.deadlineMs,
      clock: options.clock,
      logger: options.logger,
      onReady: () => this.pump(),
      onAnswer: (frame, preparedMonoMs, response) => this.#answered(frame, preparedMonoMs, response),
      onLost: (frame) => {
        this.framesLost += 1;
        this.#giveBack(frame);
      },
      onLate: options.onLate,
    });
    this.#tracker = new Tracker({
      ...options.track,
      threshold: (label) => this.#thresholdOf(label),
      frameAspect: options.detect.width / options.detect.height,
    });
  }

  /** Nothing waits and nothing is in the detector's hands. */
  get idle(): boolean {
    return this.#outstanding === 0 && !this.#options.pool.hasWaiting;
  }

  /** Follows the detector from generation to generation. */
  detectorChanged({ generation, ready }: DetectorState): void {
    if (ready) {
      const { width, height } = this.#options.detect;
      this.#model = ready.model;
      this.#preprocessor = new Preprocessor(ready.model.input, width, height);
    }
    this.#client.use(generation, ready);
  }

  /**
   * Switches of this camera, taken up between two frames. Detection that is switched off ends its tracks; also where there are
   * none it is told that nobody looks any more.
   */
  turn({ detect, threshold }: Pick<CameraSwitches, 'detect' | 'threshold'>): void {
    this.#threshold = threshold;
    if (detect === this.#detecting) return;
    this.#detecting = detect;
    if (!detect && this.#lastStamp.frame > 0) this.#tellFrameless(this.#tracker.finish(), this.#lastStamp);
    this.pump();
  }

  /** `rate`: the share of detect.fps that is looked at; `regions` false: the whole frame only. Holds from the next frame. */
  setEffort(effort: Effort): void {
    this.effort = effort;
    this.pump();
  }

  /** Hands the waiting frame to the detector if it takes one; call after every completed frame. */
  pump(): void {
    if (!this.#detecting) return this.#letGo();
    if (this.#preprocessor === undefined || !this.#client.hasFreeSlot) return;
    const frame = this.#options.pool.take();
    if (frame === undefined) return;
    this.#preprocessor.run(frame.bytes);
    this.#outstanding += 1;
    this.#client.submit(this.#preprocessor.bytes, frame);
    this.#options.onRoom();
  }

  /** Ends tracks that no frame will end: the camera or the detector is away. */
  expire(monoMs: number, atMs: number): void {
    this.#tellEnded(this.#tracker.expire(monoMs), { ...this.#lastStamp, atMs, monoMs });
  }

  /** Ends all tracks: the stream is over. */
  finish(): void {
    this.#tellEnded(this.#tracker.finish(), this.#lastStamp);
  }

  close(): void {
    this.#client.close();
  }

  /** Nobody looks at the waiting frame. */
  #letGo(): void {
    const { pool, onRoom } = this.#options;
    const frame = pool.take();
    if (frame === undefined) return;
    pool.release(frame);
    onRoom();
  }

  #answered(frame: Frame, preparedMonoMs: number, response: DetectorResponse): void {
    // Asked for before detection was switched off.
    if (!this.#detecting) return this.#giveBack(frame);
    this.framesProcessed += 1;
    const stamp = { frame: frame.number, atMs: frame.atMs, monoMs: frame.monoMs };
    const { runStartMonoMs, runEndMonoMs } = response;
    const step = this.#tracker.step(this.#detectionsOf(response), stamp);
    this.#lastStamp = stamp;
    this.#options.snapshots?.look(frame, step.tracks, 'first');
    const { completeMonoMs } = frame;
    const stages = {
      prepareMs: preparedMonoMs - completeMonoMs,
      waitMs: runStartMonoMs - preparedMonoMs,
      inferMs: runEndMonoMs - runStartMonoMs,
      trackMs: this.#options.clock.monoMs() - runEndMonoMs,
    };
    this.#tell(step, { stamp, stages, completeMonoMs });
    this.#options.snapshots?.look(frame, step.tracks, 'better');
    this.#giveBack(frame);
    this.pump();
  }

  #giveBack(frame: Frame): void {
    this.#outstanding -= 1;
    this.#options.pool.release(frame);
  }

  #detectionsOf({ detections }: DetectorResponse): Detection[] {
    const model = this.#model;
    const preprocessor = this.#preprocessor;
    const list: Detection[] = [];
    if (model === undefined || preprocessor === undefined) return list;
    const { boxes } = detections;
    for (let index = 0; index < detections.count; index += 1) {
      const label = model.labels[detections.classes[index]!];
      if (label === undefined) continue;
      const at = index * 4;
      const corners = { x1: boxes[at]!, y1: boxes[at + 1]!, x2: boxes[at + 2]!, y2: boxes[at + 3]! };
      const box = preprocessor.boxInFrame(corners);
      list.push({ label, score: detections.scores[index]!, box });
    }
    return list;
  }

  #thresholdOf(label: string): number {
    const { thresholds, threshold } = this.#options.track;
    return (
      this.#threshold ?? thresholds[label] ?? threshold ?? this.#model?.thresholds[label] ?? THRESHOLD_DEFAULT
    );
  }

  #tellEnded(step: TrackStep, stamp: FrameStamp): void {
    if (step.ended.length > 0) this.#tellFrameless(step, stamp);
  }

  #tellFrameless(step: TrackStep, stamp: FrameStamp): void {
    const completeMonoMs = this.#options.clock.monoMs();
    this.#tell(step, { stamp, stages: NO_STAGES, completeMonoMs, frameless: true });
  }

  #tell(step: TrackStep, when: Omit<Observation, 'camera' | 'tracks' | 'ended'>): void {
    const { camera, snapshots, onObservation } = this.#options;
    const tracks = snapshots === undefined ? step.tracks : snapshots.name(step);
    onObservation({ ...when, camera, tracks, ended: step.ended });
  }
}
