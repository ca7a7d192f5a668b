// Looks at history.db: SQLite's own check, and whether every observation in it can be read back. In pages, read-only, also
// while the daemon writes. Any thread.
import { existsSync } from 'node:fs';
import Database from 'better-sqlite3';
import { HISTORY_APPLICATION_ID, HISTORY_MIGRATIONS } from './history-schema.ts';
import { versionOf } from './migrations.ts';
import { decodeBody } from './observation-codec.ts';
import { type Check, Faults } from './verification.ts';

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
  if (!existsSync(path)) {
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
    if (version !== known) {
      yield {
        level: 'fault',
        message: `history.db has version ${version}, this vedette reads version ${known}`,
      };
      return;
    }
    yield* checkPages(db);
    yield* checkObservations(db);
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

function* checkObservations(db: Database.Database): Check {
  const faults = new Faults('observations');
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
  yield* faults.rest();
  if (faults.none) yield { level: 'ok', message: `${count} observations can be read back` };
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
