// Keeps the outbox within its bytes: the oldest updates give way first, then the oldest new and end, then the oldest
// alerts; what was lost is told by gap messages, which never give way. Every call runs inside the caller's transaction.
// Worker thread.
import type Database from 'better-sqlite3';
import type { OutboxRow } from '../core/types.ts';
import { Losses } from './losses.ts';
import type { Outbox, OutboxTotals } from './outbox.ts';

export interface QuotaLimits {
  /** Of the messages waiting. */
  readonly bytesMax: number;
  /** Rows the publisher has in hand: they may be on their way, and a gap must not name what came. */
  readonly inHand: readonly number[];
}

/** How many messages gave way. */
export interface Dropped {
  readonly updates: number;
  /** `new` and `end`. */
  readonly events: number;
  readonly alerts: number;
}

export interface QuotaResult {
  readonly gone: OutboxTotals;
  readonly dropped: Dropped;
  /** Numbers of their rows. */
  readonly rows: ReadonlySet<number>;
}

interface Candidate {
  readonly row: number;
  readonly kind: 'event' | 'alert';
  readonly seq: number;
  readonly bytes: number;
}

/** By `outbox.worth`. */
const WORTHS = ['updates', 'events', 'alerts'] as const;
const WORTH_GAP = 3;
/** Rows looked at a time. */
const PAGE = 64;
/**
 * Rows taken in one transaction beyond twice those that came with it: an outbox that is over by far (a smaller quota) is
 * brought down over some writes, none of which takes long.
 */
const DROPS_MAX = 256;
/** Undelivered gap messages of the quota's at most: what is lost meanwhile waits in the table. */
const GAPS_MAX = 16;

export class Quota {
  readonly #outbox: Outbox;
  readonly #losses: Losses;
  readonly #oldest: Database.Statement<[number, number, number], Candidate>;
  readonly #count: Database.Statement<[number], number>;
  readonly #delete: Database.Statement<[number]>;

  constructor(db: Database.Database, outbox: Outbox) {
    this.#outbox = outbox;
    this.#losses = new Losses(db);
    this.#oldest = db.prepare<[number, number, number], Candidate>(
      'SELECT row, kind, seq, bytes FROM outbox WHERE worth = ? AND row > ? ORDER BY row LIMIT ?',
    );
    this.#count = db.prepare<[number], number>('SELECT count(*) FROM outbox WHERE worth = ?').pluck();
    this.#delete = db.prepare('DELETE FROM outbox WHERE row = ?');
  }

  /** Takes what is too much of `bytes` waiting, of which `added` rows came with this transaction. */
  enforce(bytes: number, added: number, { bytesMax, inHand }: QuotaLimits): QuotaResult {
    const dropped = { updates: 0, events: 0, alerts: 0 };
    const rows = new Set<number>();
    if (bytes <= bytesMax) return { gone: { rows: 0, bytes: 0 }, dropped, rows };
    const kept = new Set(inHand);
    const rowsMax = DROPS_MAX + 2 * added;
    let excess = bytes - bytesMax;
    for (const [worth, name] of WORTHS.entries()) {
      for (const candidate of this.#candidates(worth)) {
        if (excess <= 0 || rows.size >= rowsMax) break;
        if (kept.has(candidate.row)) continue;
        this.#delete.run(candidate.row);
        this.#losses.add(candidate.kind, candidate.seq);
        rows.add(candidate.row);
        dropped[name] += 1;
        excess -= candidate.bytes;
      }
    }
    return { gone: { rows: rows.size, bytes: bytes - bytesMax - excess }, dropped, rows };
  }

  /** True while there are losses no gap message names. */
  get untold(): boolean {
    return this.#losses.any;
  }

  /** Appends gap messages for the losses, as many as may wait. */
  tell(atMs: number): OutboxRow[] {
    const made: OutboxRow[] = [];
    for (let waiting = this.#count.get(WORTH_GAP) ?? 0; waiting < GAPS_MAX; waiting += 1) {
      const gap = this.#losses.takeGap(atMs);
      if (gap === undefined) break;
      const message = { kind: 'gap', atMs, body: JSON.stringify(gap) } as const;
      made.push(this.#outbox.add(message, this.#outbox.nextSeq('gap')));
    }
    return made;
  }

  *#candidates(worth: number): Generator<Candidate> {
    for (let afterRow = 0; ; ) {
      const page = this.#oldest.all(worth, afterRow, PAGE);
      yield* page;
      if (page.length < PAGE) return;
      afterRow = page.at(-1)!.row;
    }
  }
}
