// The state topics of the cameras: status, counts per label and zone, motion. Puts what core's presence tells into the
// retained tree, which publishes it and keeps it true over reconnects; nothing of it goes through the outbox. Owns one
// Presence for the daemon's life and the timer with which it notices that things have come to rest. Main thread.
import { sanitise } from '../core/names.ts';
import {
  type Count,
  type Movement,
  Presence,
  type PresenceChange,
  publishedLabels,
} from '../core/presence.ts';
import type { Places, Rule } from '../core/rule-types.ts';
import type { CameraStatus, Observation } from '../core/types.ts';
import type { Sighting } from '../core/whereabouts.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Part } from '../platform/part.ts';
import { isoTime, PAYLOAD_VERSION, roundScore } from './payloads.ts';
import type { RetainedTree } from './retained.ts';
import type { SeenLabels } from './seen-labels.ts';
import { cameraStatusPath, labelOfPath, labelPath, motionPath, zoneLabelPath } from './topics.ts';

const SETTLE_MS = 1000;

/** The configuration in the words of these topics. */
export interface StateScene {
  readonly cameras: Readonly<Record<string, unknown>>;
  /** By camera name. */
  readonly places: ReadonlyMap<string, Places>;
  readonly rules: readonly Rule[];
}

export interface StateTopicsOptions {
  readonly retained: RetainedTree;
  /** Absent: what was seen is forgotten with a restart. */
  readonly seen?: SeenLabels;
  readonly clock: Clock;
  /** Who else tells of counts and motion. */
  readonly onChanges?: (changes: readonly PresenceChange[]) => void;
}

export class StateTopics implements Part {
  readonly name = 'state topics';
  readonly #presence = new Presence();
  readonly #options: StateTopicsOptions;
  #scene: StateScene | undefined;
  /** Undefined until a model is ready. */
  #modelLabels: readonly string[] | undefined;
  /** Those an earlier life has told of each camera. */
  readonly #labelsBefore = new Map<string, Set<string>>();
  #timer: Timer | undefined;

  constructor(options: StateTopicsOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#timer = this.#options.clock.every(SETTLE_MS, () =>
      this.#take(this.#presence.settle(this.#moment())),
    );
  }

  async stop(): Promise<void> {
    this.#timer?.stop();
  }

  /** Takes up cameras, zones and rules, the first or others: what is gone is cleared, what is new is zero. */
  arrange(scene: StateScene): void {
    this.#scene = scene;
    const cameras = Object.keys(scene.cameras);
    const labels = this.#labels(scene.rules, cameras);
    const ownLabels = new Map(cameras.map((camera) => [camera, this.#seenBefore(camera)]));
    const { places } = scene;
    const changes = this.#presence.rearrange({ cameras, places, labels, ownLabels }, this.#moment());
    this.#options.seen?.forgetOthers(cameras);
    this.#take(changes);
  }

  /**
   * Paths that an earlier life has published. Labels that hang on the model stay what they were until it is ready: nothing
   * is to go and come back with every start, and a detector may be down for long. `seenNoted`: which of them were seen is noted.
   */
  recall(paths: readonly string[], { seenNoted = true } = {}): void {
    for (const path of paths) {
      const told = labelOfPath(path);
      if (told === undefined) continue;
      const labels = this.#labelsBefore.get(told.camera) ?? new Set();
      this.#labelsBefore.set(told.camera, labels.add(told.label));
    }
    const scene = this.#scene;
    if (scene === undefined) return;
    if (!seenNoted) this.#noteSeen(scene);
    this.arrange(scene);
  }

  /** Labels without a rule of their own have topics as soon as the model is known; those it cannot see have none any more. */
  takeModel(labels: readonly string[]): void {
    this.#modelLabels = labels;
    this.#options.seen?.forgetUnknown(labels);
    if (this.#scene !== undefined) this.arrange(this.#scene);
  }

  observe(observation: Observation, sightings: readonly Sighting[]): void {
    this.#take(this.#presence.observe(observation, sightings));
  }

  cameraStatus(camera: string, status: CameraStatus): void {
    this.#options.retained.set(cameraStatusPath(camera), status);
    this.#take(this.#presence.cameraStatus(camera, status, this.#moment()));
  }

  /** How a live object moves; undefined when it is not there. */
  movementOf(camera: string, track: number): Movement | undefined {
    return this.#presence.movementOf(camera, track);
  }

  #labels(rules: readonly Rule[], cameras: readonly string[]): string[] {
    if (this.#modelLabels !== undefined) return publishedLabels(rules, this.#modelLabels);
    const named = publishedLabels(rules, []);
    // One by one: the earlier model had as many labels as are told, and those seen besides come on top.
    const before = this.#common(cameras).flatMap((label) => publishedLabels(rules, [label]));
    return [...new Set([...named, ...before])].sort();
  }

  /** Labels that this camera alone has besides, as the model reads them as soon as that is known. */
  #seenBefore(camera: string): string[] {
    const seen = this.#options.seen?.of(camera) ?? [];
    if (this.#modelLabels === undefined) return seen;
    return this.#modelLabels.filter((label) => seen.includes(sanitise(label)));
  }

  /** A version that kept no notes: what the rules do not account for was told because it was seen. */
  #noteSeen({ rules, cameras }: StateScene): void {
    const names = Object.keys(cameras);
    const shared = new Set(this.#labels(rules, names).map(sanitise));
    for (const camera of names) {
      for (const label of this.#labelsBefore.get(sanitise(camera)) ?? []) {
        if (!shared.has(label)) this.#options.seen?.see(camera, label);
      }
    }
  }

  /** Labels told before of all cameras of which any were: others had been seen by one camera alone. */
  #common(cameras: readonly string[]): string[] {
    const told = cameras.flatMap((camera) => this.#labelsBefore.get(sanitise(camera)) ?? []);
    const [first, ...others] = told;
    return [...(first ?? [])].filter((label) => others.every((labels) => labels.has(label)));
  }

  #moment(): { atMs: number; monoMs: number } {
    const { clock } = this.#options;
    return { atMs: clock.nowMs(), monoMs: clock.monoMs() };
  }

  #take(changes: readonly PresenceChange[]): void {
    const { retained, seen, onChanges } = this.#options;
    for (const change of changes) {
      if (change.kind === 'motion') {
        const path = motionPath(change.camera);
        if (change.state === undefined) retained.clear(path);
        else retained.set(path, change.state ? 'ON' : 'OFF', 0);
      } else {
        const { camera, zone, label, state } = change;
        if (zone === undefined && state !== undefined && state.count > 0) seen?.see(camera, label);
        const path = zone === undefined ? labelPath(camera, label) : zoneLabelPath(camera, zone, label);
        if (state === undefined) retained.clear(path);
        else retained.set(path, countPayload(state));
      }
    }
    if (changes.length > 0) onChanges?.(changes);
  }
}

/** JSON of a count. */
export function countPayload({ count, active, scoreMax, atMs }: Count): string {
  return JSON.stringify({
    v: PAYLOAD_VERSION,
    count,
    active,
    scoreMax: roundScore(scoreMax),
    at: isoTime(atMs),
  });
}
