// What is sent to each topic, as plain objects and JSON. Owns the wire shapes of docs/mqtt.md; knows no broker and no
// clock. Pure, main thread. Times are ISO 8601 in UTC with milliseconds (`at`), with the same instant as a number where
// a program is likely to compute with it (`atMs`); boxes are fractions of the frame to 5 decimals (a fifth of a pixel
// of an 8K picture), scores have 4 decimals.
import { alertOf } from '../core/alert-body.ts';
import type { Condition } from '../core/trace-types.ts';
import type { Alert, AlertStages, Box, EventChange, Gap, OutboxRow, StageTimes } from '../core/types.ts';
import type { SendStages } from '../platform/latency.ts';
import type { Digest } from './digest.ts';

/** Version of every payload: raised when a field changes its meaning or goes away, not when one is added. */
export const PAYLOAD_VERSION = 1;

/** Retained payload of `status`: the bare word. */
export type DaemonStatus = 'online' | 'offline' | 'stopped';

export interface RowContext {
  readonly nowMs: number;
  /** A row older than this is marked late. */
  readonly lateMs: number;
  /** Of an alert that this life of the daemon has made: its stages since. */
  readonly stages?: SendStages | undefined;
  /** Where the newest picture with this label is published; absent when pictures are not published. */
  readonly snapshotTopic?: ((camera: string, label: string) => string) | undefined;
}

