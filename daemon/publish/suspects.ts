// Messages at which the broker closes the connection. MQTT 3.1.1 has no way to refuse one, and some brokers of MQTT 5 close
// too; without this such a message would end every connection, and everything behind it would wait for ever. Messages that
// were on their way at two losses in a row go one at a time from then on; one that is alone on its way at LOSSES_MAX losses
// is put aside and comes again later, alone. Never gives one up: it stays in the outbox. Main thread.

/** Losses with the same message alone on its way before it is put aside. */
const LOSSES_MAX = 3;
/** Put aside for so long, then twice as long, and so on: each time may cost a connection. */
const ASIDE = { minMs: 10 * 60_000, maxMs: 6 * 3_600_000 };
/** Put aside at once; beyond that the broker is what is wrong, and all wait. */
const ASIDE_MAX = 100;

interface Aside {
  untilMonoMs: number;
  waitMs: number;
}

export class Suspects {
  readonly #monoMs: () => number;
  /** On their way at the last loss. */
  #lastLoss: ReadonlySet<number> = new Set();
  /** Sent one at a time until they are answered. */
  readonly #suspected = new Set<number>();
  /** Losses with this row alone on its way. */
  readonly #losses = new Map<number, number>();
  readonly #aside = new Map<number, Aside>();

  constructor(monoMs: () => number) {
    this.#monoMs = monoMs;
  }

  /** Only one message may be on its way. */
  get narrow(): boolean {
    return this.#suspected.size > 0;
  }

  /** How many are put aside. */
  get asideCount(): number {
    return this.#aside.size;
  }

  /** This row is not to be sent now. */
  isAside(row: number): boolean {
    return (this.#aside.get(row)?.untilMonoMs ?? 0) > this.#monoMs();
  }

  /** Milliseconds until the next one may be sent again; undefined when none waits. */
  nextMs(): number | undefined {
    const waiting = [...this.#aside].filter(([row]) => !this.#suspected.has(row));
    if (waiting.length === 0) return undefined;
    return Math.max(0, Math.min(...waiting.map(([, { untilMonoMs }]) => untilMonoMs)) - this.#monoMs());
  }

  /** Those whose time has come are suspects again: they go out alone. */
  release(): void {
    for (const row of this.#aside.keys()) if (!this.isAside(row)) this.#suspected.add(row);
  }

  /** The broker has answered: nothing is wrong with this one. */
  answered(row: number): void {
    this.#suspected.delete(row);
    this.#losses.delete(row);
    this.#aside.delete(row);
  }

  /** Everything there is has been answered: whoever is still suspected has left the outbox another way. */
  settled(): void {
    for (const row of this.#suspected) this.#aside.delete(row);
    this.#suspected.clear();
    this.#losses.clear();
  }

  /** The broker closed the connection while these were on their way. Returns the one that is put aside now. */
  lost(rows: readonly number[]): number | undefined {
    if (rows.length === 0) return undefined;
    const before = this.#lastLoss;
    this.#lastLoss = new Set(rows);
    const [alone] = rows;
    if (rows.length > 1 || alone === undefined) {
      for (const row of rows) if (before.has(row)) this.#suspected.add(row);
      return undefined;
    }
    const losses = (this.#losses.get(alone) ?? 0) + 1;
    this.#losses.set(alone, losses);
    // One that has been aside is known: one more loss is enough.
    if (losses < LOSSES_MAX && !this.#aside.has(alone)) return undefined;
    if (this.#aside.size >= ASIDE_MAX && !this.#aside.has(alone)) return undefined;
    const waitMs = Math.min(ASIDE.maxMs, (this.#aside.get(alone)?.waitMs ?? ASIDE.minMs / 2) * 2);
    this.#aside.set(alone, { untilMonoMs: this.#monoMs() + waitMs, waitMs });
    this.#suspected.delete(alone);
    this.#losses.delete(alone);
    return alone;
  }
}
