// `vedette verify` without its words on the screen: looks at a data folder from outside, while the daemon runs or not, and
// tells everything that is not as it should be. Changes nothing. In turns, so that whoever runs it can stop it and show
// how far it is. Any thread but the daemon's main one.
import Database from 'better-sqlite3';
import { reasonOf } from '../platform/errors.ts';
import type { Finding } from '../platform/finding.ts';
import { isDamage } from './failures.ts';
import { migrate } from './migrations.ts';
import { pathsIn } from './paths.ts';
import { connectReadOnly, requireReadable } from './read.ts';
import { type Check, Faults, type Progress } from './verification.ts';
import { checkFolder, checkPictures } from './verify-files.ts';
import { checkHistory } from './verify-history.ts';
import { checkAlerts, checkEntries, checkEvents, checkNumbers, checkOutbox } from './verify-journal.ts';

export interface VerifyOptions {
  /** Absolute path. */
  readonly dataDir: string;
  /** Whether every picture is read. */
  readonly pictures: boolean;
}

/** What one check says, with its name. */
export type Told = { readonly check: string } & (
  | { readonly finding: Finding; readonly progress?: never }
  | { readonly progress: Progress; readonly finding?: never }
);

/** Throws DATA_DIR_UNUSABLE when there is no database in the folder, or none that this user may read. */
export function* verifyFolder({ dataDir, pictures }: VerifyOptions): Generator<Told, void> {
  const paths = pathsIn(dataDir);
  requireReadable(paths.database);
  yield* named('folder', checkFolder(paths));
  let db: Database.Database | undefined;
  try {
    db = connectReadOnly(paths.database);
    yield* checkDatabase(db);
    if (pictures) yield* named('pictures', checkPictures(db, dataDir));
  } catch (error) {
    yield { check: 'database', finding: { level: 'fault', message: reasonOf(error) } };
  } finally {
    db?.close();
  }
  yield* named('history', checkHistory(paths.history));
}

/** One after the other; what a damaged page hides from one, another may still be able to tell. */
function* checkDatabase(db: Database.Database): Generator<Told, void> {
  yield* named('database', checkIntegrity(db));
  yield* named('tables', checkTables(db));
  yield* named('numbers', checkNumbers(db));
  yield* named('journal', checkEntries(db));
  yield* named('events', checkEvents(db));
  yield* named('alerts', checkAlerts(db));
  yield* named('outbox', checkOutbox(db));
}

function* named(check: string, steps: Check): Generator<Told, void> {
  try {
    for (const step of steps) yield 'level' in step ? { check, finding: step } : { check, progress: step };
  } catch (error) {
    // A missing table has been told by `tables`, a bad page by `database`: here it only says that this check ended early.
    if (!isDamage(error) && !(error instanceof Database.SqliteError) && !(error instanceof SyntaxError))
      throw error;
    yield { check, finding: { level: 'fault', message: `not all of it can be read: ${reasonOf(error)}` } };
  }
}

/** What SQLite itself finds: one long read, some seconds for a large file. */
function* checkIntegrity(db: Database.Database): Check {
  const faults = new Faults('what SQLite found');
  const lines = db.prepare<[], string>('PRAGMA integrity_check(1000)').pluck().all();
  const damaged =
    'start the daemon again, and leave it running: it sets a damaged file aside and saves what it can, at once or, where only an index is at fault, some minutes later';
  for (const line of lines.flatMap((text) => text.split('\n'))) {
    if (line !== 'ok') yield* faults.add(line, faults.none ? damaged : undefined);
  }
  yield* faults.rest();
  if (!faults.none) return;
  const pages = Number(db.pragma('page_count', { simple: true }));
  const bytes = pages * Number(db.pragma('page_size', { simple: true }));
  yield { level: 'ok', message: `vedette.db is sound (${(bytes / 1e6).toFixed(1)} MB)` };
}

interface SchemaRow {
  readonly name: string;
  readonly type: string;
  readonly sql: string | null;
}

/** Tables, indexes and triggers are those of this version: without the trigger, say, the journal could be edited. */
function* checkTables(db: Database.Database): Check {
  const fresh = new Database(':memory:');
  try {
    migrate(fresh, { epoch: '0000000000000000', nowMs: 0 });
    const [expected, found] = [schemaOf(fresh), schemaOf(db)];
    const faults = new Faults('parts of the schema');
    for (const [name, { type, sql }] of expected) {
      const there = found.get(name);
      if (there === undefined) yield* faults.add(`${type} ${name} is missing`);
      else if (there.sql !== sql) yield* faults.add(`${type} ${name} is not that of this version`);
    }
    for (const [name, { type }] of found) {
      if (!expected.has(name)) yield* faults.add(`${type} ${name} is not ours`);
    }
    yield* faults.rest();
    if (faults.none) yield { level: 'ok', message: `${expected.size} tables, indexes and triggers` };
  } finally {
    fresh.close();
  }
}

function schemaOf(db: Database.Database): Map<string, SchemaRow> {
  const rows = db
    .prepare<[], SchemaRow>(
      "SELECT name, type, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
    )
    .all();
  return new Map(rows.map((row) => [row.name, row]));
}
