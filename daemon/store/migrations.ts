// Brings a database to the version this daemon speaks: `PRAGMA user_version` counts, one entry per step, each step one
// transaction. A step, once released, is never edited: a new one is added. Worker thread and tests.
import type Database from 'better-sqlite3';
import { VedetteError } from '../platform/errors.ts';
import { APPLICATION_ID, SCHEMA_1, SCHEMA_2, SCHEMA_3, SCHEMA_4, SCHEMA_5 } from './schema.ts';

/** What a step may need besides the database. */
export interface MigrationContext {
  /** Name of the file, written when it is created. */
  readonly epoch: string;
  readonly nowMs: number;
}

export interface Migration {
  /** The version the file has afterwards; entry n of the list has version n + 1. */
  readonly version: number;
  run(db: Database.Database, context: MigrationContext): void;
}

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    run: (db, { epoch, nowMs }) => {
      db.pragma(`application_id = ${APPLICATION_ID}`);
      db.exec(SCHEMA_1);
      db.prepare('INSERT INTO meta (one, epoch, created_at_ms) VALUES (1, ?, ?)').run(epoch, nowMs);
    },
  },
  { version: 2, run: (db) => void db.exec(SCHEMA_2) },
  { version: 3, run: (db) => void db.exec(SCHEMA_3) },
  { version: 4, run: (db) => void db.exec(SCHEMA_4) },
  { version: 5, run: (db) => void db.exec(SCHEMA_5) },
];

/** The version this daemon writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** The version of a file: 0 for one without tables. */
export function versionOf(db: Database.Database): number {
  return Number(db.pragma('user_version', { simple: true }));
}

/** Whether nothing is in a file yet: it was just made, by us or by anybody. */
export function isBlank(db: Database.Database): boolean {
  if (db.pragma('application_id', { simple: true }) !== 0 || versionOf(db) !== 0) return false;
  return db.prepare('SELECT count(*) FROM sqlite_master').pluck().get() === 0;
}

/** Throws STORE_NEWER when the file was written by a newer daemon; nothing has been changed then. */
export function refuseNewer(db: Database.Database, versionMax = SCHEMA_VERSION): void {
  const version = versionOf(db);
  if (version <= versionMax) return;
  throw new VedetteError(
    'STORE_NEWER',
    `database '${db.name}' has version ${version}, this daemon knows up to ${versionMax}: install the newer vedette again or choose another folder with --data`,
    { path: db.name, version, versionMax },
  );
}

/** Runs the steps that are missing; a step that fails leaves the version before it. */
export function migrate(
  db: Database.Database,
  context: MigrationContext,
  migrations: readonly Migration[] = MIGRATIONS,
): void {
  refuseNewer(db, migrations.length);
  for (const migration of migrations.slice(versionOf(db))) {
    db.transaction(() => {
      migration.run(db, context);
      db.pragma(`user_version = ${migration.version}`);
    }).immediate();
  }
}
