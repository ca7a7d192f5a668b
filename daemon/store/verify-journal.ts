// Holds the journal of vedette.db against itself and against the views kept beside it: numbers without holes, events and
// alerts as their last entries say, messages with their entries. In pages, each a read transaction of its own, also
// while the daemon writes: what it changes meanwhile is taken into account, not for a fault. Read-only. Any thread.
import type Database from 'better-sqlite3';
import { alertOf } from '../core/alert-body.ts';
import type { EventChange } from '../core/types.ts';
import { type Check, Faults, rangeWords } from './verification.ts';
import { alertColumns, eventColumns } from './views.ts';

const PAGE_ROWS = 500;

const COUNTERS = { event: "kind IN ('new', 'update', 'end')", alert: "kind = 'alert'" } as const;
type Counter = keyof typeof COUNTERS;

interface Start {
  readonly entry: number;
  readonly event: number;
  readonly alert: number;
}

function startOf(db: Database.Database): Start {
  return db
    .prepare<[], Start>('SELECT entry, event_seq AS event, alert_seq AS alert FROM journal_start')
    .get()!;
}

/** Every number from the journal's beginning to the counter's last has one entry, in order, or was refused. */
export function* checkNumbers(db: Database.Database): Check {
  for (const counter of ['event', 'alert'] as const) yield* checkCounter(db, counter);
  const [waiting, last] = db
    .prepare<[], [number, number]>(`
      SELECT (SELECT coalesce(max(seq), 0) FROM outbox WHERE kind = 'gap'),
             (SELECT last_seq FROM counters WHERE kind = 'gap')`)
    .raw()
    .get()!;
  if (waiting > last) {
    yield { level: 'fault', message: `gap ${waiting} waits, but the counter of gaps is at ${last}` };
  }
}

function* checkCounter(db: Database.Database, counter: Counter): Check {
  const faults = new Faults(`numbers of ${counter}s`);
  const start = startOf(db)[counter];
  const lastSeq = db.prepare<[string], number>('SELECT last_seq FROM counters WHERE kind = ?').pluck();
  const page = db.prepare<[number], { seq: number; entry: number; last: number }>(`
    SELECT seq, entry, (SELECT last_seq FROM counters WHERE kind = '${counter}') AS last
    FROM journal WHERE ${COUNTERS[counter]} AND seq > ? ORDER BY seq LIMIT ${PAGE_ROWS}`);
  // Read before the entries: what is committed meanwhile is above it.
  const last = lastSeq.get(counter) ?? 0;
  let [seq, entry] = [-1, 0];
  let expected = start + 1;
  for (let rows = page.all(seq); rows.length > 0; rows = page.all(seq)) {
    for (const row of rows) {
      seq = row.seq;
      if (seq > row.last)
        yield* faults.add(`${counter} ${seq} is in the journal, but the counter is at ${row.last}`);
      else if (seq <= start)
        yield* faults.add(`${counter} ${seq} is in the journal, which should begin after ${start}`);
      else yield* checkHole(db, counter, expected, seq - 1, faults);
      if (row.entry <= entry)
        yield* faults.add(`${counter} ${seq} was committed out of order (entry ${row.entry})`);
      entry = row.entry;
      expected = Math.max(expected, seq + 1);
    }
    yield { done: expected, of: last };
  }
  yield* checkHole(db, counter, expected, last, faults);
  yield* faults.rest();
  const highest = Math.max(last, expected - 1);
  if (!faults.none) return;
  const message =
    highest === start ? `no ${counter}s yet` : `${counter}s ${start + 1} to ${highest}: none is missing`;
  yield { level: 'ok', message };
}

/** Numbers without an entry: pruned meanwhile, refused, or lost. */
function* checkHole(
  db: Database.Database,
  counter: Counter,
  first: number,
  last: number,
  faults: Faults,
): Check {
  if (first > last) return;
  const from = Math.max(first, startOf(db)[counter] + 1);
  const refused = db
    .prepare<[string, number, number], number>(
      'SELECT count(*) FROM refused WHERE counter = ? AND seq BETWEEN ? AND ?',
    )
    .pluck()
    .get(counter, from, last)!;
  if (from > last || refused === last - from + 1) return;
  yield* faults.add(`the journal has no entry for ${counter} ${rangeWords(from, last)}`);
}

interface Entry {
  readonly entry: number;
  readonly kind: string;
  readonly subject_id: string | null;
  readonly at_ms: number;
  readonly id: string | null;
  readonly type: string | null;
  readonly at: number | null;
}

/**
 * Every entry is there and is about what its columns say. Leaves the table temp.last: of each event its last entry, as
 * far as `lastWalked`.
 */
