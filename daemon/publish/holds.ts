// What happens while nobody listens: the oldest message of such a kind is offered again, at growing intervals, and rows
// nobody has listened to for `unheardS` are given up. A row waits at least that long with a connection, and a tenth more
// at most. Owns these times; delivery.ts owns what is sent. Main thread.
import type { OutboxKind, OutboxRow } from '../core/types.ts';
import { Backoff } from '../platform/backoff.ts';
import type { Clock, Timer } from '../platform/clock.ts';

const OFFER = { minMs: 1000, maxMs: 30_000 };
/** Rows that came within this part of the wait are given up together. */
const TOGETHER = 0.1;

export interface HoldsOptions {
  readonly clock: Clock;
  /** Infinity: nothing is given up. */
  readonly unheardMs: number;
  /** The highest row there is. */
  readonly lastRow: () => number;
  readonly offer: (kind: OutboxKind) => void;
  readonly giveUp: (kind: OutboxKind, upToRow: number) => void;
}

/** Rows up to this one, and not in an earlier mark, wait since `atMonoMs`. */
interface Mark {
  readonly startMonoMs: number;
  atMonoMs: number;
  row: number;
}

interface Hold {
  readonly backoff: Backoff;
  marks: Mark[];
  timer: Timer | undefined;
}

export class Holds {
  readonly #options: HoldsOptions;
  readonly #holds = new Map<OutboxKind, Hold>();
  /** When the connection was lost: waiting without one does not count. */
  #closedMonoMs: number | undefined;

  constructor(options: HoldsOptions) {
    this.#options = options;
  }

  /** A message of this kind was offered and nobody listened. */
  unheard(kind: OutboxKind): void {
    const { clock, unheardMs, lastRow, giveUp } = this.#options;
    const hold = this.#holds.get(kind) ?? { backoff: new Backoff(OFFER), marks: [], timer: undefined };
    this.#holds.set(kind, hold);
    this.#mark(hold, lastRow());
    const nowMs = clock.monoMs();
    const due = hold.marks.findLast(({ atMonoMs }) => atMonoMs + unheardMs <= nowMs);
    if (due !== undefined) {
      hold.marks = hold.marks.slice(hold.marks.indexOf(due) + 1);
      return giveUp(kind, due.row);
    }
    const dueMs = (hold.marks[0]?.atMonoMs ?? nowMs) + unheardMs - nowMs;
    this.#offerAfter(kind, hold, Math.min(hold.backoff.nextMs(), dueMs));
  }

  heard(kind: OutboxKind): void {
    this.#holds.get(kind)?.timer?.stop();
    this.#holds.delete(kind);
  }

  /** Rows just committed. */
  grew(rows: readonly OutboxRow[]): void {
    for (const row of rows) {
      const hold = this.#holds.get(row.kind);
      if (hold !== undefined && hold.timer !== undefined) this.#mark(hold, row.row);
    }
  }

  /** A connection is up: each kind is asked anew, and goes on waiting where it was. */
  opened(): void {
    const awayMs = this.#options.clock.monoMs() - (this.#closedMonoMs ?? this.#options.clock.monoMs());
    this.#closedMonoMs = undefined;
    for (const hold of this.#holds.values()) {
      hold.backoff.reset();
      hold.marks = hold.marks.map((mark) => ({ ...mark, atMonoMs: mark.atMonoMs + awayMs }));
    }
  }

  closed(): void {
    this.#closedMonoMs ??= this.#options.clock.monoMs();
    for (const hold of this.#holds.values()) {
      hold.timer?.stop();
      hold.timer = undefined;
    }
  }

  #mark(hold: Hold, row: number): void {
    const { clock, unheardMs } = this.#options;
    const last = hold.marks.at(-1);
    if (last !== undefined && row <= last.row) return;
    const nowMs = clock.monoMs();
    if (last === undefined || nowMs - last.startMonoMs >= unheardMs * TOGETHER || hold.marks.length === 1) {
      hold.marks.push({ startMonoMs: nowMs, atMonoMs: nowMs, row });
      return;
    }
    last.atMonoMs = nowMs;
    last.row = row;
  }

  #offerAfter(kind: OutboxKind, hold: Hold, ms: number): void {
    hold.timer?.stop();
    hold.timer = this.#options.clock.after(ms, () => this.#options.offer(kind));
  }
}
