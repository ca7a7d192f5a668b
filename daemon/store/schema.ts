// The tables of vedette.db by version, with what every column means. A released version is frozen (a fixture holds it);
// migrations.ts runs one after the other. Pure text: SQLite keeps the comments, `.schema` in sqlite3 shows them.

/** `PRAGMA application_id`: 'Vdt1' in ASCII, so that file(1) and we can tell the file from any other SQLite file. */
export const APPLICATION_ID = 0x56647431;

export const SCHEMA_1 = `
CREATE TABLE meta (
  one INTEGER PRIMARY KEY CHECK (one = 1), -- a single row
  epoch TEXT NOT NULL CHECK (length(epoch) = 16), -- random name of this file; goes out beside every seq
  created_at_ms INTEGER NOT NULL, -- wall clock
  writer_id TEXT, -- the Store (one run of the daemon) that wrote last
  writer_batch INTEGER NOT NULL DEFAULT 0 CHECK (writer_batch >= 0) -- its last batch: a batch sent twice counts once
) STRICT;

CREATE TABLE counters (
  kind TEXT PRIMARY KEY CHECK (kind IN ('event', 'alert', 'gap')),
  last_seq INTEGER NOT NULL DEFAULT 0 CHECK (last_seq >= 0) -- given out so far, without holes
) STRICT, WITHOUT ROWID;
INSERT INTO counters (kind) VALUES ('event'), ('alert'), ('gap');

-- What happened, in order. Appended, never edited (a trigger refuses); only pruning by age may delete.
CREATE TABLE journal (
  entry INTEGER PRIMARY KEY AUTOINCREMENT, -- order of commit
  kind TEXT NOT NULL CHECK (kind IN ('new', 'update', 'end', 'alert', 'clock-correction', 'prune')),
  subject_id TEXT, -- id of the event or alert; NULL for the other kinds
  seq INTEGER CHECK (seq > 0), -- counter 'alert' for alerts, 'event' for new, update and end; NULL for the other kinds
  at_ms INTEGER NOT NULL, -- wall clock when it happened, as the daemon believed then
  mono_ms REAL NOT NULL, -- CLOCK_MONOTONIC when it happened; comparable within one boot_id
  boot_id TEXT NOT NULL, -- /proc/sys/kernel/random/boot_id, or 'unknown'
  body TEXT NOT NULL CHECK (json_valid(body)), -- the record as given
  CHECK ((kind IN ('new', 'update', 'end', 'alert')) = (subject_id IS NOT NULL AND seq IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX journal_event_seq ON journal (seq) WHERE kind IN ('new', 'update', 'end');
CREATE UNIQUE INDEX journal_alert_seq ON journal (seq) WHERE kind = 'alert';
CREATE TRIGGER journal_append_only BEFORE UPDATE ON journal
BEGIN
  SELECT RAISE(ABORT, 'journal rows are never edited');
END;

-- A view kept beside the journal: one row per event, as of its last change.
CREATE TABLE events (
  id TEXT PRIMARY KEY, -- UUID version 7
  camera TEXT NOT NULL,
  label TEXT NOT NULL,
  track INTEGER NOT NULL, -- number of the track on its camera since the daemon's start
  score REAL NOT NULL CHECK (score BETWEEN 0 AND 1), -- best so far
  box TEXT NOT NULL CHECK (json_type(box) = 'object'), -- {x, y, width, height} in fractions of the frame
  zones TEXT NOT NULL CHECK (json_type(zones) = 'array'), -- names of the zones it was in at its last change
  zones_entered TEXT NOT NULL CHECK (json_type(zones_entered) = 'array'), -- names of all zones it has been in
  started_at_ms INTEGER NOT NULL, -- wall clock, as the others
  updated_at_ms INTEGER NOT NULL, -- last change
  ended_at_ms INTEGER, -- NULL while it lasts
  end_reason TEXT -- 'interrupted' when the daemon ended it at its next start; NULL otherwise
) STRICT;
CREATE INDEX events_started ON events (started_at_ms);
CREATE INDEX events_open ON events (id) WHERE ended_at_ms IS NULL;

-- Alerts, one row each. No foreign key to events: an alert is worth more than the event it points at.
CREATE TABLE alerts (
  id TEXT PRIMARY KEY, -- UUID version 7
  event_id TEXT NOT NULL,
  seq INTEGER NOT NULL UNIQUE CHECK (seq > 0), -- counter 'alert'
  rule TEXT NOT NULL,
  severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
  camera TEXT NOT NULL,
  label TEXT NOT NULL,
  zone TEXT NOT NULL,
  score REAL NOT NULL CHECK (score BETWEEN 0 AND 1),
  message TEXT NOT NULL,
  at_ms INTEGER NOT NULL, -- wall clock
  mono_ms REAL NOT NULL, -- CLOCK_MONOTONIC
  stages TEXT NOT NULL CHECK (json_type(stages) = 'object') -- milliseconds per stage of the frame that fired the rule
) STRICT;
CREATE INDEX alerts_at ON alerts (at_ms);
CREATE INDEX alerts_event ON alerts (event_id);

-- Messages not yet delivered. A row leaves when the broker has it.
CREATE TABLE outbox (
  row INTEGER PRIMARY KEY AUTOINCREMENT, -- order of delivery; never given out twice
  kind TEXT NOT NULL CHECK (kind IN ('event', 'alert', 'gap')),
  seq INTEGER NOT NULL CHECK (seq > 0), -- of the counter of its kind
  at_ms INTEGER NOT NULL, -- wall clock of the record
  body TEXT NOT NULL CHECK (json_valid(body)), -- the record as given
  UNIQUE (kind, seq)
) STRICT;
`;

