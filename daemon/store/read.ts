// The way into vedette.db for whoever only looks, while the daemon runs or not, and what events and alerts look like from
// there: read-only, never locks the writer out, never sets anything aside. Synchronous; not for the daemon's main thread.
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import type { Condition } from '../core/trace-types.ts';
import type { ClipRef, SnapshotRef } from '../core/types.ts';
import { readProblem, reasonOf, VedetteError } from '../platform/errors.ts';
import { codeOf, isDamage } from './failures.ts';
import { isBlank, refuseNewer, SCHEMA_VERSION, versionOf } from './migrations.ts';
import { APPLICATION_ID } from './schema.ts';

/** One event as of its last change. Times are wall clock milliseconds. */
export interface EventRecord {
  readonly id: string;
  readonly camera: string;
  readonly label: string;
  readonly track: number;
  readonly score: number;
  /** It had stopped moving at its last change. */
  readonly stationary: boolean;
  readonly zonesEntered: readonly string[];
  readonly startedAtMs: number;
  readonly updatedAtMs: number;
  /** Undefined while it lasts. */
  readonly endedAtMs: number | undefined;
  /** `interrupted`: the daemon ended it at its next start. */
  readonly endReason: string | undefined;
  /** Best picture; undefined when there is none, none yet, or none any more. */
  readonly snapshot: SnapshotRef | undefined;
  /** Changes of it that no subscriber was there to hear. */
  readonly unheard: number;
}

/** One alert; what it has not is undefined, as in `Alert`. */
export interface AlertRecord {
  readonly id: string;
  readonly eventId: string | undefined;
  /** Of a group: all of them. */
  readonly eventIds: readonly string[] | undefined;
  readonly seq: number;
  readonly rule: string;
  readonly trigger: string;
  readonly severity: string;
  readonly camera: string | undefined;
  readonly label: string | undefined;
  readonly zone: string | undefined;
  readonly line: string | undefined;
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly fault: string | undefined;
  readonly count: number;
  readonly score: number | undefined;
  readonly message: string;
  readonly atMs: number;
  readonly because: readonly Condition[];
  /** Where it was published once more, below vedette/<device>/. */
  readonly topic: string | undefined;
  /** Best picture when the rule fired; undefined as that of an event. */
  readonly snapshot: SnapshotRef | undefined;
  /** Video of that moment; undefined when there is none, none yet, or none any more. */
  readonly clip: ClipRef | undefined;
  /** When its delivery was given up, for no subscriber was there to hear; undefined otherwise. */
  readonly unheardAtMs: number | undefined;
}

/** systemd/vedette.service, StateDirectory=. */
const SERVICE_DATABASE = '/var/lib/vedette/vedette.db';

/** Path and hash of the picture that a row names, while it is kept. */
export const KEPT_PICTURE = `
  iif(EXISTS (SELECT 1 FROM snapshots WHERE path = snapshot_path),
      json_object('path', snapshot_path, 'sha256', snapshot_sha256), NULL) AS snapshot`;
/** SQLite has no truth values: as JSON. */
export const STATIONARY = "iif(stationary, 'true', 'false') AS stationary";
/** Columns of an AlertRecord, and those of them that hold JSON. */
export const ALERT_RECORD = `
  id, event_id AS eventId, event_ids AS eventIds, seq, rule, trigger, severity, camera, label, zone, line,
  side_from AS "from", side_to AS "to", fault, count, score, message, at_ms AS atMs, because, topic,
  unheard_at_ms AS unheardAtMs, ${KEPT_PICTURE},
  iif(EXISTS (SELECT 1 FROM snapshots WHERE path = clip_path), json_object('path', clip_path), NULL) AS clip`;
export const ALERT_RECORD_JSON: readonly string[] = ['eventIds', 'because', 'snapshot', 'clip'];

/**
 * A read-only connection to a database of this version. Throws DATA_DIR_UNUSABLE (missing, not ours, not readable),
 * STORE_DAMAGED or STORE_NEWER. The folder must be writable for SQLite's shared memory file, or the daemon must be
 * running.
 */
export function connectReadOnly(path: string): Database.Database {
  requireReadable(path);
  let db: Database.Database | undefined;
  try {
    db = new Database(path, { readonly: true, fileMustExist: true });
    if (isBlank(db)) {
      const message = `there is nothing in database '${path}' yet: start the daemon once`;
      throw new VedetteError('DATA_DIR_UNUSABLE', message, { path });
    }
    if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
      throw new VedetteError('DATA_DIR_UNUSABLE', `'${path}' is not a vedette database`, { path });
    }
    refuseNewer(db);
    const version = versionOf(db);
    if (version < SCHEMA_VERSION) {
      throw new VedetteError(
        'DATA_DIR_UNUSABLE',
        `database '${path}' has version ${version}, this vedette reads version ${SCHEMA_VERSION}: start the daemon once, it brings the file up to date`,
        { path, version },
      );
    }
    // Reads the tables' names: a file that is damaged at its beginning is noticed here, not at the first question.
    db.prepare('SELECT count(*) FROM sqlite_master').get();
    return db;
  } catch (error) {
    db?.close();
    if (error instanceof VedetteError) throw error;
    const code = isDamage(error) ? 'STORE_DAMAGED' : 'DATA_DIR_UNUSABLE';
    throw new VedetteError(code, `database '${path}' cannot be read: ${reasonOf(error)}`, { path }, error);
  }
}

/** Throws DATA_DIR_UNUSABLE. By access(2) and not by opening: a descriptor of ours, closed again, would drop SQLite's locks (folder.ts). */
export function requireReadable(path: string): void {
  let reason = `no database at '${path}': name the data folder of the daemon with --data`;
  try {
    accessSync(path, constants.R_OK);
    return;
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR'].includes(codeOf(error))) {
      reason = `database '${path}' ${readProblem(error)}: run this as the user of the daemon`;
    } else if (existsSync(SERVICE_DATABASE)) {
      reason = `${reason} (the service keeps it in '${dirname(SERVICE_DATABASE)}')`;
    }
    throw new VedetteError('DATA_DIR_UNUSABLE', reason, { path }, error);
  }
}

/** NULL is only for SQL: absent values are undefined. Columns named in `json` hold JSON. */
export function recordOf<T>(row: object, json: readonly string[]): T {
  const fields = Object.entries(row).map(([name, value]: [string, unknown]) => [
    name,
    json.includes(name) && typeof value === 'string' ? (JSON.parse(value) as unknown) : (value ?? undefined),
  ]);
  return Object.fromEntries(fields) as T;
}
