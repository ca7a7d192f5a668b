// Deletes pictures and says so: files first, then their rows, then one row of the journal for all of a round. What a
// crash cuts short is a row without a file, never a file without a row. Decides nothing. Worker thread.
import type Database from 'better-sqlite3';
import type { Snapshot } from '../core/types.ts';
import type { Clock } from '../platform/clock.ts';
import type { AgeClock } from './age-clock.ts';
import type { Journal } from './journal.ts';
import type { Media } from './media.ts';
import type { PictureTotals, PruneRound } from './messages.ts';
import type { PictureRow, Pictures } from './pictures.ts';
import { relaxed } from './relaxed.ts';

export interface PictureKeeperOptions {
  readonly db: Database.Database;
  readonly pictures: Pictures;
  readonly media: Media;
  readonly ageClock: AgeClock;
  readonly clock: Clock;
  readonly journal: Journal;
}

/** Why a row goes; each is counted under its name. */
type Reason = 'byAge' | 'byBytes' | 'forRoom' | 'forgotten';

/** A picture whose files are gone. */
export interface Doomed extends PictureRow {
  readonly reason: Reason;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class PictureKeeper {
  readonly #options: PictureKeeperOptions;
  readonly #setRound: Database.Statement<[string | null]>;
  /** Changed since the journal's last `prune` row. */
  #round: Mutable<PruneRound>;
  #totals: PictureTotals;
  #failures = 0;
  #failure: unknown;

  constructor(options: PictureKeeperOptions) {
    const { db, pictures } = options;
    this.#options = options;
    this.#setRound = db.prepare('UPDATE retention SET round = ?');
    // What a crash has cut short is told with the next round.
    const left = db.prepare<[], string | null>('SELECT round FROM retention').pluck().get();
    this.#round = { ...nothing(), ...(JSON.parse(left ?? '{}') as Partial<PruneRound>) };
    this.#totals = pictures.totals();
  }

  /** Of all rows. */
  get totals(): PictureTotals {
    return this.#totals;
  }

  /** Rows have been added. */
  added({ count, bytes }: PictureTotals): void {
    this.#totals = { count: this.#totals.count + count, bytes: this.#totals.bytes + bytes };
  }

  /** Files that could not be looked at or deleted, since the last `takeFailure`. */
  get failures(): number {
    return this.#failures;
  }

  /** The first of them, undefined without any; counts from 0 again. */
  takeFailure(): unknown {
    const failure = this.#failure;
    this.#failures = 0;
    this.#failure = undefined;
    return failure;
  }

  /** Deletes the files of a picture; returns the bytes this freed, undefined when one of them resists. */
  deleteFiles({ path, cropPath }: PictureRow): number | undefined {
    return this.attempt(() => {
      const crop = cropPath === null ? 0 : this.#options.media.remove(cropPath);
      return crop + this.#options.media.remove(path);
    });
  }

  /** Deletes a file without a row. */
  deleteOrphan(path: string): void {
    this.#round.bytes += this.#options.media.remove(path);
    this.#round.orphans += 1;
  }

  /** Gives a picture on disk its row. */
  adopt(snapshot: Snapshot): void {
    const { db, pictures, ageClock } = this.#options;
    relaxed(db, () => pictures.add(snapshot, ageClock.nowMs()));
    this.#round.adopted += 1;
    this.added({ count: 1, bytes: snapshot.bytes });
  }

  /** Undefined when it throws: kept as a failure, one bad file does not hold up the others. */
  attempt<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      this.#failures += 1;
      this.#failure ??= error;
      return undefined;
    }
  }

  /** Deletes the rows of pictures whose files are gone, in one transaction. */
  deleteRows(doomed: readonly Doomed[]): void {
    if (doomed.length === 0) return;
    const { db, pictures, ageClock } = this.#options;
    const round = { ...this.#round };
    let gone = { count: 0, bytes: 0 };
    relaxed(db, () => {
      for (const picture of doomed) {
        round[picture.reason] += 1;
        gone = { count: gone.count + 1, bytes: gone.bytes + picture.bytes };
        if (picture.reason !== 'forgotten') {
          round.bytes += picture.bytes;
          round.upToMs = picture.atMs;
          if (pictures.isAwaited(picture.path)) round.undelivered += 1;
        }
        pictures.remove(picture.row);
      }
      this.#setRound.run(JSON.stringify(round));
      ageClock.save();
    });
    this.#round = round;
    this.added({ count: -gone.count, bytes: -gone.bytes });
  }

  /** Writes the round into the journal and returns it; undefined when nothing was deleted. */
  endRound(): PruneRound | undefined {
    if (Object.values(this.#round).every((count) => count === 0)) return undefined;
    const { db, clock, journal } = this.#options;
    const round: PruneRound = this.#round;
    relaxed(db, () => {
      journal.add({
        kind: 'prune',
        atMs: clock.nowMs(),
        monoMs: clock.monoMs(),
        body: JSON.stringify(round),
      });
      this.#setRound.run(null);
    });
    this.#round = nothing();
    return round;
  }
}

function nothing(): Mutable<PruneRound> {
  const deleted = { byAge: 0, byBytes: 0, forRoom: 0, undelivered: 0, forgotten: 0 };
  return { ...deleted, orphans: 0, adopted: 0, bytes: 0 };
}
