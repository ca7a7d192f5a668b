// The snapshots table: which pictures (and clips) are on disk, in order of commit. Every call is a single statement or runs inside
// the caller's transaction; none touches a file. Worker thread.
import type Database from 'better-sqlite3';
import type { Snapshot } from '../core/types.ts';
import type { PictureTotals } from './messages.ts';
import { isMediaPath } from './paths.ts';

/** What pruning needs to know of a picture. */
export interface PictureRow {
  readonly row: number;
  readonly path: string;
  readonly cropPath: string | null;
  /** Of all its files. */
  readonly bytes: number;
  readonly atMs: number;
  /** The age clock when its row was written. */
  readonly ageClockMs: number;
}

const INSERT = `
  INSERT INTO snapshots (path, sha256, crop_path, camera, track, label, score, box, at_ms, bytes, event_id, age_clock_ms,
                         kind)
  VALUES (@path, @sha256, @cropPath, @camera, @track, @label, @score, @box, @atMs, @bytes, @eventId, @ageClockMs, @kind)
  ON CONFLICT (path) DO NOTHING`;

const OLDEST = `
  SELECT row, path, crop_path AS cropPath, bytes, at_ms AS atMs, age_clock_ms AS ageClockMs
  FROM snapshots WHERE row > ? ORDER BY row LIMIT ?`;

// Both terms: SQLite takes a partial index only for a query that repeats its condition.
const AWAITED = `
  SELECT EXISTS (SELECT 1 FROM outbox WHERE json_extract(body, '$.snapshot.path') IS NOT NULL
    AND json_extract(body, '$.snapshot.path') = @path)
  OR EXISTS (SELECT 1 FROM outbox WHERE json_extract(body, '$.clip.path') IS NOT NULL
    AND json_extract(body, '$.clip.path') = @path)`;

export class Pictures {
  readonly #insert: Database.Statement<[Record<string, unknown>]>;
  readonly #totals: Database.Statement<[], PictureTotals>;
  readonly #oldest: Database.Statement<[number, number], PictureRow>;
  readonly #delete: Database.Statement<[number]>;
  readonly #known: Database.Statement<[string, string], number>;
  readonly #awaited: Database.Statement<[{ path: string }], number>;

  constructor(db: Database.Database) {
    this.#insert = db.prepare(INSERT);
    this.#totals = db.prepare<[], PictureTotals>(
      'SELECT count(*) AS count, coalesce(sum(bytes), 0) AS bytes FROM snapshots',
    );
    this.#oldest = db.prepare<[number, number], PictureRow>(OLDEST);
    this.#delete = db.prepare('DELETE FROM snapshots WHERE row = ?');
    this.#known = db
      .prepare<[string, string], number>(
        'SELECT EXISTS (SELECT 1 FROM snapshots WHERE path = ? UNION ALL SELECT 1 FROM snapshots WHERE crop_path = ?)',
      )
      .pluck();
    this.#awaited = db.prepare<[{ path: string }], number>(AWAITED).pluck();
  }

  /**
   * Writes the row of a picture; false when its path has one already. Throws RangeError for a path that is not below
   * media/: whatever is stored here will be deleted one day.
   */
  add(snapshot: Snapshot, ageClockMs: number): boolean {
    const { path, cropPath, eventId } = snapshot;
    for (const one of [path, cropPath ?? path]) {
      if (!isMediaPath(one)) throw new RangeError('its path is not media/<camera>/<day>/<file>');
    }
    const { changes } = this.#insert.run({
      ...snapshot,
      cropPath: cropPath ?? null,
      eventId: eventId ?? null,
      kind: snapshot.kind ?? 'picture',
      box: JSON.stringify(snapshot.box),
      atMs: Math.round(snapshot.atMs),
      ageClockMs,
    });
    return changes > 0;
  }

  /** Walks the table: once per open. */
  totals(): PictureTotals {
    return this.#totals.get() ?? { count: 0, bytes: 0 };
  }

  /** Pictures after `afterRow`, oldest first. */
  oldest(afterRow: number, limit: number): PictureRow[] {
    return this.#oldest.all(afterRow, limit);
  }

  /** True when a row names this file. */
  knows(path: string): boolean {
    return this.#known.get(path, path) === 1;
  }

  /** True while a message that names this picture has not been delivered. */
  isAwaited(path: string): boolean {
    return this.#awaited.get({ path }) === 1;
  }

  remove(row: number): void {
    this.#delete.run(row);
  }
}
