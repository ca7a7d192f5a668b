// Looks at history.db: SQLite's own check, and whether every observation, fact and trace in it can be read back. In pages,
// read-only, also while the daemon writes. Any thread.
import Database from 'better-sqlite3';
import type { TrackTrace } from '../core/trace-types.ts';
import type { CameraStatus } from '../core/types.ts';
import type { Finding } from '../platform/finding.ts';
import { hasHistory } from './history-reader.ts';
import { HISTORY_APPLICATION_ID, HISTORY_MIGRATIONS, NOTES_VERSION } from './history-schema.ts';
import { versionOf } from './migrations.ts';
import { decodeBody } from './observation-codec.ts';
import { type Check, Faults, type Progress } from './verification.ts';

const PAGE_ROWS = 500;
const ADVICE = 'stop the daemon and move it away: a new one begins; only what rules are tried on is lost';

interface Row {
  readonly row: number;
  readonly name: string | null;
  readonly run: number | null;
  readonly atMs: number;
  readonly monoMs: number;
  readonly body: Buffer;
}

/** The file is there with the first observation; without one nothing is wrong. */
export function* checkHistory(path: string): Check {
  if (!hasHistory(path)) {
    yield { level: 'ok', message: 'no observations yet' };
    return;
  }
  const db = new Database(path, { readonly: true, fileMustExist: true });
  try {
    if (db.pragma('application_id', { simple: true }) !== HISTORY_APPLICATION_ID) {
      yield { level: 'fault', message: `'${path}' is not a vedette history`, advice: 'move it away' };
      return;
    }
    const [version, known] = [versionOf(db), HISTORY_MIGRATIONS.length];
    // One of an older version is brought up to date by the next start.
    if (version > known) {
      yield {
        level: 'fault',
        message: `history.db has version ${version}, this vedette reads version ${known}`,
      };
      return;
    }
    yield* checkPages(db);
    yield* checkRows(db, version);
  } finally {
    db.close();
  }
}

function* checkPages(db: Database.Database): Check {
  const faults = new Faults('what SQLite found');
  const lines = db.prepare<[], string>('PRAGMA integrity_check(1000)').pluck().all();
  for (const line of lines.flatMap((text) => text.split('\n'))) {
    if (line !== 'ok') yield* faults.add(line, faults.none ? ADVICE : undefined);
  }
  yield* faults.rest();
}

function* checkRows(db: Database.Database, version: number): Check {
  const faults = new Faults('rows that cannot be read back');
  const words = [`${yield* checkObservations(db, faults)} observations`];
  if (version >= NOTES_VERSION) {
    words.push(`${yield* checkFacts(db, faults)} facts`, `${yield* checkTraces(db, faults)} traces`);
  }
  yield* faults.rest();
  if (faults.none) yield { level: 'ok', message: `${words.join(', ')}: all can be read back` };
}

/** Returns how many there were. */
type Counting = Generator<Finding | Progress, number>;

function* checkObservations(db: Database.Database, faults: Faults): Counting {
  const names = db.prepare<[number], string>('SELECT name FROM names WHERE id = ?').pluck();
  const known = new Map<number, string | undefined>();
  const nameOf = (id: number): string | undefined => {
    if (known.get(id) === undefined) known.set(id, names.get(id));
    return known.get(id);
  };
  const page = db.prepare<[number], Row>(`
    SELECT row, (SELECT name FROM names WHERE id = camera) AS name, (SELECT id FROM runs WHERE id = run) AS run,
           at_ms AS atMs, mono_ms AS monoMs, body
    FROM observations WHERE row > ? ORDER BY row LIMIT ${PAGE_ROWS}`);
  const of = db.prepare<[], number | null>('SELECT max(row) FROM observations').pluck().get() ?? 0;
  let [after, count] = [0, 0];
  for (let rows = page.all(after); rows.length > 0; rows = page.all(after)) {
    for (const row of rows) {
      after = row.row;
      count += 1;
      const problem = problemOf(row, nameOf);
      if (problem !== undefined) yield* faults.add(`observation ${after}: ${problem}`);
    }
    yield { done: after, of };
  }
  return count;
}

/** All there are: the compiler misses one that is not here. */
const STATUSES: Readonly<Record<CameraStatus, true>> = {
  disabled: true,
  offline: true,
  frozen: true,
  blind: true,
  moved: true,
  online: true,
};

/** What a fact may say, by kind. */
const FACT_VALUES: Readonly<Record<string, RegExp>> = {
  armed: /^[01]$/,
  status: new RegExp(`^(?:${Object.keys(STATUSES).join('|')})$`),
  fault: /^(?:detector|disk):[01]$/,
};

function* checkFacts(db: Database.Database, faults: Faults): Counting {
  const page = db.prepare<[number], { row: number; kind: string; value: string; known: number }>(`
    SELECT row, kind, value, run IN (SELECT id FROM runs)
      AND iif(kind = 'fault', camera IS NULL, camera IN (SELECT id FROM names)) AS known
    FROM facts WHERE row > ? ORDER BY row LIMIT ${PAGE_ROWS}`);
  let [after, count] = [0, 0];
  for (let rows = page.all(after); rows.length > 0; rows = page.all(after)) {
    for (const { row, kind, value, known } of rows) {
      after = row;
      count += 1;
      if (known !== 1) yield* faults.add(`fact ${row}: its camera or its life of the daemon is not known`);
      else if (FACT_VALUES[kind]?.test(value) !== true)
        yield* faults.add(`fact ${row}: ${kind} cannot be '${value}'`);
    }
  }
  return count;
}

interface KeptTrace {
  readonly row: number;
  readonly camera: string | null;
  readonly run: number | null;
  readonly track: number;
  readonly body: string;
}

function* checkTraces(db: Database.Database, faults: Faults): Counting {
  const page = db.prepare<[number], KeptTrace>(`
    SELECT row, (SELECT name FROM names WHERE id = camera) AS camera, (SELECT id FROM runs WHERE id = run) AS run,
           track, body
    FROM traces WHERE row > ? ORDER BY row LIMIT ${PAGE_ROWS}`);
  const of = db.prepare<[], number | null>('SELECT max(row) FROM traces').pluck().get() ?? 0;
  let [after, count] = [0, 0];
  for (let rows = page.all(after); rows.length > 0; rows = page.all(after)) {
    for (const trace of rows) {
      after = trace.row;
      count += 1;
      if (!isWhole(trace)) yield* faults.add(`trace ${after}: its text does not fit its row`);
    }
    yield { done: after, of };
  }
  return count;
}

/** The text is a trace, and of the track that its row names. */
function isWhole({ camera, run, track, body }: KeptTrace): boolean {
  if (run === null || camera === null) return false;
  try {
    const trace = JSON.parse(body) as Partial<TrackTrace> | null;
    return trace?.camera === camera && trace.track === track && Array.isArray(trace.rules);
  } catch {
    return false;
  }
}

function problemOf(
  { name, run, atMs, monoMs, body }: Row,
  nameOf: (id: number) => string | undefined,
): string | undefined {
  if (name === null) return 'its camera has no name';
  if (run === null) return 'its life of the daemon is not known';
  try {
    decodeBody(
      new DataView(body.buffer, body.byteOffset, body.byteLength),
      { camera: name, atMs, monoMs },
      nameOf,
    );
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}
