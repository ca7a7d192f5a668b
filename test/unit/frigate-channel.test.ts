// The channel for programs made for Frigate message by message: what gives way on a slow connection, and how many objects are
// followed. Over a real broker: integration/publish-frigate.test.ts.
import { expect, test } from 'vitest';
import type { EventChange, OutboxRow } from '../../daemon/core/types.ts';
import type { Connection } from '../../daemon/publish/connection.ts';
import { FrigateChannel } from '../../daemon/publish/frigate-channel.ts';
import { RetainedTree } from '../../daemon/publish/retained.ts';
import { TopicNotes } from '../support/topic-notes.ts';
import { stampOf, standing } from '../support/tracks.ts';

function rowOf(id: string, type: EventChange['type']): OutboxRow {
  const event: EventChange = {
    id,
    type,
    camera: 'porch',
    label: 'person',
    score: 0.9,
    box: standing(0.7, 0.8),
    zones: [],
    stationary: false,
    zonesEntered: [],
    track: 1,
    startedAtMs: stampOf(0).atMs,
    atMs: stampOf(1).atMs,
    monoMs: stampOf(1).monoMs,
  };
  return { row: 1, epoch: 'e', kind: 'event', seq: 1, atMs: event.atMs, body: JSON.stringify(event) };
}

/** A connection that writes down the types of events it is given. */
function frigate() {
  const channel = new FrigateChannel({
    settings: { enabled: true, prefix: 'frigate' },
    retained: new RetainedTree({ memory: new TopicNotes() }),
    sizeOf: () => ({ width: 1280, height: 720 }),
    movementOf: () => undefined,
  });
  const types: string[] = [];
  const severities: string[] = [];
  const publishOnce = (_topic: string, payload: string): void => {
    const { type, after } = JSON.parse(payload) as { type: string; after: { max_severity: string } };
    types.push(type);
    severities.push(after.max_severity);
  };
  const connection = { bufferedBytes: 0, publishOnce };
  channel.opened({ device: 'pi', connection: connection as unknown as Connection });
  return { channel, connection, types, severities };
}

test('events give way to what waits on a slow connection, and the next one is new', () => {
  const { channel, connection, types } = frigate();
  connection.bufferedBytes = 256 * 1024 + 1;
  channel.committed([rowOf('a', 'new')]);
  expect(types).toEqual([]);
  connection.bufferedBytes = 256 * 1024;
  channel.committed([rowOf('a', 'update'), rowOf('a', 'update')]);
  expect(types).toEqual(['new', 'update']);
});

test('an alert that stands for several objects marks each of them, and one of nobody none', () => {
  const { channel, severities } = frigate();
  const row = (body: object): OutboxRow => ({
    ...rowOf('x', 'new'),
    kind: 'alert',
    body: JSON.stringify(body),
  });
  channel.committed([row({ id: 'alert-1', eventId: 'a', eventIds: ['a', 'b'] }), row({ id: 'alert-2' })]);
  channel.committed([rowOf('a', 'new'), rowOf('b', 'new'), rowOf('c', 'new')]);
  expect(severities).toEqual(['alert', 'alert', 'detection']);
});

test('of very many objects the oldest are forgotten, and told as new when they come again', () => {
  const { channel, types } = frigate();
  for (let number = 0; number <= 4096; number += 1) channel.committed([rowOf(`event-${number}`, 'new')]);
  types.length = 0;
  channel.committed([rowOf('event-1', 'update'), rowOf('event-0', 'update')]);
  expect(types).toEqual(['update', 'new']);
});
