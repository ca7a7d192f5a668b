// Answers "why": finds the event, the alert or the time that is asked for in vedette.db and history.db, and has the traces and
// conditions there put into words. Read-only, opened for one answer, while the daemon writes or not. Not for the daemon's main
// thread.
import type Database from 'better-sqlite3';
import { eventIdsOf } from '../core/alert-body.ts';
import { explainAlert, explainTrack } from '../core/explain.ts';
import type { TriggerType } from '../core/rule-types.ts';
import type { TrackTrace } from '../core/trace-types.ts';
import { VedetteError } from '../platform/errors.ts';
import { clockTime, localTime } from '../platform/local-time.ts';
import { showText } from '../platform/show.ts';
import { connectHistory, hasHistory } from './history-reader.ts';
import { NOTES_VERSION } from './history-schema.ts';
import { versionOf } from './migrations.ts';
import { pathsIn } from './paths.ts';
import { ALERT_RECORD, ALERT_RECORD_JSON, type AlertRecord, connectReadOnly, recordOf } from './read.ts';
import type { AlertAnswer, TrackAnswer, WhyAnswer, WhyQuery } from './why-messages.ts';

const TIMES = { full: localTime, short: clockTime };
/** Ids that begin like the one asked for, named when there are several. */
const NAMED_MAX = 5;
/** Traces of one event: a group has as many as objects. */
const OF_EVENTS_MAX = 50;

/** @throws VedetteError WHY_UNKNOWN for an id that is none; DATA_DIR_UNUSABLE, STORE_DAMAGED, STORE_NEWER. */
export function answerWhy(dataDir: string, query: WhyQuery): WhyAnswer {
  const { database, history } = pathsIn(dataDir);
  const db = connectReadOnly(database);
  try {
    const traces = new Traces(history);
    try {
      return query.id === undefined ? ofTime(db, traces, query) : ofId(db, traces, query.id, query);
    } finally {
      traces.close();
    }
  } finally {
    db.close();
  }
}

interface Found {
  readonly kind: 'event' | 'alert';
  readonly id: string;
}

/** The one event or alert with this id, or whose id alone begins like this. */
function find(db: Database.Database, id: string): Found {
  const pattern = `${id.replaceAll(/[\\%_]/g, (one) => `\\${one}`)}%`;
  const sql = (kind: Found['kind'], test: string): string =>
    `SELECT '${kind}' AS kind, id FROM ${kind}s WHERE id ${test}`;
  const both = (test: string): string => `${sql('event', test)} UNION ALL ${sql('alert', test)}`;
  const exact = db.prepare<[string, string], Found>(both('= ?')).get(id, id);
  if (exact !== undefined) return exact;
  const like = db
    .prepare<[string, string], Found>(`${both("LIKE ? ESCAPE '\\'")} ORDER BY id DESC LIMIT ${NAMED_MAX + 1}`)
    .all(pattern, pattern);
  const [first, second] = like;
  if (first === undefined) {
    throw unknown(
      `no event or alert ${showText(id)}: vedette events lists them; what is older than store.eventsKeepDays is gone`,
    );
  }
  if (second === undefined) return first;
  const named = like.slice(0, NAMED_MAX).map((found) => `${found.kind} ${found.id}`);
  const more = like.length > NAMED_MAX ? ' and more' : '';
  throw unknown(`several begin with ${showText(id)}: ${named.join(', ')}${more}`);
}

function ofId(db: Database.Database, traces: Traces, wanted: string, query: WhyQuery): WhyAnswer {
  const { kind, id } = find(db, wanted);
  const alerts = kind === 'alert' ? alertsWhere(db, 'id = ?', [id], 1) : [];
  const events = alerts[0] === undefined ? [id] : eventIdsOf(alerts[0]);
  const tracks = traces.ofEvents(events).map((trace) => trackAnswer(trace, query.rule));
  const notes = events.length > 0 && tracks.length === 0 ? [missing(db, traces, events[0]!)] : [];
  return { alerts: alerts.map(alertAnswer), tracks, notes, more: false };
}

/** Tracks of that time, whether they became events or not, and alerts that no object made. */
function ofTime(db: Database.Database, traces: Traces, query: WhyQuery): WhyAnswer {
  const { camera, rule, label, sinceMs = 0, untilMs = Number.MAX_SAFE_INTEGER, limit } = query;
  const tracks = traces.ofTime({ ...query, limit: limit + 1 });
  const where = `event_id IS NULL AND at_ms >= ? AND at_ms < ? AND (? IS NULL OR camera = ?) AND (? IS NULL OR rule = ?)`;
  const values = [sinceMs, untilMs, camera ?? null, camera ?? null, rule ?? null, rule ?? null];
  const alerts = label === undefined ? alertsWhere(db, where, values, limit + 1) : [];
  const gone = traces.problem ?? traces.goneBefore(sinceMs);
  return {
    alerts: alerts.slice(0, limit).map(alertAnswer),
    tracks: tracks.slice(0, limit).map((trace) => trackAnswer(trace, rule)),
    notes: gone === undefined ? [] : [gone],
    more: tracks.length > limit || alerts.length > limit,
  };
}

