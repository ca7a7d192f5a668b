// Which objects deserve a picture now: the first as soon as a track is confirmed, another only when it is clearly better,
// and never so many that a crowd would hold up detection. Numbers only, no pixels. Camera worker thread.

/** A picture replaces the best so far when its quality is this many times that one's. */
const BETTER_BY = 1.25;
/** Between two tries for one track (time of the pictures). */
const TRY_INTERVAL_MS = 1000;
/** Pictures of one camera in real time: so many at once, and so many a second in the long run. */
const PICTURES_AT_ONCE = 3;
const PICTURES_PER_S = 2;

interface Best {
  /** Of the best picture so far; 0 while there is none. */
  quality: number;
  triedMonoMs: number;
}

/** One camera's tracks that have had, or wanted, a picture. */
export class BestPictures {
  readonly #best = new Map<number, Best>();
  #allowance = PICTURES_AT_ONCE;
  #countedMonoMs = Number.NEGATIVE_INFINITY;

  /** The least quality that would be clearly better than what the track has; undefined: it had its turn just now. */
  leastFor(track: number, monoMs: number): number | undefined {
    const best = this.#best.get(track);
    if (best === undefined) return 0;
    return monoMs - best.triedMonoMs < TRY_INTERVAL_MS ? undefined : best.quality * BETTER_BY;
  }

  /** One more picture may be made now (monotonic, real time): if so it is counted. A better one leaves room for a first. */
  allow(realMonoMs: number, which: 'first' | 'better'): boolean {
    const elapsedS = Math.max(0, realMonoMs - this.#countedMonoMs) / 1000;
    this.#allowance = Math.min(PICTURES_AT_ONCE, this.#allowance + elapsedS * PICTURES_PER_S);
    this.#countedMonoMs = realMonoMs;
    if (this.#allowance < (which === 'first' ? 1 : 2)) return false;
    this.#allowance -= 1;
    return true;
  }

  /** The track had its turn; `quality` is that of its picture, 0 when it got none and would have deserved it. */
  tried(track: number, monoMs: number, quality: number): void {
    const best = this.#best.get(track);
    this.#best.set(track, { quality: Math.max(quality, best?.quality ?? 0), triedMonoMs: monoMs });
  }

  forget(track: number): void {
    this.#best.delete(track);
  }
}