/** Pictures. Comments of added columns stand inside the definition: SQLite keeps no other part of ALTER TABLE. */
export const SCHEMA_2 = `
-- Pictures on disk, one row per object seen: files below media/, durable before their row is written.
CREATE TABLE snapshots (
  row INTEGER PRIMARY KEY AUTOINCREMENT, -- order of commit; the lowest is deleted first
  path TEXT NOT NULL UNIQUE CHECK (path GLOB 'media/?*' AND path NOT GLOB '*..*'), -- whole frame, below the data folder
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64), -- of that file, hexadecimal
  crop_path TEXT UNIQUE CHECK (crop_path GLOB 'media/?*' AND crop_path NOT GLOB '*..*'), -- the object alone; NULL without
  camera TEXT NOT NULL,
  track INTEGER NOT NULL, -- number of the track on its camera since the daemon's start
  label TEXT NOT NULL,
  score REAL NOT NULL CHECK (score BETWEEN 0 AND 1), -- of the object in this picture
  box TEXT NOT NULL CHECK (json_type(box) = 'object'), -- {x, y, width, height} in fractions of the frame
  at_ms INTEGER NOT NULL, -- wall clock when the frame was taken; for people, not for its age
  bytes INTEGER NOT NULL CHECK (bytes >= 0), -- of its files together
  event_id TEXT, -- NULL when that was not known any more
  age_clock_ms INTEGER NOT NULL -- retention.age_clock_ms when the row was written: the difference is its age
) STRICT;
CREATE INDEX snapshots_at ON snapshots (at_ms);
CREATE INDEX snapshots_event ON snapshots (event_id) WHERE event_id IS NOT NULL;

-- What pruning has to remember (one row).
CREATE TABLE retention (
  one INTEGER PRIMARY KEY CHECK (one = 1), -- a single row
  age_clock_ms INTEGER NOT NULL DEFAULT 0, -- time this file has seen pass, whatever the wall clock did meanwhile
  wall_ms INTEGER, -- wall clock when that was written: how long the daemon was away; NULL before the first time
  round TEXT CHECK (json_valid(round)) -- what the round under way has deleted so far; NULL when the journal has it
) STRICT;
INSERT INTO retention (one) VALUES (1);

-- Pictures named by messages not yet delivered.
CREATE INDEX outbox_snapshot ON outbox (json_extract(body, '$.snapshot.path'))
  WHERE json_extract(body, '$.snapshot.path') IS NOT NULL;

ALTER TABLE events ADD COLUMN snapshot_path /* best picture; its file is there while snapshots has its row */ TEXT;
ALTER TABLE events ADD COLUMN snapshot_sha256 /* of that file */ TEXT;
ALTER TABLE alerts ADD COLUMN snapshot_path /* best picture when the rule fired */ TEXT;
ALTER TABLE alerts ADD COLUMN snapshot_sha256 /* of that file */ TEXT;
`;