function alertsWhere(
  db: Database.Database,
  where: string,
  values: readonly (string | number | null)[],
  limit: number,
): AlertRecord[] {
  return db
    .prepare<unknown[], object>(
      `SELECT ${ALERT_RECORD} FROM alerts WHERE ${where} ORDER BY at_ms DESC, seq DESC LIMIT ?`,
    )
    .all(...values, limit)
    .map((row) => recordOf<AlertRecord>(row, ALERT_RECORD_JSON));
}

function alertAnswer(alert: AlertRecord): AlertAnswer {
  const { id, rule, camera = null, atMs, because } = alert;
  const trigger = alert.trigger as TriggerType;
  const why = explainAlert({ ...alert, trigger, eventIds: eventIdsOf(alert) }, TIMES);
  return { id, rule, trigger, camera, at: new Date(atMs).toISOString(), because, why };
}

/** With a rule only what concerns it. */
function trackAnswer(whole: TrackTrace, rule: string | undefined): TrackAnswer {
  const rules = rule === undefined ? whole.rules : whole.rules.filter((one) => one.rule === rule);
  const trace = { ...whole, rules };
  const { eventId = null, startedAtMs } = trace;
  return { eventId, startedAt: new Date(startedAtMs).toISOString(), trace, why: explainTrack(trace, TIMES) };
}

/** Why there is no trace of an event that is there. */
function missing(db: Database.Database, traces: Traces, eventId: string): string {
  if (traces.problem !== undefined) return traces.problem;
  const event = db
    .prepare<[string], { atMs: number; endedAtMs: number | null }>(
      'SELECT started_at_ms AS atMs, ended_at_ms AS endedAtMs FROM events WHERE id = ?',
    )
    .get(eventId);
  if (event === undefined) return `its event ${eventId} is older than store.eventsKeepDays, and gone`;
  const gone = traces.goneBefore(event.atMs);
  if (gone !== undefined) return gone;
  if (event.endedAtMs === null)
    return `nothing is written of event ${eventId} yet: that happens when an alert fires on it, every minute, and at its end`;
  return `nothing was kept of event ${eventId}: the daemon ended before it, or the disk was slow or full then`;
}

interface TraceRange extends Omit<WhyQuery, 'id'> {
  readonly limit: number;
}

/** The traces of history.db; none where there is no such file. */
class Traces {
  /** Why there are none, in words. */
  readonly problem: string | undefined;
  readonly #db: Database.Database | undefined;

  constructor(path: string) {
    if (!hasHistory(path)) {
      this.problem =
        'there is no history: the daemon keeps none (store.historyKeepMb is 0), or has not written any yet';
      return;
    }
    const db = connectHistory(path);
    if (versionOf(db) >= NOTES_VERSION) {
      this.#db = db;
      if (this.#oldest() === undefined)
        this.problem =
          'no traces are kept: the daemon keeps none (store.tracesKeepMb is 0), or nothing was seen yet';
      return;
    }
    db.close();
    this.problem = 'the history is of an older vedette, which kept no traces: start the daemon once';
  }

  ofEvents(ids: readonly string[]): TrackTrace[] {
    const sql = `SELECT body FROM traces WHERE event_id IN (SELECT value FROM json_each(?)) ORDER BY at_ms DESC LIMIT ${OF_EVENTS_MAX}`;
    return this.#traces(sql, JSON.stringify(ids));
  }

  /** Of tracks that were there at some time of the range, newest first. */
  ofTime(range: TraceRange): TrackTrace[] {
    const {
      camera,
      label,
      rule,
      sinceMs = 0,
      untilMs = Number.MAX_SAFE_INTEGER,
      limit,
      scanMax = -1,
    } = range;
    const given = ['1'];
    const values: (string | number)[] = [sinceMs, untilMs, scanMax];
    const add = (sql: string, value: string | undefined): void => {
      if (value === undefined) return;
      given.push(sql);
      values.push(value);
    };
    add('camera = (SELECT id FROM names WHERE name = ?)', camera);
    add("body ->> '$.label' = ?", label);
    add("EXISTS (SELECT 1 FROM json_each(body, '$.rules') WHERE value ->> '$.rule' = ?)", rule);
    const sql = `
      SELECT body FROM (
        SELECT camera, at_ms, body FROM traces WHERE at_ms >= ? AND started_at_ms < ? ORDER BY at_ms DESC LIMIT ?)
      WHERE ${given.join(' AND ')} ORDER BY at_ms DESC LIMIT ?`;
    return this.#traces(sql, ...values, limit);
  }

  /** Told where what is asked for may be gone: the oldest trace is younger. */
  goneBefore(atMs: number): string | undefined {
    const oldest = this.#oldest();
    if (atMs === 0 || oldest === undefined || oldest <= atMs) return undefined;
    return `traces begin at ${localTime(oldest)}: what was before is gone, or was never kept`;
  }

  close(): void {
    this.#db?.close();
  }

  #oldest(): number | undefined {
    return this.#db?.prepare<[], number | null>('SELECT min(at_ms) FROM traces').pluck().get() ?? undefined;
  }

  #traces(sql: string, ...values: readonly (string | number)[]): TrackTrace[] {
    const bodies =
      this.#db
        ?.prepare<unknown[], string>(sql)
        .pluck()
        .all(...values) ?? [];
    return bodies.map((body) => JSON.parse(body) as TrackTrace);
  }
}

function unknown(message: string): VedetteError {
  return new VedetteError('WHY_UNKNOWN', message);
}
