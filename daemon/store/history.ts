// history.db: writes observations, facts and traces in batches, when the store's thread has nothing better to do. Less careful than
// vedette.db, for an observation is worth less: a power cut may take the last minutes (synchronous=NORMAL), a full disk
// stops it first, a damaged file is set aside and begun anew. Never throws at its caller. Worker thread.
import { statfsSync, statSync } from 'node:fs';
import Database from 'better-sqlite3';
import type { Fact } from '../core/types.ts';
import type { Clock } from '../platform/clock.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { createPrivate } from '../platform/file-lock.ts';
import { asideName, moveAside } from './database.ts';
import { codeOf, isDamage } from './failures.ts';
import { ROW_HEAD_BYTES } from './history-feed.ts';
import type { HistoryBatch, HistoryStatus } from './history-messages.ts';
import { HistoryPruner } from './history-pruner.ts';
import { HISTORY_APPLICATION_ID, HISTORY_MIGRATIONS } from './history-schema.ts';
import type { StoreLimits } from './messages.ts';
import { isBlank, migrate } from './migrations.ts';
import { renumber } from './observation-codec.ts';
import { MEGABYTE } from './options.ts';
import type { Paths } from './paths.ts';

export interface HistoryOptions {
  readonly paths: Paths;
  /** Id of the Store: one life of the daemon. */
  readonly writer: string;
  readonly bootId: string;
  readonly clock: Clock;
  readonly ageClockMs: () => number;
  readonly limits: StoreLimits;
}

/** Small steps: copying the write-ahead log into the file waits for the disk, and a commit may be waiting for this. */
const CHECKPOINT_PAGES = 256;
/** Observations stop while the disk has less room than so many reserves: alerts go on in what is left. */
const RESERVES_FREE = 4;
const RESERVE_MB_MIN = 8;
/** After a failure nothing is tried for so long; what comes meanwhile is dropped. */
const PAUSE_MS = 30_000;
/** Files set aside in one life: a disk that damages one after the other must not fill up with them. */
const DAMAGES_MAX = 2;

/** A track has one row: the newest trace of it. */
const PUT_TRACE = `
  INSERT INTO traces (run, camera, track, event_id, started_at_ms, at_ms, ended_at_ms, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (run, camera, track, started_at_ms) DO UPDATE SET
    event_id = excluded.event_id, at_ms = excluded.at_ms, ended_at_ms = excluded.ended_at_ms, body = excluded.body`;

interface Open {
  readonly db: Database.Database;
  readonly run: number;
  readonly names: Map<string, number>;
  readonly pruner: HistoryPruner;
  readonly insert: Database.Statement<[number, number, number, number, Buffer]>;
  readonly addName: Database.Statement<[number, string]>;
  readonly addFact: Database.Statement<[number, number, number, string, number | null, string]>;
  readonly putTrace: Database.Statement<
    [number, number, number, string | null, number, number, number | null, string]
  >;
}

