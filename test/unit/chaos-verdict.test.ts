import { describe, expect, test } from 'vitest';
import type { Heard } from '../chaos/listener.ts';
import { type Committed, judge, overtaken } from '../chaos/verdict.ts';

const EPOCH = 'e';

function alertHeard(seq: number, more: Partial<Heard> = {}): Heard {
  return { kind: 'alert', epoch: EPOCH, seq, identity: `alert-${seq}`, connection: 1, ...more };
}

/** Three alerts and an event of two changes. */
function books(more: Partial<Committed> = {}): Committed {
  const ids = [1, 2, 3].map((seq) => `alert-${seq}`);
  return {
    epoch: EPOCH,
    messages: [
      ...ids.map((identity, index) => ({ kind: 'alert' as const, seq: index + 1, identity })),
      { kind: 'event', seq: 1, identity: 'event new 1' },
      { kind: 'event', seq: 2, identity: 'event end 2' },
    ],
    alerts: new Set(ids),
    unheardAlerts: new Set(),
    unheardEvents: 0,
    lastSeq: { event: 2, alert: 3, gap: 0 },
    ...more,
  };
}

const EVENTS: readonly Heard[] = [
  { kind: 'event', epoch: EPOCH, seq: 1, identity: 'event new 1', connection: 1 },
  { kind: 'event', epoch: EPOCH, seq: 2, identity: 'event end 2', connection: 1 },
];
const ALL = [...EVENTS, alertHeard(1), alertHeard(2), alertHeard(3)];

describe('the verdict of a chaos run', () => {
  test('finds nothing when everything was heard, some of it twice', () => {
    const { faults, counts } = judge(books(), [...ALL, alertHeard(3), alertHeard(2)]);
    expect(faults).toEqual([]);
    expect(counts).toMatchObject({ alerts: 3, alertsHeard: 3, eventsHeard: 2, repeats: 2, overtaken: 0 });
  });

  test('finds an alert that nobody heard, unless it is marked or named in a gap', () => {
    const heard = [...EVENTS, alertHeard(1), alertHeard(3)];
    expect(judge(books(), heard).faults).toEqual(['alert lost: alert 2 (alert-2)']);
    expect(judge(books({ unheardAlerts: new Set(['alert-2']) }), heard).faults).toEqual([]);
    const gap = { counter: 'alert', ranges: [[2, 2]] as const };
    const told: Heard = { kind: 'gap', epoch: EPOCH, seq: 1, identity: 'alert  1', connection: 1, gap };
    const { faults, counts } = judge(books(), [...heard, told]);
    expect(faults).toEqual([]);
    expect(counts).toMatchObject({ alertsHeard: 2, alertsInGaps: 1, gaps: 1 });
  });

  test('finds changes of events that are missing beyond those marked as unheard', () => {
    const heard = ALL.filter(({ kind, seq }) => kind === 'alert' || seq === 1);
    expect(judge(books(), heard).faults).toEqual([
      'more events lost than the 0 that nobody listened to: event 2',
    ]);
    expect(judge(books({ unheardEvents: 1 }), heard).faults).toEqual([]);
  });

  test('finds a number that was given to two messages', () => {
    const { faults } = judge(books(), [...ALL, alertHeard(2, { identity: 'other' })]);
    expect(faults.some((fault) => fault.startsWith('a number with two messages: alert e 2'))).toBe(true);
  });

  test('finds a message that was heard and is not in the journal: it was published before it was durable', () => {
    const { faults } = judge(books(), [...ALL, alertHeard(4)]);
    expect(faults).toEqual(['heard and not in the journal under this number: alert 4 (alert-4)']);
  });

  test('finds a message of another epoch', () => {
    const { faults } = judge(books(), [...ALL, alertHeard(1, { epoch: 'other' })]);
    expect(faults).toContain('heard of another epoch: alert 1');
  });

  test('finds a number that was given out and never used', () => {
    const { faults } = judge(books({ lastSeq: { event: 2, alert: 4, gap: 0 } }), ALL);
    expect(faults).toEqual(['a number missing in the journal: alert 4']);
  });

  test('tells a message that came after a later one from a repeat, per connection', () => {
    const [one, two, three] = [alertHeard(1), alertHeard(2), alertHeard(3)];
    expect(overtaken([one, three, two])).toEqual([two]);
    expect(overtaken([one, two, three, two, three])).toEqual([]);
    expect(overtaken([one, three, alertHeard(2, { connection: 2 })])).toEqual([]);
  });
});
