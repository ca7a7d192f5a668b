// Which time zone this machine has. Main thread.

/** An IANA name, e.g. Europe/Berlin; UTC where the environment names a zone that there is not (TZ=nonsense). */
export function systemTimeZone(): string {
  const { timeZone } = new Intl.DateTimeFormat().resolvedOptions() as { timeZone?: string };
  try {
    if (timeZone !== undefined) new Intl.DateTimeFormat('en', { timeZone });
    return timeZone ?? 'UTC';
  } catch {
    // Some versions say Etc/Unknown, which they do not accept themselves.
    return 'UTC';
  }
}
