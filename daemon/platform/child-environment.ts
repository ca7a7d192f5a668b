// The environment of a child program: what it needs to run and nothing else, so that a secret in the daemon's
// environment (a broker's password) is not handed to every camera program. Any thread.

/** What programs and their libraries read: where things are, language and time zone, tuning of libcamera and GStreamer. */
const NAMES = new Set([
  'PATH',
  'HOME',
  'LANG',
  'LANGUAGE',
  'TZ',
  'TMPDIR',
  'XDG_RUNTIME_DIR',
  'LD_LIBRARY_PATH',
]);
const PREFIXES = ['LC_', 'LIBCAMERA_', 'GST_'];

/** The allowed part of `from` (the daemon's environment) and what this program gets beside it. */
export function childEnvironment(
  extra: Readonly<Record<string, string>> = {},
  from: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const allowed = Object.entries(from).filter(
    ([name]) => NAMES.has(name) || PREFIXES.some((prefix) => name.startsWith(prefix)),
  );
  return { ...Object.fromEntries(allowed), ...extra };
}