export class History {
  readonly #options: HistoryOptions;
  #limits: StoreLimits;
  #open: Open | undefined;
  #problem = '';
  #quietUntilMonoMs = 0;
  #damages = 0;
  #damage: string | undefined;

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#limits = options.limits;
  }

  setLimits(limits: StoreLimits): void {
    this.#limits = limits;
    this.#open?.pruner.setLimits(limits);
  }

  /** Writes a batch in one transaction, or says why not. Opens the file with the first. */
  write(batch: HistoryBatch): HistoryStatus {
    const rows = rowsIn(batch.rows);
    const kept = this.#attempt(rows, batch);
    const written = kept ? rows.length : 0;
    const damage = this.#damage;
    this.#damage = undefined;
    return {
      type: 'history',
      written,
      dropped: rows.length - written,
      kept,
      bytes: this.#bytes(),
      problem: this.#problem,
      ...(damage === undefined ? {} : { damage }),
    };
  }

  #bytes(): number {
    try {
      return this.#open?.pruner.bytes ?? 0;
    } catch {
      // A disk that cannot be read is told by the batch that could not be written.
      return 0;
    }
  }

  close(): void {
    this.#open?.pruner.stop();
    try {
      this.#open?.db.close();
    } catch {
      // What is in the write-ahead log is read from there by the next start.
    }
    this.#open = undefined;
  }

  #attempt(rows: readonly Row[], batch: HistoryBatch): boolean {
    if (this.#limits.historyKeepMb === 0) return this.#is('');
    if (this.#options.clock.monoMs() < this.#quietUntilMonoMs) return false;
    try {
      const room = this.#roomWords();
      if (room !== undefined) return this.#is(room);
      this.#open ??= this.#openFile();
      this.#insert(this.#open, rows, batch);
      this.#open.pruner.wrote();
      this.#is('');
      return true;
    } catch (error) {
      return this.#failed(error);
    }
  }

  /** Also for damage that the pruner finds while it reads. */
  #failed(error: unknown): false {
    this.#quietUntilMonoMs = this.#options.clock.monoMs() + PAUSE_MS;
    if (!isDamage(error)) {
      const full = codeOf(error) === 'SQLITE_FULL';
      return this.#is(full ? 'no space left on the disk' : reasonOf(error));
    }
    this.close();
    this.#damages += 1;
    const { paths, clock } = this.#options;
    const file = filesOf(paths);
    try {
      const setAside = asideName(file, clock.nowMs());
      moveAside(file, setAside);
      this.#quietUntilMonoMs = this.#damages < DAMAGES_MAX ? 0 : Infinity;
      this.#damage = `history.db was damaged (${reasonOf(error)}) and is kept as '${setAside}'; a new one begins`;
      return this.#is('history.db was damaged again and again: look at the disk, then restart');
    } catch (moving) {
      return this.#is(`history.db is damaged and cannot be set aside: ${reasonOf(moving)}`);
    }
  }

  #is(problem: string): false {
    this.#problem = problem;
    return false;
  }

  #roomWords(): string | undefined {
    const { bavail, bsize } = statfsSync(this.#options.paths.dataDir);
    const megabytes = RESERVES_FREE * Math.max(RESERVE_MB_MIN, this.#limits.reserveMb);
    if (bavail * bsize >= megabytes * MEGABYTE) return undefined;
    return `the disk has less than ${megabytes} MB free, kept for alerts`;
  }

  #openFile(): Open {
    const { paths, writer, bootId, clock, ageClockMs } = this.#options;
    const fresh = (statSync(paths.history, { throwIfNoEntry: false })?.size ?? 0) === 0;
    createPrivate(paths.history);
    const db = new Database(paths.history);
    try {
      // Only before the first table: pages that pruning frees can then be given back to the disk.
      if (fresh) db.pragma('auto_vacuum = INCREMENTAL');
      db.pragma('journal_mode = WAL');
      db.pragma('synchronous = NORMAL');
      db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
      if (!fresh) requireOurs(db);
      migrate(db, { epoch: '', nowMs: clock.nowMs() }, HISTORY_MIGRATIONS);
      db.prepare('INSERT OR IGNORE INTO runs (writer, boot_id, at_ms) VALUES (?, ?, ?)').run(
        writer,
        bootId,
        Math.round(clock.nowMs()),
      );
      const onTrouble = (error: unknown): void => {
        // A full disk or the like: tried again with the next round, and writing goes on meanwhile.
        if (isDamage(error)) this.#failed(error);
      };
      const pruner = new HistoryPruner({ db, clock, ageClockMs, onTrouble });
      pruner.setLimits(this.#limits);
      pruner.start();
      const names = db.prepare<[], [string, number]>('SELECT name, id FROM names').raw().all();
      return {
        db,
        run: db.prepare<[string], number>('SELECT id FROM runs WHERE writer = ?').pluck().get(writer)!,
        names: new Map(names),
        pruner,
        insert: db.prepare(
          'INSERT INTO observations (run, camera, at_ms, mono_ms, body) VALUES (?, ?, ?, ?, ?)',
        ),
        addName: db.prepare('INSERT INTO names (id, name) VALUES (?, ?)'),
        addFact: db.prepare(
          'INSERT INTO facts (run, at_ms, mono_ms, kind, camera, value) VALUES (?, ?, ?, ?, ?, ?)',
        ),
        putTrace: db.prepare(PUT_TRACE),
      };
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** Facts first: they stand before what was seen since. */
  #insert(open: Open, rows: readonly Row[], { names: given, facts, traces }: HistoryBatch): void {
    const { db, run, names, insert } = open;
    const added: string[] = [];
    const idOf = (name: string): number => {
      let id = names.get(name);
      if (id === undefined) {
        id = names.size;
        open.addName.run(id, name);
        names.set(name, id);
        added.push(name);
      }
      return id;
    };
    const numberOf = (index: number): number => idOf(given[index] ?? '');
    const areTracesKept = this.#limits.tracesKeepMb > 0;
    try {
      db.transaction(() => {
        for (const { fact, moment } of facts) {
          const camera = fact.kind === 'fault' ? null : idOf(fact.camera);
          open.addFact.run(run, Math.round(moment.atMs), moment.monoMs, fact.kind, camera, factText(fact));
        }
        for (const { camera, atMs, monoMs, body } of rows) {
          renumber(new DataView(body.buffer, body.byteOffset, body.byteLength), numberOf);
          insert.run(run, numberOf(camera), Math.round(atMs), monoMs, body);
        }
        for (const { camera, track, eventId, startedAtMs, atMs, endedAtMs, body } of areTracesKept
          ? traces
          : []) {
          const ended = endedAtMs === undefined ? null : Math.round(endedAtMs);
          const times = [Math.round(startedAtMs), Math.round(atMs), ended] as const;
          open.putTrace.run(run, idOf(camera), track, eventId ?? null, ...times, body);
        }
      }).immediate();
    } catch (error) {
      for (const name of added) names.delete(name);
      throw error;
    }
  }
}

function factText(fact: Fact): string {
  if (fact.kind === 'status') return fact.status;
  return fact.kind === 'armed' ? `${Number(fact.armed)}` : `${fact.fault}:${Number(fact.active)}`;
}

interface Row {
  readonly camera: number;
  readonly atMs: number;
  readonly monoMs: number;
  readonly body: Buffer;
}

function rowsIn(buffer: ArrayBuffer): Row[] {
  const view = new DataView(buffer);
  const rows: Row[] = [];
  for (let at = 0; at < buffer.byteLength; ) {
    const bytes = view.getUint32(at, true);
    rows.push({
      camera: view.getUint32(at + 4, true),
      atMs: view.getFloat64(at + 8, true),
      monoMs: view.getFloat64(at + 16, true),
      body: Buffer.from(buffer, at + ROW_HEAD_BYTES, bytes),
    });
    at += ROW_HEAD_BYTES + bytes;
  }
  return rows;
}

/** The paths of history.db in the words of those of vedette.db. */
function filesOf({ dataDir, history }: Paths): Pick<Paths, 'dataDir' | 'database' | 'wal' | 'shm'> {
  return { dataDir, database: history, wal: `${history}-wal`, shm: `${history}-shm` };
}

/** Someone else's file is neither damaged nor ours. */
function requireOurs(db: Database.Database): void {
  if (db.pragma('application_id', { simple: true }) === HISTORY_APPLICATION_ID || isBlank(db)) return;
  throw new VedetteError('DATA_DIR_UNUSABLE', `'${db.name}' is not a vedette history: move it away`);
}
