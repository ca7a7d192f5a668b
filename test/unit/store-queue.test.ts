import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Alert, EventChange, Snapshot } from '../../daemon/core/types.ts';
import type { Batch } from '../../daemon/store/messages.ts';
import { CommitQueue } from '../../daemon/store/queue.ts';
import { alert, change, fullBatch, snapshot } from '../fixtures/store/records.ts';

const update = (number: number): Batch => ({ events: [change('update', number)], alerts: [] });
const taken = (queue: CommitQueue): string[] =>
  queue
    .take(1_000_000)
    .flatMap(({ events, alerts }) => [...events, ...alerts])
    .map((record) => `${'type' in record ? record.type : 'alert'} ${record.id.replace(/\D+/, '')}`);

describe('CommitQueue', () => {
  test('batches come out in order with growing numbers', () => {
    const queue = new CommitQueue(10);
    for (let number = 1; number <= 5; number += 1) queue.push(fullBatch(number));
    expect(queue.take(2).map(({ number }) => number)).toEqual([1, 2]);
    expect(queue.length).toBe(3);
    expect(queue.alertsWaiting).toBe(3);
    expect(queue.take(10).map(({ number }) => number)).toEqual([3, 4, 5]);
  });

  test('an empty batch takes no place', () => {
    const queue = new CommitQueue(10);
    queue.push({ events: [], alerts: [] });
    expect(queue.length).toBe(0);
  });

  test('when it is full the waiting updates go first and are counted', () => {
    const queue = new CommitQueue(3);
    queue.push(update(1));
    queue.push({ events: [change('new', 2), change('update', 2)], alerts: [alert(2)] });
    queue.push(update(3));
    queue.push(update(4));
    expect(queue.updatesDropped).toBe(3);
    expect(taken(queue)).toEqual(['new 2', 'alert 2', 'update 4']);
  });

  test('full of what must be kept, it drops the updates that come and still takes the rest', () => {
    const queue = new CommitQueue(2);
    for (let number = 1; number <= 4; number += 1)
      queue.push({ events: [change('new', number)], alerts: [] });
    queue.push(update(1));
    queue.push({ events: [change('update', 2), change('end', 2)], alerts: [alert(2)] });
    expect(queue.updatesDropped).toBe(2);
    expect(taken(queue)).toEqual(['new 1', 'new 2', 'new 3', 'new 4', 'end 2', 'alert 2']);
  });

  test('pictures go before updates: those that wait first, then those of the new batch', () => {
    const queue = new CommitQueue(2);
    queue.push({ events: [change('update', 1)], alerts: [], snapshots: [snapshot(1)] });
    queue.push({ events: [], alerts: [], snapshots: [snapshot(2), snapshot(3)] });
    expect(queue.length).toBe(2);
    queue.push({ events: [change('new', 4)], alerts: [], snapshots: [snapshot(4)] });
    expect([queue.snapshotsDropped, queue.updatesDropped]).toEqual([3, 0]);
    queue.push({ events: [], alerts: [], snapshots: [snapshot(5)] });
    expect([queue.snapshotsDropped, queue.updatesDropped]).toEqual([5, 0]);
    queue.push({ events: [], alerts: [alert(6)], snapshots: [snapshot(6)] });
    expect([queue.snapshotsDropped, queue.updatesDropped]).toEqual([6, 1]);
    expect(queue.take(10)).toEqual([
      { number: 3, events: [change('new', 4)], alerts: [] },
      { number: 4, events: [], alerts: [alert(6)] },
    ]);
  });

  test('a queue full of what must be kept takes no picture and loses nothing else', () => {
    const queue = new CommitQueue(1);
    queue.push({ events: [change('new', 1)], alerts: [] });
    queue.push({ events: [], alerts: [alert(2)], snapshots: [snapshot(2)] });
    queue.push({ events: [], alerts: [], snapshots: [snapshot(3)] });
    expect(queue.snapshotsDropped).toBe(2);
    expect(taken(queue)).toEqual(['new 1', 'alert 2']);
  });

  test('a queue that is not full drops nothing', () => {
    const queue = new CommitQueue(3);
    for (let number = 1; number <= 3; number += 1) queue.push(update(number));
    queue.take(1);
    queue.push(update(4));
    expect(queue.updatesDropped).toBe(0);
    expect(queue.length).toBe(3);
  });

  test('whatever comes and goes: new, end and alerts all come out in order, and what is missing is counted', () => {
    const record = fc.constantFrom<'new' | 'update' | 'end' | 'alert' | 'snapshot'>(
      ...(['new', 'update', 'end', 'alert', 'snapshot'] as const),
    );
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.array(record, { maxLength: 4 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 5 }) },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), fc.array(step, { maxLength: 60 }), (batchesMax, steps) => {
        const queue = new CommitQueue(batchesMax);
        const [given, got]: [string[], string[]] = [[], []];
        const note = (names: string[], { events, alerts, snapshots = [] }: Batch): void => {
          for (const { type, id } of events) names.push(`${type} ${id}`);
          for (const { id } of alerts) names.push(`alert ${id}`);
          for (const { path } of snapshots) names.push(`snapshot ${path}`);
        };
        let number = 0;
        for (const one of [...steps, 1_000_000]) {
          if (typeof one === 'number') {
            for (const batch of queue.take(one)) note(got, batch);
            continue;
          }
          const events: EventChange[] = [];
          const alerts: Alert[] = [];
          const snapshots: Snapshot[] = [];
          for (const kind of one) {
            number += 1;
            if (kind === 'alert') alerts.push(alert(number));
            else if (kind === 'snapshot') snapshots.push(snapshot(number));
            else events.push(change(kind, number));
          }
          note(given, { events, alerts, snapshots });
          queue.push({ events, alerts, snapshots });
        }
        const kept = new Set(got);
        const missing = given.filter((name) => !kept.has(name));
        expect(got).toEqual(given.filter((name) => kept.has(name)));
        const count = (kind: string): number => missing.filter((name) => name.startsWith(kind)).length;
        expect(queue.updatesDropped).toBe(count('update'));
        expect(queue.snapshotsDropped).toBe(count('snapshot'));
        expect(count('update') + count('snapshot')).toBe(missing.length);
      }),
    );
  });
});