/** What delivery must remember: how much waits and what was lost of it, switches, retained topics, the state of the clock. */
export const SCHEMA_3 = `
ALTER TABLE journal ADD COLUMN clock /* whether the wall clock was synchronised when the row was written */
  TEXT NOT NULL DEFAULT 'unknown' CHECK (clock IN ('synced', 'unsynced', 'unknown'));

ALTER TABLE alerts ADD COLUMN unheard_at_ms /* when its delivery was given up: no subscriber; NULL otherwise */ INTEGER;
ALTER TABLE events ADD COLUMN unheard /* changes of it whose delivery was given up: no subscriber */
  INTEGER NOT NULL DEFAULT 0 CHECK (unheard >= 0);

-- The synthetic messages of the self-test have a counter of their own: a CHECK can only be changed with its table.
CREATE TABLE counters_3 (
  kind TEXT PRIMARY KEY CHECK (kind IN ('event', 'alert', 'gap', 'self-test')),
  last_seq INTEGER NOT NULL DEFAULT 0 CHECK (last_seq >= 0) -- given out so far, without holes
) STRICT, WITHOUT ROWID;
INSERT INTO counters_3 SELECT kind, last_seq FROM counters;
INSERT INTO counters_3 (kind) VALUES ('self-test');
DROP TABLE counters;
ALTER TABLE counters_3 RENAME TO counters;

-- Messages not yet delivered. A row leaves when the broker has it.
CREATE TABLE outbox_3 (
  row INTEGER PRIMARY KEY AUTOINCREMENT, -- order of delivery; never given out twice
  kind TEXT NOT NULL CHECK (kind IN ('event', 'alert', 'gap', 'self-test')),
  seq INTEGER NOT NULL CHECK (seq > 0), -- of the counter of its kind
  at_ms INTEGER NOT NULL, -- wall clock of the record
  body TEXT NOT NULL CHECK (json_valid(body)), -- the record as given
  worth INTEGER NOT NULL CHECK (worth BETWEEN 0 AND 3), -- beyond the quota first: 0 update, 1 new and end, 2 alert; 3 never
  bytes INTEGER NOT NULL CHECK (bytes >= 0), -- of body
  UNIQUE (kind, seq)
) STRICT;
-- Numbers given out stay given out, also when the table is empty.
INSERT INTO sqlite_sequence (name, seq) SELECT 'outbox_3', seq FROM sqlite_sequence WHERE name = 'outbox';
INSERT INTO outbox_3 SELECT row, kind, seq, at_ms, body, CASE
  WHEN kind = 'gap' THEN 3 WHEN kind = 'alert' THEN 2 WHEN json_extract(body, '$.type') = 'update' THEN 0 ELSE 1 END,
  octet_length(body) FROM outbox;
DROP TABLE outbox;
ALTER TABLE outbox_3 RENAME TO outbox;
CREATE INDEX outbox_snapshot ON outbox (json_extract(body, '$.snapshot.path'))
  WHERE json_extract(body, '$.snapshot.path') IS NOT NULL;
CREATE INDEX outbox_worth ON outbox (worth, row, bytes);

-- Numbers of messages that the quota took from the outbox, as ranges; moved into gap messages when the outbox is read.
CREATE TABLE losses (
  counter TEXT NOT NULL CHECK (counter IN ('event', 'alert')),
  first INTEGER NOT NULL CHECK (first > 0), -- seq; ranges of a counter neither overlap nor touch
  last INTEGER NOT NULL CHECK (last >= first),
  PRIMARY KEY (counter, first)
) STRICT, WITHOUT ROWID;

-- What was switched over MQTT.
CREATE TABLE switches (
  name TEXT PRIMARY KEY, -- 'armed', 'camera/porch/detect', …
  value TEXT NOT NULL CHECK (json_valid(value)), -- as switched last
  file_value TEXT NOT NULL CHECK (json_valid(file_value)) -- what the configuration said then: when it changes, it holds
) STRICT, WITHOUT ROWID;

-- Topics with a retained message of ours at the broker, to be cleared when nothing is published there any more.
CREATE TABLE retained_topics (
  topic TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
`;

/** How far back the journal goes, and how old it is: what pruning by age needs, and what a check of the file goes by. */
export const SCHEMA_4 = `
-- Where the journal begins (one row). Numbers up to these have no entry: pruned, or left in a file that was set aside.
CREATE TABLE journal_start (
  one INTEGER PRIMARY KEY CHECK (one = 1), -- a single row
  entry INTEGER NOT NULL DEFAULT 0 CHECK (entry >= 0), -- last entry that pruning has deleted
  event_seq INTEGER NOT NULL DEFAULT 0 CHECK (event_seq >= 0),
  alert_seq INTEGER NOT NULL DEFAULT 0 CHECK (alert_seq >= 0),
  round TEXT CHECK (json_valid(round)) -- what the round under way has deleted so far; NULL when the journal has it
) STRICT;
INSERT INTO journal_start (one, event_seq, alert_seq) VALUES (1,
  (SELECT coalesce(min(seq) - 1, (SELECT last_seq FROM counters WHERE kind = 'event'))
     FROM journal WHERE kind IN ('new', 'update', 'end')),
  (SELECT coalesce(min(seq) - 1, (SELECT last_seq FROM counters WHERE kind = 'alert'))
     FROM journal WHERE kind = 'alert'));

-- How old entries are: one row an hour at most.
CREATE TABLE journal_ages (
  entry INTEGER PRIMARY KEY, -- this one and those before it were there
  age_clock_ms INTEGER NOT NULL -- when retention.age_clock_ms was this
) STRICT;

-- Numbers without an entry, for their record did not fit the tables (a bug); a gap message has told them.
CREATE TABLE refused (
  counter TEXT NOT NULL CHECK (counter IN ('event', 'alert')),
  seq INTEGER NOT NULL CHECK (seq > 0),
  PRIMARY KEY (counter, seq)
) STRICT, WITHOUT ROWID;
`;

