// What a replay saw, frame by frame, kept until it is drawn into the video: a few hundred bytes a frame, no pixels.
import type { Overlay, OverlayRule, OverlayTrack } from '../camera/overlay.ts';
import type { Config } from '../config/types.ts';
import { decisionScene } from '../core/configured.ts';
import { anchorOf } from '../core/geometry.ts';
import type { Places, Rule } from '../core/rule-types.ts';
import type { Point } from '../core/types.ts';
import { clockOf } from './replay-format.ts';
import type { ReplayStep } from './replay-run.ts';

/** A rule is shown as fired for so long. */
const FIRED_MS = 2000;
/** A trail goes back so far. */
const TRAIL_MS = 8000;

interface Recorded {
  readonly videoMs: number;
  readonly tracks: readonly Omit<OverlayTrack, 'trail'>[];
  /** Rules that fired, and the texts of their alerts. */
  readonly fired: readonly { readonly rule: string; readonly message: string }[];
}

interface Fired {
  count: number;
  videoMs: number;
  message: string;
}

export class Recording {
  readonly #camera: string;
  readonly #places: Places;
  readonly #rules: readonly Rule[];
  readonly #frames = new Map<number, Recorded>();
  /** As far as the frames have been drawn. */
  readonly #trails = new Map<number, { readonly videoMs: number; readonly point: Point }[]>();
  readonly #fired = new Map<string, Fired>();

  constructor(config: Config, camera: string) {
    const { rules, places } = decisionScene(config);
    this.#camera = camera;
    this.#places = places.get(camera) ?? { zones: [], lines: [] };
    this.#rules = rules.filter(({ cameras }) => cameras === undefined || cameras.includes(camera));
  }

  /** The end of the video is told with the number of its last frame: what fires then belongs to that one. */
  take({ frame, videoMs, decision, sightings }: ReplayStep): void {
    const before = this.#frames.get(frame);
    const fired = decision.alerts.map(({ rule, message }) => ({ rule, message }));
    if (before !== undefined) {
      this.#frames.set(frame, { ...before, fired: [...before.fired, ...fired] });
      return;
    }
    const tracks = sightings.map(({ track, zones }) => {
      const { id, label, score, box, confirmed, stationary } = track;
      return { id, label, score, box, confirmed, stationary, zones: [...zones] };
    });
    this.#frames.set(frame, { videoMs, tracks, fired });
  }

  /** What belongs onto a frame. Ask for the frames in their order; undefined where the detector saw none. */
  overlayOf(frame: number): Overlay | undefined {
    const recorded = this.#frames.get(frame);
    if (recorded === undefined) return undefined;
    const { videoMs, tracks, fired } = recorded;
    for (const { rule, message } of fired) {
      const count = (this.#fired.get(rule)?.count ?? 0) + 1;
      this.#fired.set(rule, { count, videoMs, message });
    }
    return {
      title: `${this.#camera} ${clockOf(videoMs).trim()}`,
      places: this.#places,
      tracks: tracks.map((track) => ({ ...track, trail: this.#trailOf(track, videoMs) })),
      rules: this.#rules.map((rule) => this.#stateOf(rule, videoMs)),
    };
  }

  #trailOf({ id, box, score }: Recorded['tracks'][number], videoMs: number): Point[] {
    const trail = this.#trails.get(id) ?? [];
    if (score > 0) trail.push({ videoMs, point: anchorOf(box, 'bottom') });
    while (trail.length > 0 && videoMs - trail[0]!.videoMs > TRAIL_MS) trail.shift();
    this.#trails.set(id, trail);
    return trail.map(({ point }) => point);
  }

  #stateOf({ name, cooldownS }: Rule, videoMs: number): OverlayRule {
    const fired = this.#fired.get(name);
    if (fired === undefined) return { text: `${name}: -`, fired: false };
    const agoMs = videoMs - fired.videoMs;
    if (agoMs < FIRED_MS) return { text: `${name}: ${fired.count} > ${fired.message}`, fired: true };
    const restS = Math.ceil(cooldownS - agoMs / 1000);
    return { text: `${name}: ${fired.count}${restS > 0 ? `, quiet ${restS} s` : ''}`, fired: false };
  }
}