/** ISO 8601 in UTC with milliseconds. */
export function isoTime(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** JSON of one outbox row. Throws a SyntaxError or RangeError when the body is not what its kind says. */
export function rowPayload(row: OutboxRow, context: RowContext): string {
  switch (row.kind) {
    case 'event':
      return JSON.stringify(eventMessage(row, JSON.parse(row.body) as EventBody, context));
    case 'alert':
      return JSON.stringify(alertMessage(row, alertOf(row.body), context));
    case 'gap':
      return JSON.stringify(gapMessage(row, JSON.parse(row.body) as Gap, context));
    case 'self-test':
      return JSON.stringify(selfTestMessage(row, alertOf(row.body)));
  }
}

/** An `end` that the store wrote after a crash says so in `reason`. */
type EventBody = Omit<EventChange, 'stationary'> & {
  readonly stationary?: boolean;
  readonly reason?: 'interrupted';
};

function eventMessage(row: OutboxRow, event: EventBody, context: RowContext): object {
  return {
    v: PAYLOAD_VERSION,
    id: event.id,
    epoch: row.epoch,
    seq: row.seq,
    type: event.type,
    camera: event.camera,
    label: event.label,
    score: roundScore(event.score),
    box: roundBox(event.box),
    // A row of an older daemon does not say.
    stationary: event.stationary ?? false,
    zones: event.zones,
    zonesEntered: event.zonesEntered,
    track: event.track,
    startedAt: isoTime(event.startedAtMs),
    at: isoTime(event.atMs),
    atMs: event.atMs,
    ...(event.endedAtMs === undefined ? {} : { endedAt: isoTime(event.endedAtMs) }),
    ...(event.reason === undefined ? {} : { reason: event.reason }),
    ...snapshotField(event, context),
    ...lateFields(row, context),
  };
}

function alertMessage(row: OutboxRow, alert: Alert, context: RowContext): object {
  const { late, delayedMs } = delayOf(row, context);
  // What is undefined is left out of the JSON.
  return {
    v: PAYLOAD_VERSION,
    id: alert.id,
    epoch: row.epoch,
    seq: row.seq,
    eventId: alert.eventId,
    eventIds: alert.eventIds,
    rule: alert.rule,
    trigger: alert.trigger,
    severity: alert.severity,
    camera: alert.camera,
    label: alert.label,
    zone: alert.zone,
    line: alert.line,
    from: alert.from,
    to: alert.to,
    fault: alert.fault,
    count: alert.count,
    score: alert.score === undefined ? undefined : roundScore(alert.score),
    message: alert.message,
    at: isoTime(alert.atMs),
    atMs: alert.atMs,
    ...snapshotField(alert, context),
    clip: alert.clip === undefined ? undefined : { path: alert.clip.path },
    because: alert.because.map(reason),
    late,
    delayedMs,
    ...(alert.stages === undefined ? {} : { latency: alertLatency(alert.stages, context) }),
  };
}

/** A condition that held: all of an alert's did. */
function reason({ what, place, value, limit, unit }: Condition): object {
  return { what, place, value: rounded(value), limit: rounded(limit), unit };
}

function rounded(value: number | string): number | string {
  return typeof value === 'number' ? roundScore(value) : value;
}

function selfTestMessage(row: OutboxRow, alert: Alert): object {
  return {
    v: PAYLOAD_VERSION,
    id: alert.id,
    epoch: row.epoch,
    seq: row.seq,
    at: isoTime(alert.atMs),
    atMs: alert.atMs,
  };
}

function gapMessage(row: OutboxRow, gap: Gap, context: RowContext): object {
  return {
    v: PAYLOAD_VERSION,
    epoch: row.epoch,
    seq: row.seq,
    counter: gap.counter,
    reason: gap.reason,
    detail: gap.detail,
    first: gap.first,
    last: gap.last,
    count: gap.count,
    ranges: gap.ranges,
    epochBefore: gap.epochBefore,
    lastBefore: gap.lastBefore,
    at: isoTime(gap.atMs),
    atMs: gap.atMs,
    ...lateFields(row, context),
  };
}

/** JSON of a digest, on the topic of the rows it stands for: told from a single message by its `type`. */
export function digestPayload(digest: Digest, context: RowContext): string {
  const { kind, rows, ranges, groups, others, severity, firstAtMs, lastAtMs } = digest;
  const last = rows.at(-1)?.seq;
  return JSON.stringify({
    v: PAYLOAD_VERSION,
    type: 'digest',
    epoch: digest.epoch,
    seq: last,
    first: rows[0]?.seq,
    last,
    count: rows.length,
    ranges,
    ...(kind === 'alert' ? { severity } : {}),
    message: digest.sentence(),
    groups: groups.map(({ firstAtMs: from, lastAtMs: to, ...group }) => ({
      ...group,
      firstAt: isoTime(from),
      lastAt: isoTime(to),
    })),
    ...(others === 0 ? {} : { others }),
    firstAt: isoTime(firstAtMs),
    at: isoTime(lastAtMs),
    atMs: lastAtMs,
    late: true,
    delayedMs: delayOf({ atMs: lastAtMs }, context).delayedMs,
  });
}

function snapshotField(
  { camera, label, snapshot }: EventBody | Alert,
  { snapshotTopic }: RowContext,
): { snapshot?: object } {
  // Only what has been seen has a picture.
  if (snapshot === undefined || camera === undefined || label === undefined) return {};
  const { path, sha256 } = snapshot;
  return {
    snapshot: {
      ...(snapshotTopic === undefined ? {} : { topic: snapshotTopic(camera, label) }),
      path,
      sha256,
    },
  };
}

type Delay = Pick<RowContext, 'nowMs' | 'lateMs'>;

/** Whether a row published now is late. */
export function isLate(row: OutboxRow, delay: Delay): boolean {
  return delayOf(row, delay).late;
}

/** Whether an event row is neither the first nor the last of its event. */
export function isUpdate(row: OutboxRow): boolean {
  try {
    return (JSON.parse(row.body) as Partial<EventBody>).type === 'update';
  } catch {
    return false;
  }
}

/** How long after the fact a row is published. A wall clock that jumped back counts as no delay. */
function delayOf(
  row: Pick<OutboxRow, 'atMs'>,
  { nowMs, lateMs }: Delay,
): { late: boolean; delayedMs: number } {
  const delayedMs = Math.max(0, Math.round(nowMs - row.atMs));
  return { late: delayedMs > lateMs, delayedMs };
}

function lateFields(row: OutboxRow, context: RowContext): { late?: true; delayedMs?: number } {
  const { late, delayedMs } = delayOf(row, context);
  return late ? { late, delayedMs } : {};
}

function roundBox(box: Box): Box {
  return {
    x: roundFraction(box.x),
    y: roundFraction(box.y),
    width: roundFraction(box.width),
    height: roundFraction(box.height),
  };
}

/** To 2 decimals. */
export function roundStages(stages: StageTimes): StageTimes {
  return {
    prepareMs: roundMs(stages.prepareMs),
    waitMs: roundMs(stages.waitMs),
    inferMs: roundMs(stages.inferMs),
    trackMs: roundMs(stages.trackMs),
  };
}

function alertLatency(stages: AlertStages, { stages: sendStages }: RowContext): object {
  return {
    ...roundStages(stages),
    ...(stages.decideMs === undefined ? {} : { decideMs: roundMs(stages.decideMs) }),
    ...(sendStages === undefined
      ? {}
      : { commitMs: roundMs(sendStages.commitMs), sendMs: roundMs(sendStages.sendMs) }),
  };
}

/** To 5 decimals. */
export function roundFraction(value: number): number {
  return Math.round(value * 1e5) / 1e5;
}

/** To 4 decimals. */
export function roundScore(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}

/** To 2 decimals. */
export function roundMs(value: number): number {
  return Math.round(value * 100) / 100;
}
