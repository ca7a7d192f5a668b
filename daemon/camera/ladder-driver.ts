// Drives the ladder: every second reads the board's sensors and the cameras' counters, asks core/ladder.ts, and when it says so
// tells the cameras how much work they may make and the detector which model to run. Each step is a line in the log and in
// `health`. Main thread.
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/types.ts';
import { decisionScene } from '../core/configured.ts';
import { DetectorLoad, type DetectorShares, type FrameCounts } from '../core/detector-load.ts';
import type { Effort } from '../core/effort.ts';
import { Ladder, type LadderStep, type Strain } from '../core/ladder.ts';
import { classOf, type LadderMeans, LadderPlan, type LadderState } from '../core/ladder-rungs.ts';
import type { ModelSpec, Observation } from '../core/types.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { type ErrorCode, reasonOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { Part } from '../platform/part.ts';
import { flagsNow, type Throttling } from '../platform/power.ts';
import type { SystemRoots } from '../platform/system-files.ts';
import { thermalZones } from '../platform/temperature.ts';
import { ZOOM_MIN } from './regions.ts';

export interface LadderOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly roots?: SystemRoots;
  readonly board: { state(): { readonly throttling?: Throttling } };
  readonly cameras: {
    readonly list: readonly { readonly camera: string; state(): FrameCounts }[];
    setEffort(camera: string, effort: Effort): void;
  };
  /** The lighter model is wanted, or not any more: see `LadderDriver.usesLighterModel`. */
  readonly onModel: () => void;
  /** Reads and verifies a model; rejects with the reason. */
  readonly loadModel: (model: string) => Promise<ReadModel>;
}

const LOOK_MS = 1000;
/** What is known before the models have been read: regions may make sense, a lighter model does not count. */
const UNREAD: Models = { inputWidth: 0, withoutLighter: 'detector.lighter names no model', modelRatio: 1 };
const LIGHTER_CODE: ErrorCode = 'CONFIG_INVALID';
const OTHER_LABELS = 'its labels are not those of detector.model';

/** What the ladder has to know of the models. */
interface Models extends Lighter {
  /** Of the full model, pixels. */
  readonly inputWidth: number;
}

/** What it has to know of the lighter one, see `LadderMeans`. */
type Lighter = Pick<LadderMeans, 'withoutLighter' | 'modelRatio'>;
/** What is read of a model. */
type ReadModel = Pick<ModelSpec, 'labels' | 'input'>;

export class LadderDriver implements Part {
  readonly name = 'ladder';
  readonly #options: LadderOptions;
  readonly #logger: Logger;
  readonly #load = new DetectorLoad();
  readonly #ladder: Ladder;
  #config: Config;
  #models: Models = UNREAD;
  #plan: LadderPlan;
  /** One reading after the other. */
  #reading = Promise.resolve();
  #timer: Timer | undefined;
  #isDetectorReady = false;
  #strain: Strain = { flags: [], loadRatioAbove: 1 };
  #reason: string | undefined;
  #sinceMonoMs: number;

