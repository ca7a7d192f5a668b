// The tables of history.db, with what every column means. A released version is frozen; a later one is a further step.
import type { Migration } from './migrations.ts';

/** `PRAGMA application_id`: 'Vdh1' in ASCII. */
export const HISTORY_APPLICATION_ID = 0x56646831;

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

export const HISTORY_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    run: (db) => {
      db.pragma(`application_id = ${HISTORY_APPLICATION_ID}`);
      db.exec(SCHEMA_1);
    },
  },
  { version: 2, run: (db) => void db.exec(SCHEMA_2) },
];
