// Who is there now: from observations to counts per camera and label, per zone and label, and to motion. Tells changes
// only, so that whoever publishes them repeats nothing; a score that trembles is told rarely, a count at once. Pure: the
// times are those of the observations or are passed in. Main thread. Not for: events and alerts (events.ts, rules.ts).
import { sees } from './camera-status.ts';
import { sanitise } from './names.ts';
import type { Places, Rule } from './rule-types.ts';
import { isSameTrack } from './track-identity.ts';
import type { CameraStatus, Moment, Observation, TrackView } from './types.ts';
import type { Sighting } from './whereabouts.ts';

/**
 * An object moves while it has moved a step within this time, unless its tracker holds it for stationary; a camera has
 * motion as long after the last step of an object, or after anything else moved in its picture.
 */
export const QUIET_MS = 5000;
/** A step, as a fraction of the mean of width and height of the box: boxes of a thing that stands tremble by less. */
export const STEP_FRACTION = 0.15;
/** A score alone is told when it differs by this much from what was told, */
export const SCORE_STEP = 0.05;
/** and at most this often. */
export const SCORE_INTERVAL_MS_MIN = 1000;
/** Labels told from the start where no rule names them. */
export const PUBLISHED_LABELS_MAX = 16;
/** Labels of one camera, those seen later included; what goes beyond is not counted. */
export const LABELS_MAX = 128;

export interface Count {
  /** Confirmed objects there now; one that is not seen for a moment counts until its track ends. */
  readonly count: number;
  /** Those of them that move. */
  readonly active: number;
  /** Best median score of them, 0 when there is none. */
  readonly scoreMax: number;
  /** When this became so. */
  readonly atMs: number;
}

/** What is so now. `state` undefined: the camera, zone or label is not there any more. `label` is a name for topics. */
export type PresenceChange =
  | {
      readonly kind: 'count';
      readonly camera: string;
      /** Absent: the whole camera. */
      readonly zone?: string;
      readonly label: string;
      /** The label as people read it. Absent: like its name for topics, or not known yet. */
      readonly title?: string;
      readonly state: Count | undefined;
    }
  | { readonly kind: 'motion'; readonly camera: string; readonly state: boolean | undefined };

/** What is looked at: the configuration in the words of this file. */
export interface PresenceScene {
  readonly cameras: readonly string[];
  /** By camera name. */
  readonly places: ReadonlyMap<string, Places>;
  /** Labels that are told from the start, see `publishedLabels`; a name for topics where nothing more is known. */
  readonly labels: readonly string[];
  /** Those of one camera alone, by its name: what it has seen in an earlier life. */
  readonly ownLabels?: ReadonlyMap<string, readonly string[]>;
}

/** How an object has moved, for whoever tells its event. */
export interface Movement {
  readonly active: boolean;
  /** Score of the last frame in which it was seen. */
  readonly score: number;
  /** Observations since its last step. */
  readonly still: number;
  /** How often it began to move. */
  readonly starts: number;
}

interface Tracked {
  readonly label: string;
  view: TrackView;
  zones: readonly string[];
  score: number;
  /** Centre of the box at the last step. */
  x: number;
  y: number;
  steppedMonoMs: number;
  still: number;
  starts: number;
}

/** A label in a zone, or in the whole camera. */
interface Place {
  readonly zone: string | undefined;
  readonly label: string;
  title: string;
  count: number;
  active: number;
  scoreMax: number;
  told: (Omit<Count, 'atMs'> & { readonly monoMs: number }) | undefined;
}

/** The whole camera, or one of its zones. */
interface Area {
  readonly zone: string | undefined;
  /** By label. */
  readonly places: ReadonlyMap<string, Place>;
}

/** How labels are read, by their name for topics. */
type Titles = Map<string, string>;

interface CameraScene {
  zones: readonly string[];
  /** Frames come: what was seen last is still so. */
  live: boolean;
  readonly labels: Titles;
  readonly seen: Titles;
  areas: readonly Area[];
  readonly tracks: Map<number, Tracked>;
  /** Latest time heard of: those of a fast video run ahead of the clock. */
  monoMs: number;
  steppedMonoMs: number;
  toldMotion: boolean | undefined;
}

/**
 * Labels whose topics exist from the start: those that rules name and, as soon as a rule takes any label (or there is no
 * rule), all of the model, at most PUBLISHED_LABELS_MAX. As they are read, sorted. Other labels come when first seen.
 */
export function publishedLabels(
  rules: readonly Pick<Rule, 'labels'>[],
  modelLabels: readonly string[],
): string[] {
  const labels: Titles = new Map();
  for (const label of rules.flatMap((rule) => rule.labels ?? [])) learn(labels, label);
  if (rules.length === 0 || rules.some((rule) => rule.labels === undefined)) {
    for (const label of modelLabels) {
      if (labels.size >= PUBLISHED_LABELS_MAX) break;
      learn(labels, label);
    }
  }
  return [...labels.values()].sort();
}

