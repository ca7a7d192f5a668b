// Values that others have chosen (a configuration, a message) as they are shown in messages: short, escaped and without
// credentials, because such lines end up in terminals, journals and answers. Pure, any thread.
import { hideCredentials } from './redact.ts';

const SHOWN_MAX = 60;
/** Looked at for credentials: what is shown comes from within. */
const SCANNED_MAX = 4096;

/** A value for a message: short, escaped, never the inside of a list or mapping. */
export function showValue(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'string') return showText(value);
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return typeof value === 'object' ? 'a mapping' : String(value);
}

/** Text in single quotes, of so many characters at most; control and direction characters are escaped, so that it cannot repaint a terminal. */
export function showText(text: string, lengthMax = SHOWN_MAX): string {
  const safe = hideCredentials(text.slice(0, SCANNED_MAX));
  const short = safe.length > lengthMax ? `${safe.slice(0, lengthMax)}…` : safe;
  const escaped = short.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to be escaped
    /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `'${escaped}'`;
}

/** A line of others (names of devices, last words of programs): nothing in it may steer the terminal. */
export function plainText(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ').trim();
}
