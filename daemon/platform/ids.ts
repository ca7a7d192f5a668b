// Identifiers of events, alerts and databases. RFC 9562 version 7 UUIDs: they sort by wall-clock time to the
// millisecond and carry 74 random bits, so two boots with the same (wrong) time do not collide.
import { randomBytes, randomUUIDv7 } from 'node:crypto';

/** A new event or alert id. */
export function newId(): string {
  return randomUUIDv7();
}

/** A random name for one database file: 16 hexadecimal digits. */
export function newEpoch(): string {
  return randomBytes(8).toString('hex');
}
