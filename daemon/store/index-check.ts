// Holds the indexes of vedette.db against their tables while the daemon runs: the check at the start only counts their
// entries, and a row that its index does not name is not found when it is asked for. In rounds (rounds.ts), a few rows a
// turn, for SQLite's own check would keep commits waiting for as long as it reads. Worker thread.
import type Database from 'better-sqlite3';
import type { Clock } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import { Rounds } from './rounds.ts';

export interface IndexCheckOptions {
  readonly db: Database.Database;
  readonly clock: Clock;
  /** An index that does not match, or what stopped the check; it is begun anew with the next round. */
  onTrouble(error: unknown): void;
}

interface Index {
  readonly name: string;
  readonly table: string;
  /** Columns; or expressions, with `@` for the table. */
  readonly keys: readonly string[];
  /** Of a partial index. */
  readonly where?: string;
}

/** All that are in schema.ts, its constraints included. */
export const INDEXES: readonly Index[] = [
  { name: 'journal_event_seq', table: 'journal', keys: ['seq'], where: "kind IN ('new', 'update', 'end')" },
  { name: 'journal_alert_seq', table: 'journal', keys: ['seq'], where: "kind = 'alert'" },
  { name: 'sqlite_autoindex_events_1', table: 'events', keys: ['id'] },
  { name: 'events_started', table: 'events', keys: ['started_at_ms'] },
  { name: 'events_open', table: 'events', keys: ['id'], where: 'ended_at_ms IS NULL' },
  { name: 'sqlite_autoindex_alerts_1', table: 'alerts', keys: ['id'] },
  { name: 'sqlite_autoindex_alerts_2', table: 'alerts', keys: ['seq'] },
  { name: 'alerts_at', table: 'alerts', keys: ['at_ms'] },
  { name: 'alerts_event', table: 'alerts', keys: ['event_id'], where: 'event_id IS NOT NULL' },
  { name: 'sqlite_autoindex_outbox_1', table: 'outbox', keys: ['kind', 'seq'] },
  { name: 'outbox_worth', table: 'outbox', keys: ['worth', 'row', 'bytes'] },
  pathIndex('outbox_snapshot', '$.snapshot.path'),
  pathIndex('outbox_clip', '$.clip.path'),
  { name: 'sqlite_autoindex_snapshots_1', table: 'snapshots', keys: ['path'] },
  { name: 'sqlite_autoindex_snapshots_2', table: 'snapshots', keys: ['crop_path'] },
  { name: 'snapshots_at', table: 'snapshots', keys: ['at_ms'] },
  { name: 'snapshots_event', table: 'snapshots', keys: ['event_id'], where: 'event_id IS NOT NULL' },
];

/** After the start there are better things to do. */
const CHECK_AFTER_MS = 300_000;
const CHECK_EVERY_MS = 86_400_000;
const TURN_ROWS = 256;

export class IndexCheck {
  readonly #options: IndexCheckOptions;
  readonly #rounds: Rounds;
  #dueMonoMs: number;

  constructor(options: IndexCheckOptions) {
    const { clock, onTrouble } = options;
    this.#options = options;
    this.#dueMonoMs = clock.monoMs() + CHECK_AFTER_MS;
    this.#rounds = new Rounds({
      clock,
      round: () => this.#round(),
      onEnd: (trouble) => {
        if (trouble !== undefined) onTrouble(trouble);
      },
    });
  }

  start(): void {
    this.#rounds.start();
  }

  stop(): void {
    this.#rounds.stop();
  }

  *#round(): Generator<void> {
    const { clock } = this.#options;
    if (clock.monoMs() < this.#dueMonoMs) return;
    for (const index of INDEXES) yield* this.#check(index);
    this.#dueMonoMs = clock.monoMs() + CHECK_EVERY_MS;
  }

  /** Every row is in the index under its key. There are as many entries as rows: the check at the start has counted. */
  *#check(index: Index): Generator<void> {
    const { db } = this.#options;
    const turnEnd = db
      .prepare<[number], number | null>(`
        SELECT max(row) FROM (SELECT rowid AS row FROM ${index.table} NOT INDEXED WHERE rowid > ? ORDER BY rowid LIMIT ${TURN_ROWS})`)
      .pluck();
    const isMissing = db.prepare<[number, number], number>(missingSql(index)).pluck();
    let after: number | null = -1;
    for (let last = turnEnd.get(after); typeof last === 'number'; last = turnEnd.get(after)) {
      if (isMissing.get(after, last) === 1)
        throw new VedetteError('STORE_DAMAGED', `index '${index.name}' does not match its table`);
      after = last;
      yield;
    }
  }
}

function missingSql({ name, table, keys, where = 'true' }: Index): string {
  const same = keys.map((key) => `${of('entry', key)} IS ${of('line', key)}`);
  return `
    SELECT EXISTS (SELECT 1 FROM ${table} AS line NOT INDEXED WHERE line.rowid > ? AND line.rowid <= ? AND ${where}
      AND line.rowid IS NOT (SELECT entry.rowid FROM ${table} AS entry INDEXED BY ${name}
                             WHERE ${same.join(' AND ')} AND entry.rowid = line.rowid AND ${where}))`;
}

function of(table: string, key: string): string {
  return key.includes('@') ? key.replaceAll('@', table) : `${table}.${key}`;
}

function pathIndex(name: string, path: string): Index {
  const extract = (body: string): string => `json_extract(${body}, '${path}')`;
  return { name, table: 'outbox', keys: [extract('@.body')], where: `${extract('body')} IS NOT NULL` };
}
