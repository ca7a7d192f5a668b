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

export const HISTORY_MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    run: (db) => {
      db.pragma(`application_id = ${HISTORY_APPLICATION_ID}`);
      db.exec(SCHEMA_1);
    },
  },
];
