// The messages that a replaced database has from the one before: their entries in the journal and what stands beside it,
// so that whoever asks for their numbers or lists events finds them. Worker thread.
import type Database from 'better-sqlite3';
import { alertOf } from '../core/alert-body.ts';
import type { Alert, EventChange, OutboxRow } from '../core/types.ts';
import { tryRecord } from './failures.ts';
import { CARRIED, CONDITION, Journal, type JournalEntry } from './journal.ts';
import { Outbox } from './outbox.ts';
import { Views } from './views.ts';

/** A message under its number in the new file. */
type Waiting = Omit<OutboxRow, 'epoch'>;

const COUNTERS = ['event', 'alert'] as const;

/** Numbers without an entry behind the journal's beginning. A counter that was garbled must not make a full disk of them. */
const HOLES_MAX = 100_000;

/**
 * Begins the journal before the first of these messages, in order of their rows. Counters and what could be read of their
 * events are there already. One whose record does not fit is sent all the same.
 */
export function addRecords(db: Database.Database, waiting: readonly Waiting[]): void {
  const outbox = new Outbox(db);
  const journal = new Journal(db, outbox, CARRIED);
  const views = new Views(db);
  const last = outbox.lastSeq();
  const [event, alert] = COUNTERS.map((counter) =>
    beginningOf(
      waiting.filter(({ kind }) => kind === counter).map(({ seq }) => seq),
      last[counter],
    ),
  ) as [number, number];
  // The first entry stands for all that the old file tells: more happened than this one knows (fired-alerts.ts).
  db.exec("INSERT INTO sqlite_sequence (name, seq) VALUES ('journal', 1)");
  db.prepare('UPDATE journal_start SET entry = 1, event_seq = ?, alert_seq = ?').run(event, alert);
  const add = db.transaction((message: Waiting) => addRecord(journal, views, message));
  for (const message of waiting) {
    const { kind, seq } = message;
    if ((kind === 'event' && seq > event) || (kind === 'alert' && seq > alert)) tryRecord(() => add(message));
  }
  fillHoles(db, 'event', { start: event, last: last.event });
  fillHoles(db, 'alert', { start: alert, last: last.alert });
  // Of messages from before the beginning: no event has a row without an entry but those that are still to end.
  db.exec(`
    DELETE FROM events WHERE ended_at_ms IS NOT NULL
      AND id NOT IN (SELECT subject_id FROM journal WHERE kind IN ('new', 'update', 'end'))`);
}

function addRecord(journal: Journal, views: Views, { kind, seq, body }: Waiting): void {
  const enter = (as: JournalEntry['kind'], { id: subjectId, atMs, monoMs }: Alert | EventChange): void =>
    journal.add({ kind: as, subjectId, seq, atMs, monoMs, body });
  if (kind === 'alert') {
    const fired = alertOf(body);
    enter('alert', fired);
    views.addAlert(fired, seq);
  } else {
    const change = JSON.parse(body) as EventChange;
    enter(change.type, change);
    views.changeEvent(change);
  }
}

/** Numbers behind the journal's beginning that have no entry: what they stood for is told by the file that is set aside. */
function fillHoles(
  db: Database.Database,
  counter: keyof typeof CONDITION,
  range: { readonly start: number; readonly last: number },
): void {
  db.prepare(`
    WITH RECURSIVE numbers (number) AS (
      SELECT @start + 1 WHERE @start < @last UNION ALL SELECT number + 1 FROM numbers WHERE number < @last)
    INSERT INTO refused (counter, seq) SELECT '${counter}', number FROM numbers
    WHERE NOT EXISTS (SELECT 1 FROM journal WHERE ${CONDITION[counter]} AND seq = number)`).run(range);
}

/** The number before the lowest of `seqs` from which on not too many are missing up to `last`. */
function beginningOf(seqs: readonly number[], last: number): number {
  let [start, holes] = [last, 0];
  for (const seq of seqs.toSorted((a, b) => b - a)) {
    holes += start - seq;
    if (holes > HOLES_MAX) break;
    start = seq - 1;
  }
  return start;
}
