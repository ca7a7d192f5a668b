// What history.db has kept, told again in its order: life by life of the daemon, observations as the rules took them then,
// and between them the facts of that time. Read-only and in pages, each its own short transaction, while the daemon writes
// or not. A row that cannot be read is counted, named and left out. Not for the daemon's main thread.
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { TrackTrace } from '../core/trace-types.ts';
import type { Fact, Moment } from '../core/types.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { isDamage } from './failures.ts';
import { FactReader, type KeptFact } from './history-facts.ts';
import { HISTORY_APPLICATION_ID, HISTORY_MIGRATIONS, NOTES_VERSION } from './history-schema.ts';
import { isBlank, refuseNewer, versionOf } from './migrations.ts';
import { decodeBodyAt, type KeptObservation } from './observation-codec.ts';
import { requireReadable } from './read.ts';

/** One life of the daemon. */
export interface HistoryRun {
  readonly id: number;
  /** What the rules knew beside observations was kept too (since version 2 of the file). */
  readonly hasFacts: boolean;
}

export interface HistoryListener {
  begin(run: HistoryRun): void;
  observe(observation: KeptObservation): void;
  learn(fact: Fact, moment: Moment): void;
  /** `last` is the newest moment that is known of this life. */
  end(last: Moment): void;
}

export interface HistoryRange {
  /** Wall clock, and how much before it the telling begins. */
  readonly sinceMs: number;
  readonly leadMs: number;
  /** Wall clock, not included. */
  readonly untilMs: number;
  /** Observations of these alone; all when absent. */
  readonly cameras?: ReadonlySet<string> | undefined;
}

/** Rows of a range: from the first to the last, both included. */
interface Window {
  readonly first: number;
  readonly last: number;
}

type Row = [row: number, run: number, camera: number, atMs: number, monoMs: number, bytes: number];
type Sample = Pick<KeptFact, 'atMs'> & { readonly row: number };

const PAGE_ROWS = 128;
/** The wall clock may jump, so rows are not in its order: looked at in steps of so many rows. */
const SAMPLE_ROWS = 1000;
const DAMAGES_NAMED = 5;

export class HistoryReader {
  readonly #db: Database.Database;
  readonly #page: Database.Statement<[number, number], Row>;
  readonly #bodies: Database.Statement<[number, number], Buffer | null>;
  readonly #facts: FactReader;
  readonly #names: (string | undefined)[] = [];
  readonly #nameOf = (id: number): string | undefined => this.#names[id] ?? this.#findName(id);
  readonly #damages: string[] = [];
  #damaged = 0;
  #trace: Database.Statement<[string], string> | undefined;

  /**
   * @throws VedetteError DATA_DIR_UNUSABLE where there is no history, or none of ours; STORE_NEWER; STORE_DAMAGED.
   */
  constructor(path: string) {
    this.#db = connectHistory(path);
    const rows = `FROM observations WHERE row > ? AND row <= ? ORDER BY row LIMIT ${PAGE_ROWS}`;
    this.#page = this.#db
      .prepare<[number, number], Row>(`SELECT row, run, camera, at_ms, mono_ms, length(body) ${rows}`)
      .raw();
    // One buffer for all bodies of a page, not one each: a million rows take half the time. Bytes that are no text stay as
    // they are: SQLite converts nothing between TEXT and BLOB of one encoding (sqlite.org/lang_expr.html, CAST).
    this.#bodies = this.#db
      .prepare<[number, number], Buffer | null>(
        `SELECT CAST(group_concat(body, '') AS BLOB) FROM (SELECT body ${rows})`,
      )
      .pluck();
    this.#facts = new FactReader(this.#db, this.#nameOf);
  }