export function* checkEntries(db: Database.Database): Check {
  const faults = new Faults('entries of the journal');
  // On the disk, so that any number of events fits.
  db.pragma('temp_store = FILE');
  db.exec('CREATE TEMP TABLE last (id TEXT PRIMARY KEY, entry INTEGER NOT NULL) WITHOUT ROWID');
  const remember = db.prepare<[string, number]>('INSERT OR REPLACE INTO temp.last (id, entry) VALUES (?, ?)');
  // Each row a transaction of its own would be fifteen times as slow (1,000,000 entries: 42 s of CPU, not 2.7); this one locks nothing of the daemon's file.
  const rememberAll = db.transaction((rows: readonly [string, number][]) => {
    for (const row of rows) remember.run(...row);
  });
  const changed: [string, number][] = [];
  const page = db.prepare<[number], Entry>(`
    SELECT entry, kind, subject_id, at_ms, body ->> '$.id' AS id, body ->> '$.type' AS type, body ->> '$.atMs' AS at
    FROM journal WHERE entry > ? ORDER BY entry LIMIT ${PAGE_ROWS}`);
  const of =
    db.prepare<[], number>("SELECT seq FROM sqlite_sequence WHERE name = 'journal'").pluck().get() ?? 0;
  let before = startOf(db).entry;
  let count = 0;
  for (let rows = page.all(-1); rows.length > 0; rows = page.all(before)) {
    for (const { entry, kind, subject_id, at_ms, id, type, at } of rows) {
      const from = entry > before + 1 ? Math.max(before, startOf(db).entry) + 1 : entry;
      if (from < entry)
        yield* faults.add(`entries ${rangeWords(from, entry - 1)} of the journal are missing`);
      if (entry <= before) yield* faults.add(`entry ${entry} is older than the beginning of the journal`);
      before = entry;
      count += 1;
      if (subject_id === null) continue;
      if (
        id !== subject_id ||
        (kind !== 'alert' && kind !== type) ||
        Math.round(at ?? Number.NaN) !== at_ms
      ) {
        yield* faults.add(`entry ${entry} (${kind} ${subject_id}) does not match its body`);
      }
      if (kind !== 'alert') changed.push([subject_id, entry]);
    }
    rememberAll(changed.splice(0));
    yield { done: before, of };
  }
  yield* faults.rest();
  if (faults.none) yield { level: 'ok', message: `${count} entries` };
}

/** The last entry that `checkEntries` has seen: later ones may have changed what it remembers. */
function changedSince(db: Database.Database, lastWalked: number): (id: string) => boolean {
  const changed = db
    .prepare<[number, string], number>(
      'SELECT EXISTS (SELECT 1 FROM journal WHERE entry > ? AND subject_id = ?)',
    )
    .pluck();
  return (id) => changed.get(lastWalked, id) === 1;
}

type Row = Readonly<Record<string, string | number | null>>;

/** The view of each event is its last entry; each has one. After `checkEntries`. */
export function* checkEvents(db: Database.Database): Check {
  const faults = new Faults('events');
  const lastWalked = db.prepare<[], number | null>('SELECT max(entry) FROM temp.last').pluck().get() ?? 0;
  const isNewer = changedSince(db, lastWalked);
  const page = db.prepare<[string], Row>(`
    SELECT last.id AS last_id, journal.body AS last_body, events.*
    FROM temp.last JOIN journal ON journal.entry = last.entry LEFT JOIN events ON events.id = last.id
    WHERE last.id > ? ORDER BY last.id LIMIT ${PAGE_ROWS}`);
  let [after, count] = ['', 0];
  for (let rows = page.all(after); rows.length > 0; rows = page.all(after)) {
    for (const { last_id, last_body, ...event } of rows) {
      after = String(last_id);
      count += 1;
      const differs = differenceOfEvent(event, JSON.parse(String(last_body)) as EventChange);
      if (differs !== undefined && !isNewer(after)) yield* faults.add(`event ${after}: ${differs}`);
    }
    yield { done: count, of: undefined };
  }
  yield* checkForeignEvents(db, isNewer, faults);
  yield* faults.rest();
  if (faults.none) yield { level: 'ok', message: `${count} events are as their last entries say` };
}

/**
 * Events without an entry: those that were open when a damaged file was set aside. Their numbers are before the journal's
 * beginning; where numbers began anew, they are older than this file.
 */
function* checkForeignEvents(db: Database.Database, isNewer: (id: string) => boolean, faults: Faults): Check {
  const page = db.prepare<[string], { id: string; carried: number }>(`
    SELECT id, ended_at_ms IS NULL AND (updated_at_ms <= (SELECT created_at_ms FROM meta)
      OR (SELECT event_seq FROM journal_start) > 0) AS carried FROM events
    WHERE id > ? AND NOT EXISTS (SELECT 1 FROM temp.last WHERE last.id = events.id) ORDER BY id LIMIT ${PAGE_ROWS}`);
  let after = '';
  for (let rows = page.all(after); rows.length > 0; rows = page.all(after)) {
    for (const { id, carried } of rows) {
      after = id;
      if (carried === 0 && !isNewer(id)) yield* faults.add(`event ${id} has no entry in the journal`);
    }
    yield { done: 0, of: undefined };
  }
}

