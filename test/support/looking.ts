// The way of a frame from the picture to its tracks as a camera worker goes it, in this process and in the frame's own time: motion
// gate, regions, the bundled model, joined boxes, tracker. Without the detector process, so that a run is the same every time.
import { LookPlan } from '../../daemon/camera/look-plan.ts';
import { LumaPlane } from '../../daemon/camera/luma-plane.ts';
import { MotionDetector } from '../../daemon/camera/motion.ts';
import { RegionPlanner } from '../../daemon/camera/regions.ts';
import { type CropDetection, joinCrops } from '../../daemon/core/crops.ts';
import { Tracker, type TrackStep } from '../../daemon/core/tracker.ts';
import type { TrackOptions } from '../../daemon/core/types.ts';
import { SceneSight } from './scene-sight.ts';
import { TRACK_OPTIONS } from './tracks.ts';

export interface LookingOptions {
  readonly width: number;
  readonly height: number;
  /** Absent: every frame is looked at as a whole. */
  readonly gate?: { readonly regions: boolean; readonly fullLookS: number };
  readonly inferencesPerS: number;
  readonly track?: Partial<TrackOptions>;
}

export class Looking {
  inferences = 0;
  /** Frames with at least one inference. */
  looked = 0;
  readonly motion: MotionDetector;
  readonly #sight: SceneSight;
  readonly #plane: LumaPlane;
  readonly #planner: RegionPlanner;
  readonly #plan: LookPlan;
  readonly #tracker: Tracker;
  readonly #gated: boolean;
  readonly #scoreMin: number;

  private constructor(sight: SceneSight, options: LookingOptions) {
    const { width, height, gate, inferencesPerS, track } = options;
    const frame = { width, height };
    const { input } = sight.model;
    this.#sight = sight;
    this.#gated = gate !== undefined;
    this.#plane = new LumaPlane(frame);
    this.motion = new MotionDetector({ plane: this.#plane, sensitivity: 0.5, masks: {} });
    const { regions, fullLookS } = gate ?? { regions: false, fullLookS: 10 };
    this.#planner = new RegionPlanner({ frame, input, regions, inferencesPerS, fullLookS });
    this.#plan = new LookPlan(frame, input);
    const tracking = {
      ...TRACK_OPTIONS,
      threshold: (label: string) => sight.model.thresholds[label] ?? 0.7,
      frameAspect: width / height,
      ...track,
    };
    this.#scoreMin = tracking.scoreMin;
    this.#tracker = new Tracker(tracking);
  }

  /** Release it. */
  static async open(options: LookingOptions): Promise<Looking> {
    return new Looking(await SceneSight.open(options), options);
  }

  /** The tracks after this I420 frame. */
  async see(frame: Uint8Array, number: number, monoMs: number): Promise<TrackStep> {
    this.#plane.shrink(frame);
    this.motion.look(this.#plane.pixels, monoMs);
    const motion = this.#gated ? this.motion : undefined;
    const isWanted = this.#planner.needsLook(monoMs, this.#tracker.tracks, motion);
    if (!isWanted || !this.#planner.hasBudget) return this.#tracker.pass(monoMs);
    this.#planner.fill(this.#plan, monoMs);
    const found: CropDetection[] = [];
    for (const region of this.#plan.regions.slice(0, this.#plan.count)) {
      for (const detection of await this.#sight.look(frame, region)) {
        found.push({ ...detection, cut: this.#plan.cuts(region, detection.box) });
      }
    }
    this.inferences += this.#plan.count;
    this.looked += 1;
    const detections = this.#plan.isWhole ? found : joinCrops(found, this.#scoreMin);
    this.#planner.learn(this.#plan, detections);
    return this.#tracker.step(detections, { frame: number, atMs: monoMs, monoMs }, this.#plan);
  }

  async release(): Promise<void> {
    await this.#sight.release();
  }
}