  /** Rows that could not be read so far, and the first of them in words. */
  get damage(): { readonly count: number; readonly examples: readonly string[] } {
    return { count: this.#damaged, examples: this.#damages };
  }

  /** Wall clock of the oldest observation; undefined when there is none. */
  firstAtMs(): number | undefined {
    return this.#db.prepare<[], number>('SELECT at_ms FROM observations ORDER BY row LIMIT 1').pluck().get();
  }

  /** What the rules of then made of an object that has an event; undefined where it was not kept, or cannot be read. */
  traceOf(eventId: string): TrackTrace | undefined {
    if (versionOf(this.#db) < NOTES_VERSION) return undefined;
    this.#trace ??= this.#db
      .prepare<[string], string>('SELECT body FROM traces WHERE event_id = ? ORDER BY at_ms DESC LIMIT 1')
      .pluck();
    const body = unlessDamaged(() => this.#trace?.get(eventId));
    return body === undefined ? undefined : (JSON.parse(body) as TrackTrace);
  }

  /** Tells what is in the range; yields after every page how many rows of how many that was. */
  *tell(range: HistoryRange, listener: HistoryListener): Generator<{ done: number; of: number }> {
    const { first, last } = this.#windowOf(range);
    const telling = new Telling(listener, this.#facts, range);
    const of = Math.max(0, last - first + 1);
    for (let after = first - 1; after < last; ) {
      const told = this.#tellPage(after, last, telling, range.cameras);
      if (told === undefined) break;
      after = told;
      yield { done: Math.min(of, after - first + 1), of };
    }
    telling.finish();
  }

  close(): void {
    this.#db.close();
  }

  /** The last row of the page, undefined when there is none after `after`. */
  #tellPage(
    after: number,
    last: number,
    telling: Telling,
    cameras: ReadonlySet<string> | undefined,
  ): number | undefined {
    const page = this.#read(after, last);
    if (page === undefined)
      return this.#tellSingly(after, Math.min(last, after + PAGE_ROWS), telling, cameras);
    const { rows, bodies } = page;
    const view = new DataView(bodies.buffer, bodies.byteOffset, bodies.byteLength);
    let at = 0;
    for (const row of rows) {
      this.#tellRow(row, view, at, telling, cameras);
      at += row[5];
    }
    return rows.at(-1)?.[0];
  }

  #tellRow(
    [row, run, cameraId, atMs, monoMs, bytes]: Row,
    view: DataView,
    at: number,
    telling: Telling,
    cameras: ReadonlySet<string> | undefined,
  ): void {
    const camera = this.#nameOf(cameraId);
    if (camera === undefined) return this.#isDamaged(row, 'its camera has no name');
    telling.reach(run, atMs, monoMs);
    if (cameras !== undefined && !cameras.has(camera)) return;
    let observation: KeptObservation;
    try {
      observation = decodeBodyAt(view, { at, bytes }, { camera, atMs, monoMs }, this.#nameOf);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return this.#isDamaged(row, error.message);
    }
    telling.listener.observe(observation);
  }

  /** What of a damaged page of the file can still be read, row by row. */
  #tellSingly(
    after: number,
    last: number,
    telling: Telling,
    cameras: ReadonlySet<string> | undefined,
  ): number {
    for (let row = after + 1; row <= last; row += 1) {
      const page = this.#read(row - 1, row);
      if (page === undefined) {
        this.#isDamaged(row, 'its page of the file is damaged');
        continue;
      }
      const { rows, bodies } = page;
      if (rows[0] === undefined) continue;
      const view = new DataView(bodies.buffer, bodies.byteOffset, bodies.byteLength);
      this.#tellRow(rows[0], view, 0, telling, cameras);
    }
    return last;
  }

  /** In one transaction: the pruner may delete between two statements. Undefined where the file is damaged. */
  #read(after: number, last: number): { rows: Row[]; bodies: Buffer } | undefined {
    return unlessDamaged(() =>
      this.#db.transaction(() => {
        const rows = this.#page.all(after, last);
        return { rows, bodies: this.#bodies.get(after, last) ?? Buffer.alloc(0) };
      })(),
    );
  }

  #isDamaged(row: number, problem: string): void {
    this.#damaged += 1;
    if (this.#damages.length < DAMAGES_NAMED) this.#damages.push(`observation ${row}: ${problem}`);
  }

  #findName(id: number): string | undefined {
    const name = this.#db.prepare<[number], string>('SELECT name FROM names WHERE id = ?').pluck().get(id);
    if (name !== undefined) this.#names[id] = name;
    return name;
  }

  #windowOf({ sinceMs, leadMs, untilMs }: HistoryRange): Window {
    const samples = this.#samples();
    const begin = samples.findIndex(({ atMs }) => atMs >= sinceMs - leadMs);
    const end = samples.findLastIndex(({ atMs }) => atMs < untilMs);
    const first = samples[Math.max(0, (begin === -1 ? samples.length : begin) - 1)]?.row ?? 1;
    const newest =
      this.#db.prepare<[], number | null>('SELECT max(row) FROM observations').pluck().get() ?? 0;
    return { first, last: samples[end + 1]?.row ?? newest };
  }

  #samples(): Sample[] {
    const [first, last] = this.#db
      .prepare<[], [number | null, number | null]>(
        'SELECT (SELECT min(row) FROM observations), (SELECT max(row) FROM observations)',
      )
      .raw()
      .get()!;
    const next = this.#db.prepare<[number], Sample>(
      'SELECT row, at_ms AS atMs FROM observations WHERE row >= ? ORDER BY row LIMIT 1',
    );
    const samples: Sample[] = [];
    for (let row = first ?? 0; row <= (last ?? -1); row += SAMPLE_ROWS) {
      const sample = unlessDamaged(() => next.get(row));
      if (sample !== undefined) samples.push(sample);
    }
    return samples;
  }
}