/** Alerts of every trigger: of several objects, of nobody, of what is broken; and which conditions held. */
export const SCHEMA_5 = `
-- A CHECK or NOT NULL can only be changed with its table. No foreign key to events: an alert is worth more than the event.
CREATE TABLE alerts_5 (
  id TEXT PRIMARY KEY, -- UUID version 7
  seq INTEGER NOT NULL UNIQUE CHECK (seq > 0), -- counter 'alert'
  event_id TEXT, -- of a group: of its first object; NULL where no object made the rule fire
  event_ids TEXT CHECK (json_type(event_ids) = 'array'), -- of a group or a count: all of them; NULL for one or none
  rule TEXT NOT NULL,
  trigger TEXT NOT NULL, -- 'enter', 'cross', 'absence', …: core/rule-types.ts
  severity TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
  camera TEXT, -- NULL where the whole daemon is meant
  label TEXT, -- NULL without an object
  zone TEXT,
  line TEXT,
  side_from TEXT, -- side of the line, or first zone of a sequence
  side_to TEXT, -- side of the line, or last zone of a sequence
  fault TEXT, -- what is broken
  count INTEGER NOT NULL CHECK (count >= 0), -- objects it stands for
  score REAL CHECK (score BETWEEN 0 AND 1), -- NULL without an object
  message TEXT NOT NULL,
  at_ms INTEGER NOT NULL, -- wall clock
  mono_ms REAL NOT NULL, -- CLOCK_MONOTONIC
  stages TEXT CHECK (json_type(stages) = 'object'), -- milliseconds per stage of the frame that fired it; NULL without one
  because TEXT NOT NULL CHECK (json_type(because) = 'array'), -- conditions that held, with their numbers
  topic TEXT, -- where it was published once more, below vedette/<device>/
  snapshot_path TEXT, -- best picture when the rule fired
  snapshot_sha256 TEXT, -- of that file
  clip_path TEXT, -- video of that moment; written some seconds later, there while snapshots has its row
  unheard_at_ms INTEGER -- when its delivery was given up: no subscriber; NULL otherwise
) STRICT;
INSERT INTO alerts_5 (id, seq, event_id, rule, trigger, severity, camera, label, zone, count, score, message, at_ms, mono_ms,
                      stages, because, snapshot_path, snapshot_sha256, unheard_at_ms)
  SELECT id, seq, event_id, rule, 'enter', severity, camera, label, zone, 1, score, message, at_ms, mono_ms,
         stages, '[]', snapshot_path, snapshot_sha256, unheard_at_ms FROM alerts;
DROP TABLE alerts;
ALTER TABLE alerts_5 RENAME TO alerts;
CREATE INDEX alerts_at ON alerts (at_ms);
CREATE INDEX alerts_event ON alerts (event_id) WHERE event_id IS NOT NULL;

-- alerts.event_ids, to be found by event. Kept by the two triggers below.
CREATE TABLE alert_events (
  event_id TEXT NOT NULL,
  alert_seq INTEGER NOT NULL,
  PRIMARY KEY (event_id, alert_seq)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER alert_events_added AFTER INSERT ON alerts WHEN new.event_ids IS NOT NULL
BEGIN
  INSERT OR IGNORE INTO alert_events (event_id, alert_seq) SELECT value, new.seq FROM json_each(new.event_ids);
END;
CREATE TRIGGER alert_events_deleted AFTER DELETE ON alerts WHEN old.event_ids IS NOT NULL
BEGIN
  DELETE FROM alert_events
  WHERE alert_seq = old.seq AND event_id IN (SELECT value FROM json_each(old.event_ids));
END;

-- Clips grow old with the pictures, in one table.
ALTER TABLE snapshots ADD COLUMN kind /* a clip: a video of some seconds; its label and score are those of the alert */
  TEXT NOT NULL DEFAULT 'picture' CHECK (kind IN ('picture', 'clip'));
CREATE INDEX outbox_clip ON outbox (json_extract(body, '$.clip.path'))
  WHERE json_extract(body, '$.clip.path') IS NOT NULL;

ALTER TABLE events ADD COLUMN stationary /* whether it had stopped moving at its last change */
  INTEGER NOT NULL DEFAULT 0 CHECK (stationary IN (0, 1));
`;
