// The tables kept beside the journal: events as of their last change, and alerts. Every call is a single statement or
// runs inside the caller's transaction. Worker thread.
import type Database from 'better-sqlite3';
import type { Alert, EventChange, SnapshotRef } from '../core/types.ts';
import type { InterruptedEnd } from './messages.ts';

/** An event without an end, as its row has it. */
export interface OpenEvent {
  readonly id: string;
  readonly camera: string;
  readonly label: string;
  readonly track: number;
  readonly score: number;
  readonly box: string;
  readonly zones: string;
  readonly zones_entered: string;
  readonly stationary: number;
  readonly started_at_ms: number;
  readonly updated_at_ms: number;
  readonly snapshot_path: string | null;
  readonly snapshot_sha256: string | null;
}

// An end that has been written stays, whatever comes late.
const UPSERT_EVENT = `
  INSERT INTO events (id, camera, label, track, score, box, zones, zones_entered, stationary,
                      started_at_ms, updated_at_ms, ended_at_ms, end_reason, snapshot_path, snapshot_sha256)
  VALUES (@id, @camera, @label, @track, @score, @box, @zones, @zonesEntered, @stationary,
          @startedAtMs, @updatedAtMs, @endedAtMs, @endReason, @snapshotPath, @snapshotSha256)
  ON CONFLICT (id) DO UPDATE SET
    label = excluded.label, score = excluded.score, box = excluded.box, zones = excluded.zones,
    zones_entered = excluded.zones_entered, stationary = excluded.stationary, updated_at_ms = excluded.updated_at_ms,
    ended_at_ms = coalesce(excluded.ended_at_ms, ended_at_ms),
    end_reason = coalesce(excluded.end_reason, end_reason),
    snapshot_path = coalesce(excluded.snapshot_path, snapshot_path),
    snapshot_sha256 = coalesce(excluded.snapshot_sha256, snapshot_sha256)`;

const INSERT_ALERT = `
  INSERT INTO alerts (id, seq, event_id, event_ids, rule, trigger, severity, camera, label, zone, line, side_from, side_to,
                      fault, count, score, message, at_ms, mono_ms, stages, because, topic, snapshot_path, snapshot_sha256,
                      clip_path)
  VALUES (@id, @seq, @eventId, @eventIds, @rule, @trigger, @severity, @camera, @label, @zone, @line, @sideFrom, @sideTo,
          @fault, @count, @score, @message, @atMs, @monoMs, @stages, @because, @topic, @snapshotPath, @snapshotSha256,
          @clipPath)`;

export class Views {
  readonly #event: Database.Statement<[Record<string, unknown>]>;
  readonly #alert: Database.Statement<[Record<string, unknown>]>;
  readonly #openEvents: Database.Statement<[], OpenEvent>;

  constructor(db: Database.Database) {
    this.#event = db.prepare(UPSERT_EVENT);
    this.#alert = db.prepare(INSERT_ALERT);
    this.#openEvents = db.prepare<[], OpenEvent>(
      'SELECT * FROM events WHERE ended_at_ms IS NULL ORDER BY id',
    );
  }

  changeEvent(change: EventChange | InterruptedEnd): void {
    this.#event.run(eventColumns(change));
  }

  addAlert(alert: Alert, seq: number): void {
    this.#alert.run(alertColumns(alert, seq));
  }

  openEvents(): OpenEvent[] {
    return this.#openEvents.all();
  }
}

/** The end of an event that a crash left open: it ended with its last change. */
export function endOf(
  event: OpenEvent,
  now: { readonly atMs: number; readonly monoMs: number },
): InterruptedEnd {
  return {
    id: event.id,
    type: 'end',
    camera: event.camera,
    label: event.label,
    score: event.score,
    box: JSON.parse(event.box) as EventChange['box'],
    zones: JSON.parse(event.zones) as string[],
    zonesEntered: JSON.parse(event.zones_entered) as string[],
    stationary: event.stationary === 1,
    track: event.track,
    startedAtMs: event.started_at_ms,
    ...now,
    endedAtMs: event.updated_at_ms,
    ...(event.snapshot_path === null || event.snapshot_sha256 === null
      ? {}
      : { snapshot: { path: event.snapshot_path, sha256: event.snapshot_sha256 } }),
    reason: 'interrupted',
  };
}

/** Columns of the row of an event that this change leaves; null where it says nothing. */
export function eventColumns(change: EventChange | InterruptedEnd): Record<string, unknown> {
  const endedAtMs = change.endedAtMs ?? (change.type === 'end' ? change.atMs : undefined);
  return {
    id: change.id,
    camera: change.camera,
    label: change.label,
    track: change.track,
    score: clampScore(change.score),
    box: JSON.stringify(change.box),
    zones: JSON.stringify(change.zones),
    zonesEntered: JSON.stringify(change.zonesEntered),
    stationary: change.stationary ? 1 : 0,
    startedAtMs: Math.round(change.startedAtMs),
    updatedAtMs: Math.round(change.atMs),
    endedAtMs: endedAtMs === undefined ? null : Math.round(endedAtMs),
    endReason: 'reason' in change ? change.reason : null,
    ...snapshotColumns(change.snapshot),
  };
}

/** Columns of the row of an alert; null where it says nothing. */
export function alertColumns(alert: Alert, seq: number): Record<string, unknown> {
  const { id, rule, trigger, severity, count, message, monoMs, score, because, snapshot } = alert;
  return {
    ...{ id, rule, trigger, severity, count, message, monoMs },
    seq,
    eventId: alert.eventId ?? null,
    eventIds: jsonOf(alert.eventIds),
    camera: alert.camera ?? null,
    label: alert.label ?? null,
    zone: alert.zone ?? null,
    line: alert.line ?? null,
    sideFrom: alert.from ?? null,
    sideTo: alert.to ?? null,
    fault: alert.fault ?? null,
    score: score === undefined ? null : scoreColumn(score),
    atMs: Math.round(alert.atMs),
    stages: jsonOf(alert.stages),
    because: JSON.stringify(because),
    topic: alert.topic ?? null,
    clipPath: alert.clip?.path ?? null,
    ...snapshotColumns(snapshot),
  };
}

/** SQLite would keep NaN as NULL, which is the word for no score: as a text it is refused. */
function scoreColumn(score: number): number | string {
  return Number.isNaN(score) ? 'NaN' : clampScore(score);
}

function jsonOf(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

function snapshotColumns(snapshot: SnapshotRef | undefined): Record<string, unknown> {
  return { snapshotPath: snapshot?.path ?? null, snapshotSha256: snapshot?.sha256 ?? null };
}

/** Dequantized scores may leave 0..1 by a rounding error; that must not cost an alert. NaN stays and is refused. */
export function clampScore(score: number): number {
  return Math.min(1, Math.max(0, score));
}
