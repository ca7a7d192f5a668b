// Events and alerts of vedette.db by filter, for people and exports: in order of their time, in pages. Each page is one
// statement, so that no read transaction outlives it: one that stays open keeps SQLite's write-ahead log from shrinking
// (sqlite.org/wal.html, "Avoiding Excessively Large WAL Files"). Read-only, memory of one page. Not for the daemon's
// main thread.
import type Database from 'better-sqlite3';
import type { Box } from '../core/types.ts';
import {
  ALERT_RECORD,
  ALERT_RECORD_JSON,
  type AlertRecord,
  type EventRecord,
  KEPT_PICTURE,
  recordOf,
  STATIONARY,
} from './read.ts';

/** All that are given must hold; of the values in one list, any. Times are wall clock milliseconds. */
export interface ListFilter {
  readonly cameras?: readonly string[] | undefined;
  readonly labels?: readonly string[] | undefined;
  /** Of an alert; of an event: of one of its alerts. */
  readonly rules?: readonly string[] | undefined;
  readonly severities?: readonly string[] | undefined;
  /** Of an alert; of an event: one it has been in. */
  readonly zones?: readonly string[] | undefined;
  /** Of an event or an alert: an event goes with its alerts. */
  readonly ids?: readonly string[] | undefined;
  /** Began or fired at this time or later. */
  readonly sinceMs?: number | undefined;
  /** Began or fired before this time. */
  readonly untilMs?: number | undefined;
}

export interface ListedEvent extends EventRecord {
  readonly box: Box;
  readonly zones: readonly string[];
  /** How many rules fired. */
  readonly alerts: number;
}

export type ListedAlert = AlertRecord;

export interface ListedOf {
  readonly events: ListedEvent;
  readonly alerts: ListedAlert;
}
export type ListKind = keyof ListedOf;

const PAGE_ROWS = 500;

/** An alert of this event: its own, or that of a group it belongs to. */
const OF_EVENT =
  '(event_id = events.id OR seq IN (SELECT alert_seq FROM alert_events WHERE alert_events.event_id = events.id))';

const COLUMNS: Readonly<Record<ListKind, string>> = {
  events: `
    id, camera, label, track, score, box, ${STATIONARY}, zones, zones_entered AS zonesEntered, started_at_ms AS startedAtMs,
    updated_at_ms AS updatedAtMs, ended_at_ms AS endedAtMs, end_reason AS endReason, unheard,
    (SELECT count(*) FROM alerts WHERE ${OF_EVENT}) AS alerts, ${KEPT_PICTURE}`,
  alerts: ALERT_RECORD,
};
/** Columns that hold JSON. */
const JSON_COLUMNS: Readonly<Record<ListKind, readonly string[]>> = {
  events: ['box', 'stationary', 'zones', 'zonesEntered', 'snapshot'],
  alerts: ALERT_RECORD_JSON,
};
/** Time, and what decides between rows of one millisecond. */
const ORDER: Readonly<Record<ListKind, readonly [string, string]>> = {
  events: ['started_at_ms', 'id'],
  alerts: ['at_ms', 'seq'],
};

type Condition = readonly [name: keyof ListFilter, sql: string];

function oneOf(column: string, name: string): string {
  return `${column} IN (SELECT value FROM json_each(@${name}))`;
}

const COMMON: readonly Condition[] = [
  ['cameras', oneOf('camera', 'cameras')],
  ['labels', oneOf('label', 'labels')],
];
const CONDITIONS: Readonly<Record<ListKind, readonly Condition[]>> = {
  events: [
    ...COMMON,
    ['rules', `EXISTS (SELECT 1 FROM alerts WHERE ${OF_EVENT} AND ${oneOf('alerts.rule', 'rules')})`],
    [
      'severities',
      `EXISTS (SELECT 1 FROM alerts WHERE ${OF_EVENT} AND ${oneOf('alerts.severity', 'severities')})`,
    ],
    [
      'zones',
      `EXISTS (SELECT 1 FROM json_each(events.zones_entered) AS entered WHERE ${oneOf('entered.value', 'zones')})`,
    ],
    [
      'ids',
      `(${oneOf('id', 'ids')} OR id IN (SELECT event_id FROM alerts WHERE ${oneOf('alerts.id', 'ids')})
        OR id IN (SELECT value FROM alerts, json_each(alerts.event_ids) WHERE ${oneOf('alerts.id', 'ids')}))`,
    ],
    ['sinceMs', 'started_at_ms >= @sinceMs'],
    ['untilMs', 'started_at_ms < @untilMs'],
  ],
  alerts: [
    ...COMMON,
    ['rules', oneOf('rule', 'rules')],
    ['severities', oneOf('severity', 'severities')],
    ['zones', oneOf('zone', 'zones')],
    [
      'ids',
      `(${oneOf('id', 'ids')} OR ${oneOf('event_id', 'ids')}
        OR seq IN (SELECT alert_seq FROM alert_events WHERE ${oneOf('alert_events.event_id', 'ids')}))`,
    ],
    ['sinceMs', 'at_ms >= @sinceMs'],
    ['untilMs', 'at_ms < @untilMs'],
  ],
};

