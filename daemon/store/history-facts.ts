// The facts of history.db (armed or not, status of cameras, faults), read life by life of the daemon in their order. A file of
// version 1 has none. In pages; not for the daemon's main thread.
import type Database from 'better-sqlite3';
import type { CameraStatus, Fact, Moment } from '../core/types.ts';
import { NOTES_VERSION } from './history-schema.ts';
import { versionOf } from './migrations.ts';

const PAGE_ROWS = 256;

export interface KeptFact extends Moment {
  readonly fact: Fact;
}

export interface RunOfFacts {
  readonly id: number;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
}

interface FactRow {
  readonly row: number;
  readonly kind: string;
  readonly camera: number | null;
  readonly value: string;
  readonly atMs: number;
  readonly monoMs: number;
}

export class FactReader {
  readonly #nameOf: (id: number) => string | undefined;
  readonly #page: Database.Statement<[number, number], FactRow> | undefined;
  readonly #runs: Database.Statement<[number, number], RunOfFacts> | undefined;
  readonly #any: Database.Statement<[number, number], number> | undefined;
  #run = 0;
  /** Rows are in the order of lives: those up to this one have been read. */
  #after = 0;
  #rows: FactRow[] = [];
  #index = 0;

  constructor(db: Database.Database, nameOf: (id: number) => string | undefined) {
    this.#nameOf = nameOf;
    if (versionOf(db) < NOTES_VERSION) return;
    this.#page = db.prepare(`
      SELECT row, kind, camera, value, at_ms AS atMs, mono_ms AS monoMs
      FROM facts WHERE run = ? AND row > ? ORDER BY row LIMIT ${PAGE_ROWS}`);
    this.#any = db
      .prepare<[number, number], number>('SELECT 1 FROM facts WHERE run = ? AND row > ? LIMIT 1')
      .pluck();
    this.#runs = db.prepare(`
      SELECT run AS id, min(at_ms) AS firstAtMs, max(at_ms) AS lastAtMs
      FROM facts WHERE run > ? AND run < ? GROUP BY run ORDER BY run`);
  }

  /** From now on facts are those of this life, a later one than before; false when none were kept of it. */
  open(run: number): boolean {
    this.#run = run;
    this.#rows = [];
    this.#index = 0;
    return this.#any?.get(run, this.#after) !== undefined;
  }

  /** Lives between these two, not included, that have facts. */
  runsBetween(after: number, before: number): RunOfFacts[] {
    return this.#runs?.all(after, Math.min(before, Number.MAX_SAFE_INTEGER)) ?? [];
  }

  /** Takes the facts from before a wall clock time; of those about one thing only the last. */
  standing(beforeMs: number): KeptFact[] {
    const standing = new Map<string, KeptFact>();
    for (let row = this.#peek(); row !== undefined && row.atMs < beforeMs; row = this.#peek()) {
      const kept = this.next();
      if (kept !== undefined) standing.set(keyOf(kept.fact), kept);
    }
    return [...standing.values()].sort((a, b) => a.monoMs - b.monoMs);
  }

  /** Takes the next; undefined when there is none left. */
  next(): KeptFact | undefined {
    for (let row = this.#peek(); row !== undefined; row = this.#peek()) {
      this.#index += 1;
      const fact = this.#factOf(row);
      if (fact !== undefined) return { fact, atMs: row.atMs, monoMs: row.monoMs };
    }
    return undefined;
  }

  #peek(): FactRow | undefined {
    if (this.#page === undefined) return undefined;
    if (this.#index >= this.#rows.length) {
      this.#rows = this.#page.all(this.#run, this.#after);
      this.#index = 0;
      this.#after = this.#rows.at(-1)?.row ?? this.#after;
    }
    return this.#rows[this.#index];
  }

  /** Undefined for one of a later version, or that names no camera. */
  #factOf({ kind, camera: id, value }: FactRow): Fact | undefined {
    if (kind === 'fault') {
      const [fault, active] = value.split(':');
      if (fault !== 'detector' && fault !== 'disk') return undefined;
      return { kind, fault, active: active === '1' };
    }
    const camera = id === null ? undefined : this.#nameOf(id);
    if (camera === undefined) return undefined;
    if (kind === 'armed') return { kind, camera, armed: value === '1' };
    return kind === 'status' ? { kind, camera, status: value as CameraStatus } : undefined;
  }
}

function keyOf(fact: Fact): string {
  return fact.kind === 'fault' ? `fault ${fact.fault}` : `${fact.kind} ${fact.camera}`;
}