/** True when it is news. A label may be known by its name for topics alone, from an earlier life. */
function learn(titles: Titles, title: string, label = sanitise(title)): boolean {
  const known = titles.get(label);
  if (known === title || (known !== undefined && known !== label)) return false;
  titles.set(label, title);
  return true;
}

export class Presence {
  readonly #cameras = new Map<string, CameraScene>();

  /** Takes up a configuration: the first, or one that differs. Objects that are there stay, as far as their camera does. */
  rearrange({ cameras, places, labels, ownLabels }: PresenceScene, moment: Moment): PresenceChange[] {
    const changes: PresenceChange[] = [];
    for (const [camera, scene] of this.#cameras) {
      if (cameras.includes(camera)) continue;
      this.#cameras.delete(camera);
      changes.push(...clearedOf(camera, scene));
    }
    for (const camera of cameras) {
      const scene = this.#sceneOf(camera);
      scene.zones = (places.get(camera)?.zones ?? []).map(({ name }) => name);
      scene.labels.clear();
      const own = ownLabels?.get(camera) ?? [];
      for (const title of [...labels, ...own, ...scene.seen.values()]) learn(scene.labels, title);
      changes.push(...lay(camera, scene), ...tell(camera, scene, moment));
    }
    return changes;
  }

  /** Takes the observations of all cameras in the order they were made. */
  observe({ camera, stamp, tracks, motion }: Observation, sightings: readonly Sighting[]): PresenceChange[] {
    const scene = this.#cameras.get(camera);
    if (scene === undefined) return [];
    scene.monoMs = Math.max(scene.monoMs, stamp.monoMs);
    if (motion === true) scene.steppedMonoMs = scene.monoMs;
    for (const sighting of sightings) follow(scene, sighting);
    // An observation has each track once: more are followed than it has only when some have gone.
    if (scene.tracks.size > tracks.length) leave(scene, tracks);
    if (appear(scene)) lay(camera, scene);
    return tell(camera, scene, stamp);
  }

  /** A camera that does not see sees nobody, whatever its tracks were; it is believed again as soon as it does. */
  cameraStatus(camera: string, status: CameraStatus, moment: Moment): PresenceChange[] {
    const scene = this.#cameras.get(camera);
    if (scene === undefined) return [];
    scene.live = sees(status);
    if (!scene.live) {
      scene.tracks.clear();
      scene.steppedMonoMs = Number.NEGATIVE_INFINITY;
      // What comes next need not be as far ahead of the clock as the video was.
      scene.monoMs = Number.NEGATIVE_INFINITY;
    }
    return tell(camera, scene, moment);
  }

  /** Tells what time alone has changed: who has come to rest, while no frame says so. Call it every second or so. */
  settle(moment: Moment): PresenceChange[] {
    return [...this.#cameras].flatMap(([camera, scene]) => tell(camera, scene, moment));
  }

  /** How a live object moves; undefined when it is not there. */
  movementOf(camera: string, track: number): Movement | undefined {
    const scene = this.#cameras.get(camera);
    const tracked = scene?.tracks.get(track);
    if (scene === undefined || tracked === undefined) return undefined;
    const { score, still, starts } = tracked;
    return { active: moves(tracked, scene), score, still, starts };
  }

  #sceneOf(camera: string): CameraScene {
    let scene = this.#cameras.get(camera);
    if (scene === undefined) {
      scene = {
        zones: [],
        live: false,
        labels: new Map(),
        seen: new Map(),
        areas: [],
        tracks: new Map(),
        monoMs: Number.NEGATIVE_INFINITY,
        steppedMonoMs: Number.NEGATIVE_INFINITY,
        toldMotion: undefined,
      };
      this.#cameras.set(camera, scene);
    }
    return scene;
  }
}

/** Follows one track: its newest view, and whether it has moved a step. */
function follow(scene: CameraScene, { track: view, zones }: Sighting): void {
  const { box } = view;
  const x = box.x + box.width / 2;
  const y = box.y + box.height / 2;
  const tracked = scene.tracks.get(view.id);
  if (tracked === undefined || !isSameTrack(tracked.view, view) || tracked.view.label !== view.label) {
    scene.tracks.set(view.id, {
      label: sanitise(view.label),
      view,
      zones,
      score: view.score,
      x,
      y,
      steppedMonoMs: Number.NEGATIVE_INFINITY,
      still: 0,
      starts: 0,
    });
    return;
  }
  const wasMoving = moves(tracked, scene);
  const hasSetOut = tracked.view.stationary && !view.stationary;
  tracked.view = view;
  tracked.zones = zones;
  tracked.still += 1;
  if (view.score === 0) return;
  tracked.score = view.score;
  // The tracker knows better whether a thing that trembles stands, and sees it set out before it has made a step.
  if (view.stationary) return;
  const step = (STEP_FRACTION * (box.width + box.height)) / 2;
  if (!hasSetOut && Math.hypot(x - tracked.x, y - tracked.y) < step) return;
  if (!wasMoving) tracked.starts += 1;
  tracked.x = x;
  tracked.y = y;
  tracked.still = 0;
  tracked.steppedMonoMs = scene.monoMs;
  scene.steppedMonoMs = scene.monoMs;
}