/** Undefined where the file is damaged. */
function unlessDamaged<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (isDamage(error)) return undefined;
    throw error;
  }
}

/** Where the telling is: opens and ends lives of the daemon, and tells their facts in time. */
class Telling {
  readonly listener: HistoryListener;
  readonly #facts: FactReader;
  readonly #range: HistoryRange;
  #run: HistoryRun | undefined;
  #lastRun = 0;
  #atMs = 0;
  #monoMs = 0;
  #fact: KeptFact | undefined;

  constructor(listener: HistoryListener, facts: FactReader, range: HistoryRange) {
    this.listener = listener;
    this.#facts = facts;
    this.#range = range;
  }

  /** The next row is of this life and time. */
  reach(run: number, atMs: number, monoMs: number): void {
    if (this.#run?.id !== run) {
      this.#leave();
      this.#tellRunsBetween(this.#lastRun, run);
      this.#enter(run);
    }
    if (this.#fact !== undefined && this.#fact.monoMs <= monoMs) this.#tellFacts(monoMs);
    this.#atMs = atMs;
    this.#monoMs = Math.max(this.#monoMs, monoMs);
  }

  finish(): void {
    this.#leave();
    this.#tellRunsBetween(this.#lastRun, Number.POSITIVE_INFINITY);
  }

  #enter(id: number): void {
    this.#run = { id, hasFacts: this.#facts.open(id) };
    this.#lastRun = id;
    this.#monoMs = Number.NEGATIVE_INFINITY;
    this.listener.begin(this.#run);
    // The telling may begin far from the beginning of this life: what stands by then.
    const { sinceMs, leadMs } = this.#range;
    for (const { fact, ...moment } of this.#facts.standing(sinceMs - leadMs)) this.#learn(fact, moment);
    this.#fact = this.#facts.next();
  }

  /** Lives in which nothing was seen, but something known: a camera that was offline throughout. */
  #tellRunsBetween(after: number, before: number): void {
    const { sinceMs, leadMs, untilMs } = this.#range;
    for (const { id, firstAtMs, lastAtMs } of this.#facts.runsBetween(after, before)) {
      if (firstAtMs >= untilMs || lastAtMs < sinceMs - leadMs) continue;
      this.#enter(id);
      this.#leave();
    }
  }

  #tellFacts(monoMs: number): void {
    while (this.#fact !== undefined && this.#fact.monoMs <= monoMs) {
      const { fact, ...moment } = this.#fact;
      this.#fact = this.#facts.next();
      if (moment.atMs < this.#range.untilMs) this.#learn(fact, moment);
    }
  }

  #learn(fact: Fact, moment: Moment): void {
    this.listener.learn(fact, moment);
    if (moment.monoMs <= this.#monoMs) return;
    this.#atMs = moment.atMs;
    this.#monoMs = moment.monoMs;
  }

  #leave(): void {
    if (this.#run === undefined) return;
    this.#tellFacts(Number.POSITIVE_INFINITY);
    this.listener.end({ atMs: this.#atMs, monoMs: this.#monoMs });
    this.#run = undefined;
  }
}

/** Whether there is a history, or something else in its place: a file that the daemon is just making is none yet. */
export function hasHistory(path: string): boolean {
  if (!existsSync(path)) return false;
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { readonly: true, fileMustExist: true });
    return !isBlank(db);
  } catch {
    // What is wrong with it is told by whoever reads it.
    return true;
  } finally {
    db?.close();
  }
}

/** A read-only connection to a history, of this version or an older one. Throws as the constructor above. */
export function connectHistory(path: string): Database.Database {
  requireReadable(path);
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { readonly: true, fileMustExist: true });
    if (db.pragma('application_id', { simple: true }) !== HISTORY_APPLICATION_ID || versionOf(db) === 0) {
      throw new VedetteError('DATA_DIR_UNUSABLE', `'${path}' is not a vedette history`, { path });
    }
    refuseNewer(db, HISTORY_MIGRATIONS.length);
    db.prepare('SELECT count(*) FROM sqlite_master').get();
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof VedetteError) throw error;
    const code = isDamage(error) ? 'STORE_DAMAGED' : 'DATA_DIR_UNUSABLE';
    throw new VedetteError(code, `history '${path}' cannot be read: ${reasonOf(error)}`, { path }, error);
  }
}