  constructor(options: LadderOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ part: 'ladder' });
    this.#config = options.config;
    this.#plan = planOf(options.config, UNREAD);
    this.#ladder = new Ladder(options.config.ladder, this.#plan.of);
    this.#sinceMonoMs = options.clock.monoMs();
  }

  /** Whether `detector.lighter` is to run. */
  get usesLighterModel(): boolean {
    return this.#plan.usesLighterModel(this.#ladder.rung);
  }

  async start(): Promise<void> {
    this.#timer = this.#options.clock.every(LOOK_MS, () => this.#look());
    this.#readModels();
  }

  async stop(): Promise<void> {
    this.#timer?.stop();
  }

  /** Another configuration: what was given up stays given up as far as there are rungs for it. */
  arrange(config: Config): void {
    const { model, lighter } = this.#config.detector;
    const isOther = config.detector.model !== model || config.detector.lighter !== lighter;
    this.#config = config;
    // One that was missing may have been installed.
    const isMissing = lighter !== undefined && this.#models.withoutLighter !== undefined;
    if (isOther) this.#models = UNREAD;
    this.#rearrange();
    if (isOther || isMissing) this.#readModels();
  }

  /** What the detector worked for this frame counts as its time. */
  observed({ stages }: Observation): void {
    this.#load.ran(stages.inferMs);
  }

  /** While it is away nothing is known of it. */
  detectorIs(state: 'starting' | 'ready' | 'down'): void {
    this.#isDetectorReady = state === 'ready';
    this.#load.restart();
    // It has read a model that could not be read before.
    if (state === 'ready') this.#readModels((models) => models.inputWidth === 0);
  }

  /** Undefined where there is no ladder. */
  state(): LadderState | undefined {
    if (!this.#config.ladder.enabled) return undefined;
    const { hottest, detector } = this.#strain;
    const { rung } = this.#ladder;
    const plan = this.#plan;
    return {
      rung,
      of: plan.of,
      step: plan.stepAt(rung),
      ...(this.#reason === undefined ? {} : { reason: this.#reason }),
      sinceS: Math.round((this.#options.clock.monoMs() - this.#sinceMonoMs) / 1000),
      ...(hottest === undefined ? {} : { hottestC: hottest.celsius }),
      ...(detector === undefined ? {} : sharesOf(detector)),
      cameras: Object.fromEntries(
        plan.cameras.map((camera) => [camera.name, { class: camera.class, ...plan.effortOf(camera, rung) }]),
      ),
      skipped: plan.skipped,
    };
  }

  #look(): void {
    const { clock } = this.#options;
    const monoMs = clock.monoMs();
    this.#strain = this.#measure(monoMs);
    const wasLighter = this.usesLighterModel;
    const step = this.#ladder.look(this.#strain, monoMs);
    if (step === undefined) return;
    this.#reason = step.reason;
    this.#sinceMonoMs = monoMs;
    this.#tell(step);
    this.#apply(wasLighter);
  }

  #measure(monoMs: number): Strain {
    const { roots, board } = this.#options;
    const zones = thermalZones(roots).toSorted((one, other) => other.celsius - one.celsius);
    const { rung } = this.#ladder;
    return {
      hottest: zones[0] && { zone: zones[0].name, celsius: zones[0].celsius },
      // Of what the files do not speak: what the board watch was told within the last minute.
      flags: flagsNow(roots, board.state().throttling?.now),
      detector: this.#isDetectorReady ? this.#shares(monoMs) : undefined,
      loadRatioAbove: rung === 0 ? 1 : this.#plan.loadRatioAbove(rung),
    };
  }

  /** Of the cameras that the ladder can slow down. */
  #shares(monoMs: number): DetectorShares | undefined {
    const names = new Set(this.#plan.cameras.map(({ name }) => name));
    const counted = this.#options.cameras.list.filter(({ camera }) => names.has(camera));
    const counts = new Map(counted.map((camera) => [camera.camera, camera.state()]));
    return this.#load.look(counts, monoMs, this.#config.ladder.downAfterS * 1000);
  }

  #tell({ from, to, cause, reason }: LadderStep): void {
    const { of } = this.#plan;
    const fields = { rung: to, of, ...(cause === undefined ? {} : { cause }) };
    const text = `${to > from ? 'down' : 'up'} to rung ${to} of ${of} (${this.#plan.stepAt(to)}): ${reason}`;
    if (to > from) this.#logger.warn(fields, text);
    else this.#logger.info(fields, text);
  }

  #rearrange(): void {
    const wasLighter = this.usesLighterModel;
    const before = this.#plan;
    this.#plan = planOf(this.#config, this.#models);
    const rung = this.#plan.rungAfter(before, this.#ladder.rung);
    this.#ladder.rearrange(this.#config.ladder, this.#plan.of, rung);
    this.#apply(wasLighter);
  }

  /** A lighter model that cannot be run must not be found out when the board is at its end: it is read now. */
  #readModels(isWanted: (models: Models) => boolean = () => true): void {
    this.#reading = this.#reading.then(() => {
      return isWanted(this.#models) ? this.#readModelsOf(this.#config) : undefined;
    });
  }

  async #readModelsOf({ detector }: Config): Promise<void> {
    const { loadModel } = this.#options;
    // One that cannot be read is the detector's business.
    const full = await loadModel(detector.model).catch(() => undefined);
    let beside: Lighter = UNREAD;
    if (detector.lighter !== undefined && full !== undefined) {
      beside = await loadModel(detector.lighter).then(
        (light) => besideFull(light, full),
        (error: unknown) => ({ ...UNREAD, withoutLighter: reasonOf(error) }),
      );
      if (beside.withoutLighter !== undefined)
        this.#logger.warn(
          { code: LIGHTER_CODE },
          `detector.lighter: ${beside.withoutLighter}; that rung is left out`,
        );
    }
    // Another configuration may have come meanwhile: then it is read next.
    const { model, lighter } = this.#config.detector;
    if (model !== detector.model || lighter !== detector.lighter) return;
    this.#models = { ...beside, inputWidth: full?.input.width ?? 0 };
    this.#rearrange();
  }

  #apply(wasLighter: boolean): void {
    const plan = this.#plan;
    for (const camera of plan.cameras)
      this.#options.cameras.setEffort(camera.name, plan.effortOf(camera, this.#ladder.rung));
    this.#load.restart();
    if (this.usesLighterModel !== wasLighter) this.#options.onModel();
  }
}

/**
 * Work is reckoned by pixels. That is rather too much (2.9 for the bundled two, 2.5 by the times in
 * models/vedette-nano-224/CARD.md): a step up that is made too early exchanges the detector process twice.
 */
function besideFull(light: ReadModel, full: ReadModel): Lighter {
  if (!isDeepStrictEqual(light.labels, full.labels)) return { ...UNREAD, withoutLighter: OTHER_LABELS };
  const pixels = ({ input }: ReadModel): number => input.width * input.height;
  return { withoutLighter: undefined, modelRatio: Math.max(1, pixels(full) / pixels(light)) };
}

/** Where a video is played as fast as it can be looked at, nothing is lost and nothing is to be slowed down. */
function planOf({ cameras, rules, ladder }: Config, { inputWidth, ...lighter }: Models): LadderPlan {
  const scene = decisionScene({ cameras, rules });
  const live = Object.entries(cameras).filter(
    ([, { source }]) => !('pace' in source) || source.pace === 'realtime',
  );
  return new LadderPlan(
    live.map(([name, { priority, detect, regions, motion }]) => ({
      name,
      class: classOf(name, priority, scene),
      fps: detect.fps,
      regions: regions.enabled && motion.enabled && detect.width >= ZOOM_MIN * inputWidth,
    })),
    { enabled: ladder.enabled, ...lighter },
  );
}

function sharesOf({ busyShare, worst }: DetectorShares): { busyShare: number; lostShare: number } {
  const rounded = (share: number): number => Math.round(share * 100) / 100;
  return { busyShare: rounded(busyShare), lostShare: rounded(worst?.lostShare ?? 0) };
}
