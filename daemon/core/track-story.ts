// The story of one track for the decision trace: how well it was seen, and how long it was in which zone. Pure. A look at
// which nothing changes allocates nothing.
import type { RuleTrace, TrackTrace } from './trace-types.ts';
import type { Moment, TrackView } from './types.ts';
import type { Sighting } from './whereabouts.ts';

/** A trace is written this often while its track lives. */
const RETOLD_MS = 60_000;

export class TrackStory {
  readonly #scoreMin: number;
  #looks = 0;
  #good = 0;
  #low = 0;
  #missed = 0;
  #scoreMax = 0;
  #medianMax = 0;
  #confirmedAtMs: number | undefined;
  #zones: readonly string[] = [];
  /** Seconds in zones left, and since when it is in those it is in. */
  readonly #stays = new Map<string, number>();
  #zonesSinceMonoMs = 0;
  #toldMonoMs: number;

  /** `scoreMin`: looks with a lower score are no good ones (`track.scoreMin`). */
  constructor(scoreMin: number, monoMs: number) {
    this.#scoreMin = scoreMin;
    this.#toldMonoMs = monoMs;
    this.#zonesSinceMonoMs = monoMs;
  }

  look({ track, zones }: Sighting, { atMs, monoMs }: Moment): void {
    const { score, scoreMedian, confirmed, unlooked } = track;
    if (unlooked !== true) this.#count(score);
    if (score > this.#scoreMax) this.#scoreMax = score;
    if (scoreMedian > this.#medianMax) this.#medianMax = scoreMedian;
    if (confirmed) this.#confirmedAtMs ??= atMs;
    if (zones === this.#zones) return;
    this.#leave(monoMs);
    this.#zones = zones;
  }

  #count(score: number): void {
    this.#looks += 1;
    if (score === 0) this.#missed += 1;
    else if (score < this.#scoreMin) this.#low += 1;
    else this.#good += 1;
  }

  /** It is time to write it down, although nothing has come of it. */
  isDue(monoMs: number): boolean {
    return monoMs - this.#toldMonoMs >= RETOLD_MS;
  }

  tell({ camera, view, eventId, rules }: Teller, { atMs, monoMs }: Moment, ended: boolean): TrackTrace {
    this.#toldMonoMs = monoMs;
    this.#leave(monoMs);
    return {
      camera,
      track: view.id,
      label: view.label,
      ...(eventId === undefined ? {} : { eventId }),
      startedAtMs: view.startedAtMs,
      startedMonoMs: view.startedMonoMs,
      atMs,
      ...(ended ? { endedAtMs: atMs } : {}),
      ...{ looks: this.#looks, good: this.#good, low: this.#low, missed: this.#missed },
      scoreMin: this.#scoreMin,
      scoreMax: this.#scoreMax,
      medianMax: this.#medianMax,
      threshold: view.threshold,
      ...(this.#confirmedAtMs === undefined ? {} : { confirmedAtMs: this.#confirmedAtMs }),
      zones: [...this.#stays].map(([zone, ms]) => ({ zone, seconds: ms / 1000 })),
      rules,
    };
  }

  /** Books the time in the zones it is in. */
  #leave(monoMs: number): void {
    for (const zone of this.#zones) {
      this.#stays.set(zone, (this.#stays.get(zone) ?? 0) + monoMs - this.#zonesSinceMonoMs);
    }
    this.#zonesSinceMonoMs = monoMs;
  }
}

export interface Teller {
  readonly camera: string;
  /** As it was seen last. */
  readonly view: TrackView;
  readonly eventId: string | undefined;
  readonly rules: readonly RuleTrace[];
}
