// Wall clock times as people read them, in the time zone of the system. Any thread.

/** `2026-06-01 14:00:05 +02:00`: the time of this machine's zone, and what tells it from any other. */
export function localTime(atMs: number): string {
  const date = new Date(atMs);
  const offset = -date.getTimezoneOffset();
  const local = new Date(atMs + offset * 60_000).toISOString();
  const sign = offset < 0 ? '-' : '+';
  const hours = String(Math.floor(Math.abs(offset) / 60)).padStart(2, '0');
  const minutes = String(Math.abs(offset) % 60).padStart(2, '0');
  return `${local.slice(0, 10)} ${local.slice(11, 19)} ${sign}${hours}:${minutes}`;
}

/** `14:00:05`, where the day is known. */
export function clockTime(atMs: number): string {
  return localTime(atMs).slice(11, 19);
}
