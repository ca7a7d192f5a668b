// The way of one camera's frames: waiting frame → needs it a look, and where (regions.ts) → a tensor for each crop → detector →
// boxes of the frame → tracker → pictures → observation. Keeps the detector busy with one request running and one waiting its
// turn, so that the next tensor is prepared while the current one runs; a frame is lent until its last answer. A frame that
// needs no look is let go, and told of now and then. Camera worker thread.
import type { CameraConfig, FramesConfig, TrackConfig } from '../config/types.ts';
import { joinCrops } from '../core/crops.ts';
import { type Effort, FULL_EFFORT, REGIONS_PER_FRAME } from '../core/effort.ts';
import type { CameraSwitches } from '../core/switches.ts';
import { Tracker, type TrackStep } from '../core/tracker.ts';
import type { ModelSpec, Observation, StageTimes } from '../core/types.ts';
import { type DetectorResponse, type DetectorState, SLOTS_PER_CAMERA } from '../detector/wire.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { DetectorClient } from './detector-client.ts';
import type { Frame, FramePool } from './frame-pool.ts';
import { type Crop, Look } from './look.ts';
import { Preprocessor, type Region } from './preprocess.ts';
import { type MotionSight, RegionPlanner } from './regions.ts';
import type { Snapshots } from './snapshots.ts';

/** Where neither the configuration nor the model names a threshold. */
const THRESHOLD_DEFAULT = 0.7;
const NO_STAGES: StageTimes = { prepareMs: 0, waitMs: 0, inferMs: 0, trackMs: 0 };

/** Where nothing needs a look, that is told so often. */
const STILL_TOLD_MS = 1000;

export interface PipelineOptions {
  readonly camera: string;
  readonly index: number;
  readonly priority: CameraConfig['priority'];
  readonly detect: FramesConfig;
  readonly track: TrackConfig;
  readonly regions: CameraConfig['regions'];
  /** A look at the whole frame after so many seconds in which nothing moved. */
  readonly fullLookS: number;
  readonly deadlineMs: number;
  readonly pool: FramePool;
  /** Of the frame completed last; absent: nobody watches for motion, and every frame is looked at. */
  readonly motion?: MotionSight;
  /** Frames wait: what a look finds is known before the next is planned, so that the same video comes to the same again. */
  readonly inOrder: boolean;
  /** Absent: no pictures are kept. */
  readonly snapshots?: Snapshots;
  /** The highest number of a track that a worker before this one told of; absent: there was none. */
  readonly lastTrack?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onObservation: (observation: Observation) => void;
  /** A waiting frame was taken: a paused source may go on. */
  readonly onRoom: () => void;
  readonly onLate: (generation: number, ageMs: number) => void;
}

/** What an observation says of its frame. */
type Told = Omit<Observation, 'camera' | 'tracks' | 'ended' | 'motion'>;

/** What belongs to one model. */
interface ModelStage {
  readonly model: ModelSpec;
  readonly preprocessor: Preprocessor;
  readonly planner: RegionPlanner;
  /** One for each slot. */
  readonly looks: readonly Look[];
}

