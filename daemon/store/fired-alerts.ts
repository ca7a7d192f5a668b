// What a backtest needs of vedette.db: the alerts that fired in a time, with the object each was about; the events of objects
// that other rules would have alerted on; the switches as they are set. Read-only; not for the daemon's main thread.
import type Database from 'better-sqlite3';
import type { FiredAlert } from '../core/alert-comparison.ts';
import type { Subject } from '../core/backtest.ts';
import type { StoredSwitch } from '../core/switches.ts';
import { CARRIED } from './journal.ts';
import { connectReadOnly, recordOf } from './read.ts';
import { Remembered } from './remembered.ts';

export interface FiredFilter {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly cameras?: readonly string[] | undefined;
  readonly rules?: readonly string[] | undefined;
}

/** Clocks step; what the two files say of one start may differ by this. */
const START_TOLERANCE_MS = 1000;

export class FiredAlerts {
  readonly #db: Database.Database;
  readonly #eventOf: Database.Statement<[string, number, number, number], string>;

  /** @throws VedetteError as `connectReadOnly`. */
  constructor(path: string) {
    this.#db = connectReadOnly(path);
    this.#eventOf = this.#db
      .prepare<[string, number, number, number], string>(`
        SELECT id FROM events
        WHERE camera = ? AND track = ? AND started_at_ms BETWEEN ? AND ? ORDER BY started_at_ms LIMIT 1`)
      .pluck();
  }

  /** In order of time. */
  between({ sinceMs, untilMs, cameras, rules }: FiredFilter): FiredAlert[] {
    const rows = this.#db
      .prepare<[Record<string, string | number | null>], FiredRow>(`
        SELECT alerts.id, event_id AS eventId, rule, trigger, severity, alerts.camera, alerts.label, zone, line,
               alerts.score, count, message, at_ms AS atMs, events.track, events.started_at_ms AS startedAtMs
        FROM alerts LEFT JOIN events ON events.id = event_id
        WHERE at_ms >= @sinceMs AND at_ms < @untilMs
          AND (@cameras IS NULL OR alerts.camera IN (SELECT value FROM json_each(@cameras)))
          AND (@rules IS NULL OR rule IN (SELECT value FROM json_each(@rules)))
        ORDER BY at_ms, seq`)
      .all({ sinceMs, untilMs, cameras: jsonOf(cameras), rules: jsonOf(rules) });
    return rows.map(({ track, startedAtMs, ...row }) => {
      const alert = recordOf<FiredAlert>(row, []);
      if (track === null || startedAtMs === null || alert.camera === undefined) return alert;
      return { ...alert, subject: { camera: alert.camera, track, startedAtMs } };
    });
  }

  /** The event of an object; undefined where it made none, or has been pruned. */
  eventOf({ camera, track, startedAtMs }: Subject): string | undefined {
    const [from, to] = [startedAtMs - START_TOLERANCE_MS, startedAtMs + START_TOLERANCE_MS];
    return this.#eventOf.get(camera, track, from, to);
  }

  /** Wall clock: what fired before is not known, it was pruned or is in a file that was set aside. Undefined: all is known. */
  knownFromMs(): number | undefined {
    const from = this.#db
      .prepare<[], number | null>(`
        SELECT iif(entry + event_seq + alert_seq > 0, coalesce(
          (SELECT iif(boot_id = '${CARRIED}', max(at_ms, created_at_ms), at_ms) FROM journal ORDER BY entry LIMIT 1),
          created_at_ms), NULL)
        FROM journal_start, meta`)
      .pluck()
      .get();
    return from ?? undefined;
  }

  switches(): readonly StoredSwitch[] {
    return new Remembered(this.#db).recall().switches;
  }

  close(): void {
    this.#db.close();
  }
}

interface FiredRow {
  readonly track: number | null;
  readonly startedAtMs: number | null;
}

function jsonOf(names: readonly string[] | undefined): string | null {
  return names === undefined ? null : JSON.stringify(names);
}
