// The alert in the body of a row: outbox and journal keep it as JSON, and some rows were written by an older daemon. Pure.
import type { Alert } from './types.ts';

/** Of an alert made when entering a zone was all that a rule could wait for, one object at a time. */
const BEFORE = { trigger: 'enter', count: 1, because: [] } as const satisfies Partial<Alert>;

/** The alert, with what an older daemon did not say. Throws a SyntaxError where it is no JSON. */
export function alertOf(body: string): Alert {
  return { ...BEFORE, ...(JSON.parse(body) as Alert) };
}

interface OfEvents {
  readonly eventId?: string | undefined;
  readonly eventIds?: readonly string[] | undefined;
}

/** Events of all its objects: none, one, or those of a group. */
export function eventIdsOf({ eventId, eventIds }: OfEvents): readonly string[] {
  return eventIds ?? (eventId === undefined ? [] : [eventId]);
}
