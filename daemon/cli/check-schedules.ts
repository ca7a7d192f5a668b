// What `vedette check` says about schedules: when each rule that has one is in force next, as the clocks of the place show it, so
// that a wrong day, time zone or hemisphere is seen before it matters. Pure.
import type { Config } from '../config/types.ts';
import { decisionScene } from '../core/configured.ts';
import { Schedule } from '../core/schedule.ts';

/** One line per rule with a schedule. */
export function describeSchedules(config: Config, nowMs: number): string[] {
  const { rules, location } = decisionScene(config);
  return rules.flatMap(({ name, schedule: windows }) => {
    if (windows === undefined) return [];
    const schedule = new Schedule(windows, location);
    return [`rule '${name}': ${whenInForce(schedule, nowMs)} (${location.timeZone})`];
  });
}

function whenInForce(schedule: Schedule, nowMs: number): string {
  const span = schedule.next(nowMs);
  if (span === undefined) return 'not in force within the next week';
  const { beginMs, endMs } = span;
  const until = Number.isFinite(endMs) ? schedule.words(endMs) : undefined;
  if (beginMs <= nowMs) return until === undefined ? 'in force all week' : `in force now, until ${until}`;
  const from = `in force from ${schedule.words(beginMs)}`;
  return until === undefined ? from : `${from} to ${until}`;
}
