// What must never be shown: values of secret keys, and user names and passwords inside URLs. Used for printing a
// configuration and for every message about one. Pure.

import { hideCredentials } from '../platform/redact.ts';

const HIDDEN = '[hidden]';

/** Keys whose value, or whatever is below them, is a secret. */
const SECRET_KEY = /passw(or)?d|passphrase|secret|token|api-?_?key|credential|^env$/i;
/** Keys that name a file with a secret: that name may be shown. */
export const FILE_KEY = /^(password|keyPassword|token|key)File$/;

/** True when the value of a key of this name must not be shown. */
export function isSecretKey(key: string | number): boolean {
  return typeof key === 'string' && SECRET_KEY.test(key) && !FILE_KEY.test(key);
}

/** A copy for printing: secrets are '[hidden]', credentials in URLs are hidden. The input is not changed. */
export function redactConfig<T>(config: T): T {
  return redacted(config) as T;
}

function redacted(value: unknown): unknown {
  if (typeof value === 'string') return hideCredentials(value);
  if (Array.isArray(value)) return value.map(redacted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      isSecretKey(key) && inner !== undefined ? HIDDEN : redacted(inner),
    ]),
  );
}
