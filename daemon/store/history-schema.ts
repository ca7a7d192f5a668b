// The tables of history.db, with what every column means. A released version is frozen; a later one is a further step.
import type { Migration } from './migrations.ts';

/** `PRAGMA application_id`: 'Vdh1' in ASCII. */
export const HISTORY_APPLICATION_ID = 0x56646831;
/** Since this version of the file there are facts and traces. */
export const NOTES_VERSION = 2;

const SCHEMA_1 = `
-- Cameras and labels, once each.
CREATE TABLE names (
  id INTEGER PRIMARY KEY CHECK (id BETWEEN 0 AND 65535),
  name TEXT NOT NULL UNIQUE
) STRICT;

-- Lives of the daemon: track ids and monotonic times are comparable within one.
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  writer TEXT NOT NULL UNIQUE, -- id of its Store, as in meta of vedette.db
  boot_id TEXT NOT NULL, -- /proc/sys/kernel/random/boot_id, or 'unknown'
  at_ms INTEGER NOT NULL -- wall clock of its first observation
) STRICT;

-- What a camera saw in one processed frame, if there was a track in it or one ended. No pixels.
CREATE TABLE observations (
  row INTEGER PRIMARY KEY AUTOINCREMENT, -- order of commit; the lowest is deleted first
  run INTEGER NOT NULL, -- runs.id
  camera INTEGER NOT NULL, -- names.id
  at_ms INTEGER NOT NULL, -- wall clock of the frame, as the daemon believed then
  mono_ms REAL NOT NULL, -- CLOCK_MONOTONIC of the frame
  body BLOB NOT NULL -- daemon/store/observation-codec.ts
) STRICT;

-- How old observations are: one row an hour at most.
CREATE TABLE ages (
  row INTEGER PRIMARY KEY, -- this one and those before it were there
  age_clock_ms INTEGER NOT NULL -- when retention.age_clock_ms of vedette.db was this
) STRICT;
`;

const SCHEMA_2 = `
-- What the rules know beside what cameras see: all that stands once in every life of the daemon, then what changes.
CREATE TABLE facts (
  row INTEGER PRIMARY KEY AUTOINCREMENT, -- order of commit
  run INTEGER NOT NULL, -- runs.id
  at_ms INTEGER NOT NULL, -- wall clock of when it became so
  mono_ms REAL NOT NULL, -- CLOCK_MONOTONIC of the same moment
  kind TEXT NOT NULL, -- 'armed', 'status' or 'fault' (Fact, core/types.ts)
  camera INTEGER, -- names.id; NULL for the whole daemon
  value TEXT NOT NULL -- armed: '0' or '1'; status: the word; fault: its name, ':', '0' or '1'
) STRICT;

-- What became of every track: core/trace-types.ts. One row each, written anew while the track lives.
CREATE TABLE traces (
  row INTEGER PRIMARY KEY AUTOINCREMENT,
  run INTEGER NOT NULL, -- runs.id
  camera INTEGER NOT NULL, -- names.id
  track INTEGER NOT NULL, -- as in observations; the camera may count anew within a run, the beginning tells them apart
  event_id TEXT, -- of its event in vedette.db; NULL while it has none
  started_at_ms INTEGER NOT NULL, -- wall clock of its first look
  at_ms INTEGER NOT NULL, -- of the look it was written with
  ended_at_ms INTEGER, -- NULL while it lives, or when the daemon ended before it
  body TEXT NOT NULL, -- JSON of the TrackTrace
  UNIQUE (run, camera, track, started_at_ms)
) STRICT;
CREATE INDEX traces_by_event ON traces (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX traces_by_time ON traces (at_ms);

-- Bytes of all traces, rows and indexes estimated: they have a budget of their own in this file.
CREATE TABLE trace_total (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  bytes INTEGER NOT NULL
) STRICT;
INSERT INTO trace_total VALUES (1, 0);
CREATE TRIGGER trace_added AFTER INSERT ON traces BEGIN
  UPDATE trace_total SET bytes = bytes + octet_length(NEW.body) + 200;
END;
CREATE TRIGGER trace_changed AFTER UPDATE OF body ON traces BEGIN
  UPDATE trace_total SET bytes = bytes + octet_length(NEW.body) - octet_length(OLD.body);
END;
CREATE TRIGGER trace_deleted AFTER DELETE ON traces BEGIN
  UPDATE trace_total SET bytes = bytes - octet_length(OLD.body) - 200;
END;
`;

/** Of a page, SQLite's default size, less the head of a leaf (sqlite.org/fileformat2.html, "B-tree Pages"). */
const LEAF_BYTES = 4088;
/** A row's columns beside its body, its heads and its place in the list of cells. */
const TRACE_HEAD_BYTES = 80;
/** Its entries in three indexes. */
const TRACE_INDEX_BYTES = 120;
/** The largest cell that lies in a leaf whole; of a larger one so much at least stays there, the rest has pages of its own. */
const CELL_BYTES_MAX = 4068;
const CELL_BYTES_MIN = 496;
const OVERFLOW_BYTES = 4092;

/** The part of a leaf that a cell takes among its like: what is left over in a leaf is lost to all. */
function leafShare(cell: string): string {
  return `4096 / (${LEAF_BYTES} / (${cell}))`;
}

/** SQL: bytes of the file that a trace takes. Rows of 2.2 kB take 4 kB: no two of them fit one page. */
function traceBytes(body: string): string {
  const cell = `(octet_length(${body}) + ${TRACE_HEAD_BYTES})`;
  const spilled = `(${cell} - ${CELL_BYTES_MIN})`;
  const staying = `${CELL_BYTES_MIN} + ${spilled} % ${OVERFLOW_BYTES}`;
  return `(${TRACE_INDEX_BYTES} + CASE
    WHEN ${cell} <= ${CELL_BYTES_MAX} THEN ${leafShare(cell)}
    WHEN ${staying} <= ${CELL_BYTES_MAX} THEN ${spilled} / ${OVERFLOW_BYTES} * 4096 + ${leafShare(staying)}
    ELSE ${spilled} / ${OVERFLOW_BYTES} * 4096 + 4096 + ${leafShare(`${CELL_BYTES_MIN}`)} END)`;
}

const SCHEMA_3 = `
-- The bytes of a trace with what it leaves unused of its pages: short of that, observations gave way for it.
DROP TRIGGER trace_added;
DROP TRIGGER trace_changed;
DROP TRIGGER trace_deleted;
CREATE TRIGGER trace_added AFTER INSERT ON traces BEGIN
  UPDATE trace_total SET bytes = bytes + ${traceBytes('NEW.body')};
END;
CREATE TRIGGER trace_changed AFTER UPDATE OF body ON traces BEGIN
  UPDATE trace_total SET bytes = bytes + ${traceBytes('NEW.body')} - ${traceBytes('OLD.body')};
END;
CREATE TRIGGER trace_deleted AFTER DELETE ON traces BEGIN
  UPDATE trace_total SET bytes = bytes - ${traceBytes('OLD.body')};
END;
UPDATE trace_total SET bytes = (SELECT ifnull(sum(${traceBytes('body')}), 0) FROM traces);
`;

export const HISTORY_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    run: (db) => {
      db.pragma(`application_id = ${HISTORY_APPLICATION_ID}`);
      db.exec(SCHEMA_1);
    },
  },
  { version: 2, run: (db) => void db.exec(SCHEMA_2) },
  { version: 3, run: (db) => void db.exec(SCHEMA_3) },
];
