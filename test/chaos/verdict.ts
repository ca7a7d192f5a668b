// Whether anything was lost: what the database says was committed against what the listener heard. Pure, so that a test can
// see it find each kind of loss.
import type { Heard } from './listener.ts';

export interface Committed {
  readonly epoch: string;
  /** In the order of the journal. */
  readonly messages: readonly CommittedMessage[];
  /** Ids of the rows of `alerts`, and of those given up because nobody listened. */
  readonly alerts: ReadonlySet<string>;
  readonly unheardAlerts: ReadonlySet<string>;
  /** How many changes of events were given up because nobody listened. */
  readonly unheardEvents: number;
  /** Numbers given out so far. */
  readonly lastSeq: Readonly<Record<'event' | 'alert' | 'gap', number>>;
}

export interface CommittedMessage {
  readonly kind: 'event' | 'alert';
  readonly seq: number;
  /** As the listener's. */
  readonly identity: string;
}

export interface Counts {
  readonly alerts: number;
  readonly alertsHeard: number;
  /** Of these, how many only as the answer to a request. */
  readonly alertsAsked: number;
  readonly alertsUnheard: number;
  readonly alertsInGaps: number;
  readonly events: number;
  readonly eventsHeard: number;
  readonly eventsUnheard: number;
  readonly gaps: number;
  /** Messages heard again. */
  readonly repeats: number;
  /** Messages first heard after a later one, on the same connection. */
  readonly overtaken: number;
}

export interface Verdict {
  readonly counts: Counts;
  /** Empty when nothing is wrong. */
  readonly faults: readonly string[];
}

/** Faults of one kind that are spelt out. */
const TOLD_MAX = 5;

/** Compares what was committed with what was heard. */
export function judge(committed: Committed, heard: readonly Heard[]): Verdict {
  const faults: string[] = [];
  const key = ({ kind, seq }: { kind: string; seq: number }): string => `${kind} ${seq}`;
  const known = new Map(committed.messages.map((message) => [key(message), message.identity]));
  const heardKeys = new Set<string>();
  const tell = (what: string, list: readonly string[]): void => {
    if (list.length === 0) return;
    const more = list.length > TOLD_MAX ? ` and ${list.length - TOLD_MAX} more` : '';
    faults.push(`${what}: ${list.slice(0, TOLD_MAX).join(', ')}${more}`);
  };

  const strange = heard.filter((message) => message.epoch !== committed.epoch);
  tell('heard of another epoch', strange.map(key));
  const false_ = heard.filter((one) => one.kind !== 'gap' && known.get(key(one)) !== one.identity);
  tell(
    'heard and not in the journal under this number',
    false_.map((one) => `${key(one)} (${one.identity})`),
  );
  tell('a number with two messages', twice(heard));
  tell('a number missing in the journal', holes(committed, gapsOf(heard)));

  const gaps = gapsOf(heard);
  for (const one of heard) heardKeys.add(key(one));
  const missing = committed.messages.filter((message) => !heardKeys.has(key(message)));
  const named = missing.filter((message) => gaps.has(key(message)));
  const silent = missing.filter((message) => !gaps.has(key(message)));
  const lost = silent.filter(
    ({ kind, identity }) => kind === 'alert' && !committed.unheardAlerts.has(identity),
  );
  tell(
    'alert lost',
    lost.map((one) => `${key(one)} (${one.identity})`),
  );
  const silentEvents = silent.filter(({ kind }) => kind === 'event');
  if (silentEvents.length > committed.unheardEvents)
    tell(
      `more events lost than the ${committed.unheardEvents} that nobody listened to`,
      silentEvents.map(key),
    );
  const journalled = new Set(committed.messages.map(({ identity }) => identity));
  tell(
    'a row of alerts without its journal',
    [...committed.alerts].filter((id) => !journalled.has(id)),
  );

  const ofKind = (list: readonly { kind: string }[], kind: string): number =>
    list.filter((one) => one.kind === kind).length;
  return {
    faults,
    counts: {
      alerts: committed.alerts.size,
      alertsHeard: ofKind(committed.messages, 'alert') - ofKind(missing, 'alert'),
      alertsAsked: heard.filter(({ kind, asked }) => kind === 'alert' && asked).length,
      alertsUnheard: committed.unheardAlerts.size,
      alertsInGaps: ofKind(named, 'alert'),
      events: ofKind(committed.messages, 'event'),
      eventsHeard: ofKind(committed.messages, 'event') - ofKind(missing, 'event'),
      eventsUnheard: committed.unheardEvents,
      gaps: new Set(heard.filter(({ kind }) => kind === 'gap').map(key)).size,
      repeats: heard.length - heardKeys.size,
      overtaken: overtaken(heard).length,
    },
  };
}

/** First comings that came after a message with a later number of their kind, on the same connection of the listener. */
export function overtaken(heard: readonly Heard[]): Heard[] {
  const seen = new Set<string>();
  const highest = new Map<string, number>();
  return heard.filter(({ kind, epoch, seq, connection, asked }) => {
    if (asked) return false;
    const stream = `${kind} ${epoch} ${connection}`;
    const before = highest.get(stream) ?? 0;
    highest.set(stream, Math.max(before, seq));
    const first = !seen.has(`${kind} ${epoch} ${seq}`);
    seen.add(`${kind} ${epoch} ${seq}`);
    return first && seq < before;
  });
}

function twice(heard: readonly Heard[]): string[] {
  const identities = new Map<string, string>();
  const found: string[] = [];
  for (const { kind, epoch, seq, identity } of heard) {
    const number = `${kind} ${epoch} ${seq}`;
    const before = identities.get(number) ?? identity;
    identities.set(number, before);
    if (before !== identity) found.push(`${number} (${before}, ${identity})`);
  }
  return found;
}

function gapsOf(heard: readonly Heard[]): Set<string> {
  const named = new Set<string>();
  for (const { gap } of heard) {
    for (const [first, last] of gap?.ranges ?? []) {
      for (let seq = first; seq <= last; seq += 1) named.add(`${gap?.counter} ${seq}`);
    }
  }
  return named;
}

/** Numbers that were given out and are neither in the journal nor named by a gap. */
function holes({ messages, lastSeq }: Committed, gaps: ReadonlySet<string>): string[] {
  const there = new Set(messages.map(({ kind, seq }) => `${kind} ${seq}`));
  return (['event', 'alert'] as const).flatMap((kind) =>
    Array.from({ length: lastSeq[kind] }, (_, index) => `${kind} ${index + 1}`).filter(
      (number) => !there.has(number) && !gaps.has(number),
    ),
  );
}
