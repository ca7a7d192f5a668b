// Moments as people write them: before now, or a date. Any thread.

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const ISO_TIME = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:?\d\d)?)?$/i;

/** What `readMoment` takes, in words. */
export const MOMENT_WORDS =
  'a duration before now (90s, 15m, 2h, 7d, 1w) or a time (2026-06-01, 2026-06-01T18:30, with Z or +02:00 at its end for another zone)';

/** Milliseconds since 1970; undefined for what is no moment. A time without a zone is local, without an hour the day's first. */
export function readMoment(text: string, nowMs: number): number | undefined {
  const [, count, unit] = /^(\d{1,9})([smhdw])$/i.exec(text.trim()) ?? [];
  if (count !== undefined && unit !== undefined) return nowMs - Number(count) * UNIT_MS[unit.toLowerCase()]!;
  const [, year, month, day, time = '00:00', zone = ''] = ISO_TIME.exec(text.trim()) ?? [];
  const date = `${year}-${month}-${day}`;
  const atMs = new Date(`${date}T${time}${zone.toUpperCase()}`).getTime();
  // JavaScript takes 30 February for 2 March.
  if (Number.isNaN(atMs) || new Date(`${date}T00:00Z`).toISOString().slice(0, 10) !== date) return undefined;
  return atMs;
}