/** Undefined when the row says what the change says. What the change leaves open may be older. */
function differenceOfEvent(event: Row, change: EventChange): string | undefined {
  if (event['id'] === null) return 'its entries are in the journal, its row is missing';
  const expected = eventColumns(change);
  const told = ([name, value]: readonly [string, unknown]): boolean =>
    value !== null || (change.type === 'end' && name.startsWith('end'));
  return difference(event, Object.fromEntries(Object.entries(expected).filter(told)));
}

/** Every alert is as its entry says, and has one. */
export function* checkAlerts(db: Database.Database): Check {
  const faults = new Faults('alerts');
  const page = db.prepare<[number], Row>(`
    SELECT journal.seq AS journal_seq, journal.body AS journal_body, alerts.*
    FROM journal LEFT JOIN alerts ON alerts.seq = journal.seq
    WHERE journal.kind = 'alert' AND journal.seq > ? ORDER BY journal.seq LIMIT ${PAGE_ROWS}`);
  let [after, count] = [0, 0];
  for (let rows = page.all(after); rows.length > 0; rows = page.all(after)) {
    for (const { journal_seq, journal_body, ...alert } of rows) {
      after = Number(journal_seq);
      count += 1;
      const body = alertOf(String(journal_body));
      const differs =
        alert['id'] === null
          ? 'its entry is in the journal, its row is missing'
          : difference(alert, alertColumns(body, after));
      if (differs !== undefined) yield* faults.add(`alert ${body.id} (number ${after}): ${differs}`);
    }
    yield { done: count, of: undefined };
  }
  const foreign = db
    .prepare<[], { id: string; seq: number }>(`
      SELECT id, seq FROM alerts
      WHERE NOT EXISTS (SELECT 1 FROM journal WHERE kind = 'alert' AND journal.seq = alerts.seq) LIMIT 1000`)
    .all();
  for (const { id, seq } of foreign)
    yield* faults.add(`alert ${id} (number ${seq}) has no entry in the journal`);
  yield* faults.rest();
  if (faults.none) yield { level: 'ok', message: `${count} alerts are as their entries say` };
}

/** Every waiting message is what the journal has under its number, unless it is older than this file and has no entry. */
export function* checkOutbox(db: Database.Database): Check {
  const faults = new Faults('messages');
  const page = db.prepare<[number], Row & { row: number }>(`
    SELECT row, kind, seq, bytes = octet_length(body) AS measured,
           seq <= (SELECT iif(kind = 'event', event_seq, alert_seq) FROM journal_start)
             OR EXISTS (SELECT 1 FROM refused WHERE counter = kind AND refused.seq = outbox.seq) AS older,
           CASE kind
             WHEN 'event' THEN (SELECT journal.body = outbox.body FROM journal
                                WHERE journal.seq = outbox.seq AND journal.kind IN ('new', 'update', 'end'))
             WHEN 'alert' THEN (SELECT journal.body = outbox.body FROM journal
                                WHERE journal.seq = outbox.seq AND journal.kind = 'alert')
           END AS same
    FROM outbox WHERE row > ? ORDER BY row LIMIT ${PAGE_ROWS}`);
  let [after, count] = [0, 0];
  for (let rows = page.all(after); rows.length > 0; rows = page.all(after)) {
    for (const { row, kind, seq, measured, older, same } of rows) {
      after = row;
      count += 1;
      const message = `message ${row} (${kind} ${seq})`;
      if (measured !== 1) yield* faults.add(`${message}: its length is not the one counted`);
      if (kind === 'gap' || older === 1) continue;
      if (same === null) yield* faults.add(`${message} waits for delivery, but has no entry in the journal`);
      else if (same === 0) yield* faults.add(`${message} is not what the journal has under its number`);
    }
    yield { done: count, of: undefined };
  }
  yield* faults.rest();
  if (faults.none) yield { level: 'ok', message: `${count} messages wait for delivery` };
}

/** The first of the expected columns that the row has differently. */
function difference(row: Row, expected: Readonly<Record<string, unknown>>): string | undefined {
  for (const [name, value] of Object.entries(expected)) {
    const column = name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (column in row && row[column] !== value) {
      return `${column} is ${JSON.stringify(row[column])}, its entry says ${JSON.stringify(value)}`;
    }
  }
  return undefined;
}
