// Makes the recorded lines of a scenario: the street of the built-in scene as boxes, what an imperfect detector makes of them,
// the real tracker, and what the daemon would tell its rules of cameras that fall silent. Seeded; the same again gives the same.
import { Tracker, type TrackStep } from '../../../daemon/core/tracker.ts';
import type { Detection } from '../../../daemon/core/types.ts';
import { mixSeed, Random } from '../../../daemon/scene/random.ts';
import { HALF_SEEN, SEEN_MIN, STREET_ASPECT, showing, trembling } from '../street.ts';
import { TRACK_OPTIONS } from '../tracks.ts';
import { type Line, MONO_MS, recordTrack, seconds } from './lines.ts';
import { CLEAR, type Cut, type Film, type Lens, type Looks, type Scenario } from './scenario.ts';

const FPS = 5;
/** Of the history: an empty look is kept when the last one is this old. */
const KEPT_EVERY_MS = 30_000;
/** Without a frame for this long the camera is called offline (`stallMs`). */
const STALL_S = 10;

/** Everything the main thread learns of, in order of time. */
export function recordScenario({ films, happenings = [], endsS }: Scenario): Line[] {
  const lines: Line[] = [];
  for (const [index, [camera, film]] of Object.entries(films).entries()) {
    lines.push({ s: 0, status: 'online', camera }, ...new Recorder(camera, film, index, endsS).lines());
  }
  lines.push(...happenings);
  const inTime = lines.filter(({ s }) => s <= endsS).sort((a, b) => a.s - b.s);
  return [...inTime, { s: endsS, end: true }];
}

class Recorder {
  readonly #camera: string;
  readonly #film: Film;
  readonly #endsS: number;
  readonly #random: Random;
  readonly #lines: Line[] = [];
  #tracker = newTracker();
  #frame = 0;
  #keptMs = Number.NEGATIVE_INFINITY;
  #live: readonly number[] = [];

  constructor(camera: string, film: Film, index: number, endsS: number) {
    this.#camera = camera;
    this.#film = film;
    this.#endsS = endsS;
    this.#random = new Random(mixSeed(film.seed ?? 1, index));
  }

  lines(): Line[] {
    const { looks = [{ fromS: 0, toS: this.#endsS, fps: FPS }], cuts = [] } = this.#film;
    const waiting = [...cuts];
    for (const ms of timesOf(looks)) {
      while (waiting.length > 0 && ms >= waiting[0]!.fromS * 1000) this.#cut(waiting.shift()!);
      if (!cuts.some(({ fromS, toS }) => ms >= fromS * 1000 && ms < toS * 1000)) this.#look(ms);
    }
    for (const cut of waiting) this.#cut(cut);
    return this.#lines;
  }

  #look(ms: number): void {
    this.#frame += 1;
    const monoMs = MONO_MS + ms;
    this.#keep(
      this.#tracker.step(this.#detections(ms / 1000), { frame: this.#frame, atMs: monoMs, monoMs }),
      ms,
    );
  }

  /** As history keeps it: looks at which nothing is there only now and then. */
  #keep({ tracks, ended }: TrackStep, ms: number, frameless?: true): void {
    this.#live = tracks.map(({ id }) => id);
    const isEmpty = tracks.length === 0 && ended.length === 0;
    if (isEmpty && (frameless || ms - this.#keptMs < KEPT_EVERY_MS)) return;
    this.#keptMs = ms;
    const { pace = 1, lagS = 0 } = this.#film;
    const told = seconds(ms / pace + lagS * 1000);
    this.#lines.push({
      s: told,
      see: this.#camera,
      frame: this.#frame,
      ...(told === seconds(ms) ? {} : { taken: seconds(ms) }),
      ...(tracks.length === 0 ? {} : { tracks: tracks.map(recordTrack) }),
      ...(ended.length === 0 ? {} : { ended }),
      ...(frameless === undefined ? {} : { frameless }),
    });
  }

  #cut({ how, fromS, toS }: Cut): void {
    const camera = this.#camera;
    if (how === 'power') {
      this.#tracker = newTracker();
      return;
    }
    if (how === 'crash') {
      this.#keep({ tracks: [], ended: [...this.#live] }, fromS * 1000, true);
      this.#tracker = newTracker();
      this.#lines.push({ s: fromS, status: 'offline', camera }, { s: toS, status: 'online', camera });
      return;
    }
    for (let s = fromS; s < toS; s += 1) {
      const step = this.#tracker.expire(MONO_MS + s * 1000);
      if (step.ended.length > 0) this.#keep(step, s * 1000, true);
    }
    if (toS - fromS <= STALL_S) return;
    this.#lines.push({ s: fromS + STALL_S, status: 'offline', camera }, { s: toS, status: 'online', camera });
  }

  #detections(s: number): Detection[] {
    const { lens = {}, phantoms = [] } = this.#film;
    const { misses, jitter, scores, mistakes }: Lens = {
      ...CLEAR,
      ...(typeof lens === 'function' ? lens(s) : lens),
    };
    const random = this.#random;
    const detections: Detection[] = [];
    for (const { label, box, visible } of showing(this.#film, s)) {
      if (visible < SEEN_MIN || random.next() < misses) continue;
      const score = visible < HALF_SEEN ? random.range(0.25, 0.6) : random.range(...scores);
      const isMistaken = mistakes?.label === label && random.chance(mistakes.share);
      detections.push({
        label: isMistaken ? mistakes.for : label,
        score,
        box: trembling(box, jitter, random),
      });
    }
    for (const { label, score, box, fromS, toS } of phantoms) {
      const [x, y, width, height] = box;
      if (s >= fromS && s < toS) detections.push({ label, score, box: { x, y, width, height } });
    }
    return detections;
  }
}

function newTracker(): Tracker {
  return new Tracker({ ...TRACK_OPTIONS, threshold: () => 0.7, frameAspect: STREET_ASPECT });
}

function timesOf(looks: readonly Looks[]): number[] {
  const times: number[] = [];
  for (const { fromS, toS, fps } of looks) {
    for (let n = 0; fromS * 1000 + (n * 1000) / fps < toS * 1000; n += 1)
      times.push(fromS * 1000 + (n * 1000) / fps);
  }
  return times;
}
