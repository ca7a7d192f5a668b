// What SQLite's own checks leave out and the store goes by: whether messages can be sent, open events ended, numbers given
// out. Its checks know no CHECK of a file that is open read-only: they are not even loaded then (sqlite3AddCheckConstraint,
// src/build.c). Reads only. Worker thread.
import type Database from 'better-sqlite3';
import { reasonOf } from '../platform/errors.ts';
import { codeOf } from './failures.ts';
import { versionOf } from './migrations.ts';

/** Rows and numbers beyond this are nobody's: JavaScript counts to 2^53, and there must be room behind the last. */
export const NUMBER_MAX = 2 ** 52;

/** Condition on a row of `meta`: its epoch is a name of ours. */
export const NAMED = "length(epoch) = 16 AND epoch NOT GLOB '*[^0-9a-f]*'";

/** Condition on a row of `counters`. */
export const COUNTED = `kind IN ('event', 'alert', 'gap', 'self-test')
  AND typeof(last_seq) = 'integer' AND last_seq BETWEEN 0 AND ${NUMBER_MAX}`;

/** Condition on a row of `counters`: a number beyond its last is in use, and would be given out again. */
export const GONE_BACK = `last_seq < max(
  coalesce((SELECT max(seq) FROM outbox WHERE outbox.kind = counters.kind), 0),
  CASE kind
    WHEN 'event' THEN coalesce((SELECT max(seq) FROM journal WHERE journal.kind IN ('new', 'update', 'end')), 0)
    WHEN 'alert' THEN coalesce((SELECT max(seq) FROM journal WHERE journal.kind = 'alert'), 0)
    ELSE 0 END)`;

/** Condition on a row of `outbox`: a message that can be sent. */
export const SENDABLE = `row BETWEEN 1 AND ${NUMBER_MAX} AND kind IN ('event', 'alert', 'gap', 'self-test')
  AND typeof(seq) = 'integer' AND seq BETWEEN 1 AND ${NUMBER_MAX}
  AND typeof(at_ms) = 'integer' AND at_ms BETWEEN -${NUMBER_MAX} AND ${NUMBER_MAX}
  AND typeof(body) = 'text' AND ${isJson('body', 'object')}`;

/** Condition on a row of `events`: one whose end can be told. */
export const ENDABLE = `${isJson('box', 'object')} AND ${isJson('zones', 'array')} AND ${isJson('zones_entered', 'array')}`;

/** `json_type` alone would raise an error for what is no JSON, and take JSON5, which JSON.parse does not. */
function isJson(column: string, type: 'object' | 'array'): string {
  return `iif(json_valid(${column}), json_type(${column}) = '${type}', 0)`;
}

interface Flaw {
  /** Version of the file that brought the column. */
  readonly since: number;
  readonly what: string;
  /** Answers 1 where it is so. */
  readonly sql: string;
}

const FLAWS: readonly Flaw[] = [
  { since: 1, what: 'it has no epoch', sql: `SELECT count(*) <> 1 FROM meta WHERE ${NAMED}` },
  {
    since: 1,
    what: 'a counter is missing',
    sql: `SELECT count(*) <> 3 FROM counters WHERE kind <> 'self-test' AND ${COUNTED}`,
  },
  {
    since: 3,
    what: 'a counter is missing',
    sql: `SELECT count(*) <> 4 FROM counters WHERE ${COUNTED}`,
  },
  {
    since: 1,
    what: 'a counter went back',
    sql: `SELECT EXISTS (SELECT 1 FROM counters WHERE ${GONE_BACK})`,
  },
  {
    since: 1,
    what: 'a waiting message is garbled',
    sql: `SELECT EXISTS (SELECT 1 FROM outbox WHERE (${SENDABLE}) IS NOT TRUE)`,
  },
  {
    since: 3,
    what: 'a waiting message is miscounted',
    sql: 'SELECT EXISTS (SELECT 1 FROM outbox WHERE bytes IS NOT octet_length(body))',
  },
  {
    since: 1,
    what: 'an event without an end is garbled',
    sql: `SELECT EXISTS (SELECT 1 FROM events WHERE ended_at_ms IS NULL AND (${ENDABLE}) IS NOT TRUE)`,
  },
  {
    since: 2,
    what: 'the round of pruning is garbled',
    sql: 'SELECT count(*) <> 1 FROM retention WHERE round IS NULL OR json_valid(round)',
  },
  {
    since: 4,
    what: 'the beginning of the journal is garbled',
    sql: 'SELECT count(*) <> 1 FROM journal_start WHERE round IS NULL OR json_valid(round)',
  },
];

/** Costs a walk through all alerts: looked for when SQLite has met JSON that is none, which pruning them does here. */
const RARE_FLAWS: readonly Flaw[] = [
  {
    since: 5,
    what: 'an alert is garbled',
    sql: 'SELECT EXISTS (SELECT 1 FROM alerts WHERE event_ids IS NOT NULL AND NOT json_valid(event_ids))',
  },
];

/** The first flaw, undefined for a sound file. Throws what is no answer about the file: SQLITE_BUSY and the like. */
export function flawOf(db: Database.Database, { full }: { readonly full: boolean }): string | undefined {
  const version = versionOf(db);
  try {
    return [...FLAWS, ...(full ? RARE_FLAWS : [])].find(
      ({ since, sql }) => version >= since && db.prepare(sql).pluck().get() === 1,
    )?.what;
  } catch (error) {
    // Its tables are not those of its version: no other file gets here.
    if (codeOf(error) === 'SQLITE_ERROR') return reasonOf(error);
    throw error;
  }
}