/** Forgets the tracks that are not among these. */
function leave({ tracks }: CameraScene, views: readonly TrackView[]): void {
  const live = new Set(views.map(({ id }) => id));
  for (const id of tracks.keys()) if (!live.has(id)) tracks.delete(id);
}

function moves({ view, steppedMonoMs }: Tracked, { monoMs }: CameraScene): boolean {
  return !view.stationary && monoMs - steppedMonoMs < QUIET_MS;
}

/** Notes the labels of confirmed objects; true when one is new to this camera. */
function appear(scene: CameraScene): boolean {
  let isNew = false;
  for (const { label, view } of scene.tracks.values()) {
    if (!view.confirmed || scene.seen.has(label) || scene.seen.size >= LABELS_MAX) continue;
    scene.seen.set(label, view.label);
    if (learn(scene.labels, view.label, label)) isNew = true;
  }
  return isNew;
}

/** Makes the places that are missing and takes away those that are not wanted any more; tells the latter. */
function lay(camera: string, scene: CameraScene): PresenceChange[] {
  const { areas: before, zones, labels } = scene;
  scene.areas = [undefined, ...zones].map((zone) => {
    const known = before.find((area) => area.zone === zone)?.places;
    const placeOf = (label: string, title: string): Place =>
      titled(known?.get(label) ?? emptyPlace(zone, label), title);
    return { zone, places: new Map([...labels].map(([label, title]) => [label, placeOf(label, title)])) };
  });
  const wanted = new Set(placesOf(scene));
  return placesOf({ areas: before })
    .filter((place) => !wanted.has(place))
    .map((place) => countChange(camera, place, undefined));
}

/** A title that was not known is told like another count. */
function titled(place: Place, title: string): Place {
  if (title === place.title || title === place.label) return place;
  place.title = title;
  place.told = undefined;
  return place;
}

function emptyPlace(zone: string | undefined, label: string): Place {
  return { zone, label, title: label, count: 0, active: 0, scoreMax: 0, told: undefined };
}

function placesOf({ areas }: Pick<CameraScene, 'areas'>): Place[] {
  return areas.flatMap(({ places }) => [...places.values()]);
}

/** Counts anew and gives what differs from what was told. */
function tell(camera: string, scene: CameraScene, { atMs, monoMs }: Moment): PresenceChange[] {
  scene.monoMs = Math.max(scene.monoMs, monoMs);
  count(scene);
  const changes: PresenceChange[] = [];
  for (const { places } of scene.areas) {
    for (const place of places.values()) {
      if (!worthTelling(place, scene.monoMs)) continue;
      const { count, active, scoreMax } = place;
      place.told = { count, active, scoreMax, monoMs: scene.monoMs };
      changes.push(countChange(camera, place, { count, active, scoreMax, atMs }));
    }
  }
  const motion = scene.live && scene.monoMs - scene.steppedMonoMs < QUIET_MS;
  if (motion !== scene.toldMotion) {
    scene.toldMotion = motion;
    changes.push({ kind: 'motion', camera, state: motion });
  }
  return changes;
}

/** Of every frame: makes nothing. */
function count(scene: CameraScene): void {
  for (const { places } of scene.areas) for (const place of places.values()) empty(place);
  if (!scene.live) return;
  for (const tracked of scene.tracks.values()) {
    const { view, label, zones } = tracked;
    if (!view.confirmed) continue;
    const active = moves(tracked, scene) ? 1 : 0;
    for (const { zone, places } of scene.areas) {
      const place = places.get(label);
      if (place === undefined || (zone !== undefined && !zones.includes(zone))) continue;
      place.count += 1;
      place.active += active;
      place.scoreMax = Math.max(place.scoreMax, view.scoreMedian);
    }
  }
}

function empty(place: Place): void {
  place.count = 0;
  place.active = 0;
  place.scoreMax = 0;
}

function worthTelling({ told, count, active, scoreMax }: Place, monoMs: number): boolean {
  if (told === undefined || told.count !== count || told.active !== active) return true;
  const toldMs = Math.abs(monoMs - told.monoMs);
  return Math.abs(scoreMax - told.scoreMax) >= SCORE_STEP && toldMs >= SCORE_INTERVAL_MS_MIN;
}

function clearedOf(camera: string, scene: CameraScene): PresenceChange[] {
  const motion: PresenceChange = { kind: 'motion', camera, state: undefined };
  return [...placesOf(scene).map((place) => countChange(camera, place, undefined)), motion];
}

function countChange(
  camera: string,
  { zone, label, title }: Place,
  state: Count | undefined,
): PresenceChange {
  const optional = { ...(zone === undefined ? {} : { zone }), ...(title === label ? {} : { title }) };
  return { kind: 'count', camera, ...optional, label, state };
}
