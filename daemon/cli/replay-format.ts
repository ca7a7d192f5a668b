// How `vedette replay` tells what a video leads to: lines for people in the time of the video, JSON lines for programs. Pure:
// text in, text out.
import type { Alert, EventChange } from '../core/types.ts';
import type { ReplayStep } from './replay-run.ts';
import { plural } from './words.ts';

/** What was told, for the last line. */
export interface ReplayTotals {
  events: number;
  /** Alerts by rule, of every rule. */
  readonly alerts: Map<string, number>;
}

export interface ReplaySummary extends ReplayTotals {
  readonly frames: number;
  readonly videoMs: number;
  readonly tookMs: number;
}

export interface ReplayFormat {
  step(step: ReplayStep): string;
  summary(summary: ReplaySummary): string;
}

/** Lines for people. Updates of events are left out unless `verbose`. */
export function replayText({ verbose }: { readonly verbose: boolean }): ReplayFormat {
  return {
    step: ({ videoMs, decision }) =>
      [
        ...decision.events.flatMap((event) =>
          event.type === 'update' && !verbose ? [] : [eventLine(videoMs, event)],
        ),
        ...decision.alerts.map((alert) => alertLine(videoMs, alert)),
      ].join(''),
    summary: ({ frames, videoMs, tookMs, events, alerts }) => {
      const counted = [...alerts].map(([rule, count]) => `${rule} ${count}`).join(', ');
      const total = [...alerts.values()].reduce((sum, count) => sum + count, 0);
      const looked = `${frames} frames, ${clockOf(videoMs).trim()} of video, in ${(tookMs / 1000).toFixed(1)} s`;
      return `${looked}: ${plural(events, 'event')}, ${plural(total, 'alert')}${counted === '' ? '' : ` (${counted})`}\n`;
    },
  };
}

/** One JSON object a line: the records as the store keeps them, `kind` and `videoMs` before them; last the summary. */
export function replayJson(): ReplayFormat {
  const line = (value: object): string => `${JSON.stringify(value)}\n`;
  return {
    step: ({ videoMs, decision }) =>
      [
        ...decision.events.map((event) => line({ kind: 'event', videoMs, ...event })),
        ...decision.alerts.map((alert) => line({ kind: 'alert', videoMs, ...alert })),
      ].join(''),
    summary: ({ alerts, ...totals }) =>
      line({ kind: 'summary', ...totals, alerts: Object.fromEntries(alerts) }),
  };
}

function eventLine(videoMs: number, event: EventChange): string {
  const { id, type, label, score, zones, zonesEntered, startedAtMs, endedAtMs } = event;
  const where = type === 'end' ? zonesEntered : zones;
  const place = where.length === 0 ? '' : `, ${type === 'end' ? 'was in' : 'in'} ${where.join(', ')}`;
  const lasted = endedAtMs === undefined ? '' : `, ${((endedAtMs - startedAtMs) / 1000).toFixed(1)} s`;
  return `${clockOf(videoMs)}  ${type.padEnd(6)}  event ${id}: ${label} ${score.toFixed(2)}${lasted}${place}\n`;
}

function alertLine(videoMs: number, { eventId, rule, severity, message, score, count }: Alert): string {
  const of = eventId === undefined ? '' : ` (event ${eventId}${count > 1 ? ` and ${count - 1} more` : ''})`;
  const scored = score === undefined ? '' : `, ${score.toFixed(2)}`;
  return `${clockOf(videoMs)}  ALERT   ${rule} (${severity}): ${message}${scored}${of}\n`;
}

/** 1:02:03.4, or 2:03.4: right-aligned to the length of an hour's. */
export function clockOf(ms: number): string {
  const tenths = Math.round(ms / 100);
  const [hours, minutes] = [Math.floor(tenths / 36_000), Math.floor(tenths / 600) % 60];
  const seconds = ((tenths % 600) / 10).toFixed(1).padStart(4, '0');
  const text =
    hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${seconds}` : `${minutes}:${seconds}`;
  return text.padStart(8);
}