type Parameters = Record<string, string | number>;
type Place = readonly [time: number, tie: string | number];

/** What of one table a filter lets through. */
export class Listing<K extends ListKind> {
  readonly #db: Database.Database;
  readonly #kind: K;
  readonly #where: string;
  readonly #parameters: Parameters;

  constructor(db: Database.Database, kind: K, filter: ListFilter) {
    this.#db = db;
    this.#kind = kind;
    const given = CONDITIONS[kind].filter(([name]) => filter[name] !== undefined);
    this.#where = given.map(([, sql]) => sql).join(' AND ') || '1';
    this.#parameters = Object.fromEntries(
      given.map(([name]) => {
        const value = filter[name];
        return [name, typeof value === 'number' ? value : JSON.stringify(value)];
      }),
    );
  }

  /** Rows from the oldest on, page by page; with a limit only the newest so many. */
  *pages(limit?: number): Generator<ListedOf[K][]> {
    const [time, tie] = ORDER[this.#kind];
    const statement = this.#db.prepare<[Parameters], object>(`
      SELECT ${COLUMNS[this.#kind]}, ${time} AS placeTime, ${tie} AS placeTie
      FROM ${this.#kind} WHERE ${this.#where} AND (${time}, ${tie}) > (@afterTime, @afterTie)
      ORDER BY ${time}, ${tie} LIMIT ${PAGE_ROWS}`);
    let after: Place | undefined = this.#before(limit);
    while (after !== undefined) {
      const [afterTime, afterTie] = after;
      const rows = statement.all({ ...this.#parameters, afterTime, afterTie });
      after = rows.length < PAGE_ROWS ? undefined : placeOf(rows.at(-1)!);
      if (rows.length > 0) yield rows.map((row) => this.#record(row));
    }
  }

  /** Those of these ids that the filter lets through, in order. */
  among(ids: readonly string[]): ListedOf[K][] {
    const [time, tie] = ORDER[this.#kind];
    const rows = this.#db
      .prepare<[Parameters], object>(`
        SELECT ${COLUMNS[this.#kind]}, 0 AS placeTime, 0 AS placeTie
        FROM ${this.#kind} WHERE ${oneOf('id', 'among')} AND ${this.#where} ORDER BY ${time}, ${tie}`)
      .all({ ...this.#parameters, among: JSON.stringify(ids) });
    return rows.map((row) => this.#record(row));
  }

  /** The place after which the newest `limit` rows begin: that of the row before them, or before everything. */
  #before(limit: number | undefined): Place {
    const everything: Place = [-Number.MAX_SAFE_INTEGER, ''];
    if (limit === undefined) return everything;
    const [time, tie] = ORDER[this.#kind];
    const row = this.#db
      .prepare<[Parameters], object>(`
        SELECT ${time} AS placeTime, ${tie} AS placeTie FROM ${this.#kind} WHERE ${this.#where}
        ORDER BY ${time} DESC, ${tie} DESC LIMIT 1 OFFSET @limit`)
      .get({ ...this.#parameters, limit });
    return row === undefined ? everything : placeOf(row);
  }

  #record(row: object): ListedOf[K] {
    const { placeTime: _time, placeTie: _tie, ...columns } = row as Record<string, unknown>;
    return recordOf<ListedOf[K]>(columns, JSON_COLUMNS[this.#kind]);
  }
}

function placeOf(row: object): Place {
  const { placeTime, placeTie } = row as { placeTime: number; placeTie: string | number };
  return [placeTime, placeTie];
}
