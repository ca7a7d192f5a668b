// The data folder after a run, read as an owner's tool would read it: what was committed, whether the files are sound.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { ROOT } from '../support/needs.ts';
import type { Committed, CommittedMessage } from './verdict.ts';

const MAIN = join(ROOT, 'daemon/main.ts');

interface JournalRow {
  readonly kind: string;
  readonly seq: number;
  readonly id: string;
  readonly atMs: number;
}

/** Messages in the outbox; undefined while the file cannot be read. */
export function waitingRows(dataDir: string): number | undefined {
  try {
    return withDatabase(join(dataDir, 'vedette.db'), (db) =>
      Number(db.prepare('SELECT count(*) FROM outbox').pluck().get()),
    );
  } catch {
    return undefined;
  }
}

export function committedIn(dataDir: string): Committed {
  return withDatabase(join(dataDir, 'vedette.db'), (db) => {
    const rows = db
      .prepare<[], JournalRow>(
        "SELECT kind, seq, subject_id AS id, at_ms AS atMs FROM journal WHERE kind IN ('new', 'update', 'end', 'alert') ORDER BY entry",
      )
      .all();
    const ids = (sql: string): Set<string> => new Set(db.prepare<[], string>(sql).pluck().all());
    const counters = db.prepare<[], [string, number]>('SELECT kind, last_seq FROM counters').raw().all();
    return {
      epoch: String(db.prepare('SELECT epoch FROM meta').pluck().get()),
      messages: rows.map(messageOf),
      alerts: ids('SELECT id FROM alerts'),
      unheardAlerts: ids('SELECT id FROM alerts WHERE unheard_at_ms IS NOT NULL'),
      unheardEvents: Number(db.prepare('SELECT total(unheard) FROM events').pluck().get()),
      lastSeq: { event: 0, alert: 0, gap: 0, ...Object.fromEntries(counters) },
    };
  });
}

/** What is wrong with the files: damage, files set aside, messages left in the outbox, events left open. */
export function unsound(dataDir: string): string[] {
  const names = readdirSync(dataDir);
  if (!names.includes('vedette.db')) return ['there is no vedette.db'];
  const faults = names.filter((name) => name.includes('.damaged-')).map((name) => `${name} was set aside`);
  for (const name of names.filter((one) => one.endsWith('.db'))) {
    const answer = withDatabase(join(dataDir, name), (db) => db.pragma('integrity_check', { simple: true }));
    if (answer !== 'ok') faults.push(`${name}: ${String(answer)}`);
  }
  return withDatabase(join(dataDir, 'vedette.db'), (db) => {
    const count = (sql: string): number => Number(db.prepare(sql).pluck().get());
    const waiting = count('SELECT count(*) FROM outbox');
    const open = count('SELECT count(*) FROM events WHERE ended_at_ms IS NULL');
    if (waiting > 0) faults.push(`${waiting} messages are still in the outbox`);
    if (open > 0) faults.push(`${open} events have no end`);
    return faults;
  });
}

/** What `vedette verify` finds. */
export function verified(dataDir: string): string[] {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, 'verify', '--data', dataDir], {
    encoding: 'utf8',
  });
  return status === 0 ? [] : [`vedette verify: exit ${status}: ${stdout}${stderr}`];
}

function messageOf({ kind, seq, id, atMs }: JournalRow): CommittedMessage {
  if (kind === 'alert') return { kind, seq, identity: id };
  return { kind: 'event', seq, identity: `${id} ${kind} ${atMs}` };
}

function withDatabase<T>(path: string, read: (db: Database.Database) => T): T {
  const db = new Database(path, { readonly: true, fileMustExist: true });
  try {
    return read(db);
  } finally {
    db.close();
  }
}