export class Pipeline {
  framesProcessed = 0;
  framesStill = 0;
  inferences = 0;
  /** Frames that were in the detector's hands when it died, or passed over. */
  framesLost = 0;
  readonly #options: PipelineOptions;
  readonly #client: DetectorClient<Crop>;
  readonly #tracker: Tracker;
  #stage: ModelStage | undefined;
  /** A look of which not everything is sent. */
  #sending: Look | undefined;
  #outstanding = 0;
  /** Off: frames go by, nothing is looked for. */
  #detecting = true;
  /** Set at this camera, for every label. */
  #threshold: number | null = null;
  #effort: Effort = FULL_EFFORT;
  /** Looks that the rate allows; a frame adds its share once. */
  #allowance = 0;
  #allowedFrame = 0;
  /** Of the last observation; frame 0: there was none. */
  #told: Told = { stamp: { frame: 0, atMs: 0, monoMs: 0 }, stages: NO_STAGES };
  #toldMotion: boolean | undefined;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#client = new DetectorClient<Crop>({
      cameraIndex: options.index,
      priority: options.priority,
      deadlineMs: options.deadlineMs,
      clock: options.clock,
      logger: options.logger,
      onReady: () => this.pump(),
      onAnswer: (crop, preparedMonoMs, response) => this.#answered(crop, preparedMonoMs, response),
      onLost: (crop) => this.#lose(crop.look),
      onRefused: (crop) => {
        this.#lose(crop.look);
        // The next frame may wait already, from a source that brings no other before it is taken.
        this.pump();
      },
      onLate: options.onLate,
    });
    const trackOptions = {
      ...options.track,
      threshold: (label: string) => this.#thresholdOf(label),
      frameAspect: options.detect.width / options.detect.height,
    };
    this.#tracker = new Tracker(trackOptions, options.lastTrack);
  }

  /** Nothing waits and nothing is in the detector's hands. */
  get idle(): boolean {
    return this.#outstanding === 0 && !this.#options.pool.hasWaiting;
  }

  /** Follows the detector from generation to generation. */
  detectorChanged({ generation, ready }: DetectorState): void {
    this.#client.use(generation, ready);
    if (ready === undefined) return;
    // What was begun belongs to the model of the last one.
    this.#abandon();
    this.#stage = this.#stageOf(ready.model);
  }

  /**
   * Switches of this camera, taken up between two frames. Detection that is switched off ends its tracks; also where there are
   * none it is told that nobody looks any more.
   */
  turn({ detect, threshold }: Pick<CameraSwitches, 'detect' | 'threshold'>): void {
    this.#threshold = threshold;
    if (detect === this.#detecting) return;
    this.#detecting = detect;
    if (!detect) this.#abandon();
    if (!detect && this.#told.stamp.frame > 0) this.#tellFrameless(this.#tracker.finish());
    this.pump();
  }

  /** How much it may ask of the detector from now on. */
  setEffort(effort: Effort): void {
    this.#effort = effort;
    if (this.#stage !== undefined) this.#stage.planner.regionsAllowed = effort.regions;
  }

  /** Hands the waiting frame to the detector if it needs a look; call after every completed frame. */
  pump(): void {
    if (!this.#detecting) return this.#letGo();
    const stage = this.#stage;
    if (stage === undefined) return;
    for (;;) {
      const look = this.#sending ?? this.#begin(stage);
      if (look === undefined || !this.#client.hasFreeSlot) return;
      this.#send(stage, look);
    }
  }

  /** Ends tracks that no frame will end: the camera or the detector is away. */
  expire(): void {
    this.#tellEnded(this.#tracker.expire(this.#options.clock.monoMs()));
  }

  /** Ends all tracks: the stream is over. */
  finish(): void {
    this.#tellEnded(this.#tracker.finish());
  }

  close(): void {
    this.#client.close();
  }

  #stageOf(model: ModelSpec): ModelStage {
    const { detect, regions, fullLookS } = this.#options;
    const planner = new RegionPlanner({
      frame: detect,
      input: model.input,
      regions: regions.enabled,
      inferencesPerS: regions.perS ?? REGIONS_PER_FRAME * detect.fps,
      fullLookS,
    });
    planner.regionsAllowed = this.#effort.regions;
    return {
      model,
      preprocessor: new Preprocessor(model.input, detect.width, detect.height),
      planner,
      looks: Array.from({ length: SLOTS_PER_CAMERA }, () => new Look(detect, model.input)),
    };
  }

  /** Takes the waiting frame: to be let go, or for the look that is returned. Undefined as well where it has to wait. */
  #begin({ planner, looks }: ModelStage): Look | undefined {
    const { pool, motion, inOrder } = this.#options;
    const { waiting } = pool;
    if (waiting === undefined) return undefined;
    const { monoMs } = waiting;
    // Without motion to go by, no look depends on another.
    if (inOrder && motion !== undefined && this.#outstanding > 0) return undefined;
    if (!planner.needsLook(monoMs, this.#tracker.tracks, motion)) {
      this.#passOver(waiting);
      return undefined;
    }
    if (!planner.hasBudget || !this.#isAllowed(waiting.number)) {
      this.framesLost += 1;
      this.#letGo();
      return undefined;
    }
    const look = looks.find(({ frame }) => frame === undefined);
    if (look === undefined || !this.#client.hasFreeSlot) return undefined;
    planner.fill(look.plan, monoMs);
    look.begin(pool.take()!);
    this.#allowance -= 1;
    this.#outstanding += 1;
    this.#sending = look;
    return look;
  }

  #send({ preprocessor }: ModelStage, look: Look): void {
    const { frame, next } = look;
    if (frame === undefined || next === undefined) return;
    // No crop of another look comes between those of one.
    if (look.isFirst(next)) preprocessor.take(frame.bytes);
    preprocessor.write(next.region);
    look.sent();
    if (look.next === undefined) this.#sending = undefined;
    this.#client.submit(preprocessor.bytes, next);
    // Last: a source that was paused may complete its next frame at once.
    if (look.isFirst(next)) this.#options.onRoom();
  }

  /** Whether the rate allows a look at this frame. */
  #isAllowed(frame: number): boolean {
    if (frame !== this.#allowedFrame) this.#allowance = Math.min(1, this.#allowance + this.#effort.rate);
    this.#allowedFrame = frame;
    return this.#allowance > 1 - 1e-6;
  }

  /** Nobody looks at the waiting frame. */
  #letGo(): void {
    const { pool, onRoom } = this.#options;
    const frame = pool.take();
    if (frame === undefined) return;
    pool.release(frame);
    onRoom();
  }

  /** The waiting frame shows nothing that needs a look. */
  #passOver({ number, atMs, monoMs, completeMonoMs }: Frame): void {
    this.#letGo();
    this.framesProcessed += 1;
    this.framesStill += 1;
    const isNews = this.#moves !== this.#toldMotion || monoMs - this.#told.stamp.monoMs >= STILL_TOLD_MS;
    // Not before an older frame whose answers are not there yet.
    if (!isNews || this.#outstanding > 0) return;
    const stamp = { frame: number, atMs, monoMs };
    this.#tell(this.#tracker.pass(monoMs), { stamp, stages: NO_STAGES, completeMonoMs });
  }

  #answered({ look, region }: Crop, preparedMonoMs: number, response: DetectorResponse): void {
    this.inferences += 1;
    const { runStartMonoMs, runEndMonoMs } = response;
    look.answered(preparedMonoMs, runStartMonoMs, runEndMonoMs);
    if (!look.abandoned) this.#keep(look, region, response);
    this.#settle(look);
    this.pump();
  }

  #lose(look: Look): void {
    look.lost();
    this.#settle(look);
  }

  /** What was begun will not be waited for. */
  #abandon(): void {
    for (const look of this.#stage?.looks ?? []) {
      if (look.frame === undefined) continue;
      look.abandoned = true;
      this.#settle(look);
    }
  }

  /** A look may be over: then its frame is given back, after it was told what was found. */
  #settle(look: Look): void {
    const { frame } = look;
    if (look.abandoned && this.#sending === look) this.#sending = undefined;
    if (frame === undefined || !look.isOver) return;
    if (!look.abandoned) this.#complete(look, frame);
    else if (this.#detecting) this.framesLost += 1;
    look.frame = undefined;
    this.#outstanding -= 1;
    this.#options.pool.release(frame);
  }

  #complete(look: Look, frame: Frame): void {
    const { plan, found } = look;
    this.framesProcessed += 1;
    const { number, atMs, monoMs, completeMonoMs } = frame;
    const stamp = { frame: number, atMs, monoMs };
    const detections = plan.isWhole ? found : joinCrops(found, this.#options.track.scoreMin);
    this.#stage?.planner.learn(plan, detections);
    const step = this.#tracker.step(detections, stamp, plan);
    this.#options.snapshots?.look(frame, step.tracks, 'first');
    const stages = look.stages(completeMonoMs, this.#options.clock.monoMs());
    this.#tell(step, { stamp, stages, completeMonoMs });
    this.#options.snapshots?.look(frame, step.tracks, 'better');
  }

  /** Puts what one crop showed to what its look has found. */
  #keep({ found, plan }: Look, region: Region, { detections }: DetectorResponse): void {
    if (this.#stage === undefined) return;
    const { model, preprocessor } = this.#stage;
    const { boxes } = detections;
    for (let index = 0; index < detections.count; index += 1) {
      const label = model.labels[detections.classes[index]!];
      if (label === undefined) continue;
      const at = index * 4;
      const corners = { x1: boxes[at]!, y1: boxes[at + 1]!, x2: boxes[at + 2]!, y2: boxes[at + 3]! };
      const box = preprocessor.boxInFrame(corners, region);
      found.push({ label, score: detections.scores[index]!, box, cut: plan.cuts(region, box) });
    }
  }

  /** Something moves; undefined where nobody watches for that. */
  get #moves(): boolean | undefined {
    const { motion } = this.#options;
    return motion === undefined ? undefined : motion.state === 'moving';
  }

  #thresholdOf(label: string): number {
    const { thresholds, threshold } = this.#options.track;
    return (
      this.#threshold ??
      thresholds[label] ??
      threshold ??
      this.#stage?.model.thresholds[label] ??
      THRESHOLD_DEFAULT
    );
  }

  #tellEnded(step: TrackStep): void {
    if (step.ended.length > 0) this.#tellFrameless(step);
  }

  /** It is now; in a video with a time of its own, which stands still without frames, it is when the last one was. */
  #tellFrameless(step: TrackStep): void {
    const { clock, inOrder } = this.#options;
    const last = this.#told;
    const now = { atMs: clock.nowMs(), monoMs: clock.monoMs() };
    const when = inOrder ? last : { stamp: { ...last.stamp, ...now }, completeMonoMs: now.monoMs };
    this.#tell(step, { ...when, stages: NO_STAGES, frameless: true });
  }

  #tell(step: TrackStep, when: Told): void {
    const { camera, snapshots, onObservation } = this.#options;
    const tracks = snapshots === undefined ? step.tracks : snapshots.name(step);
    const moves = this.#moves;
    this.#told = when;
    this.#toldMotion = moves;
    const motion = moves === undefined ? undefined : { motion: moves };
    onObservation({ ...when, ...motion, camera, tracks, ended: step.ended });
  }
}
