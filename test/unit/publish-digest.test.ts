// Late messages in one digest: exactly which numbers it stands for, bounded whatever comes, and what leaves the outbox.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { OutboxRow } from '../../daemon/core/types.ts';
import { DIGEST_ROWS_MAX, Digest } from '../../daemon/publish/digest.ts';
import { digestPayload } from '../../daemon/publish/payloads.ts';
import { DeliveryWorld } from '../support/delivery-world.ts';
import { checkMessage } from '../support/message-check.ts';
import { ROOT } from '../support/needs.ts';
import { alertBody, EPOCH } from '../support/publisher.ts';

const AT_MS = Date.UTC(2026, 5, 1, 21, 14, 3, 87);

function alertRow(seq: number, change: object = {}): OutboxRow {
  const atMs = AT_MS + seq * 1000;
  const body = JSON.stringify({ ...alertBody(`a${seq}`, atMs), ...change });
  return { row: seq * 2, epoch: EPOCH, kind: 'alert', seq, atMs, body };
}

function digestOf(rows: readonly OutboxRow[]): Digest {
  const [first, ...others] = rows;
  const digest = new Digest(first!);
  for (const row of others) expect(digest.add(row)).toBe(true);
  return digest;
}

describe('a digest', () => {
  test('has the shape that docs/mqtt.md shows', () => {
    const night = { rule: 'night-door', severity: 'critical' };
    const digest = digestOf([
      alertRow(17, night),
      alertRow(18, night),
      alertRow(20, { camera: 'yard', label: 'car' }),
    ]);
    const payload = digestPayload(digest, {
      nowMs: AT_MS + 3_620_000,
      lateMs: 30_000,
    });
    const text = readFileSync(join(ROOT, 'docs/mqtt.md'), 'utf8');
    const examples = [...text.matchAll(/```json\n([\s\S]*?)```/g)].map(([, json]) => JSON.parse(json ?? ''));
    expect(examples).toContainEqual(JSON.parse(payload));
  });

  test('counts alerts without an object or a camera by what they have', () => {
    const nobody = { label: undefined, rule: 'no-delivery' };
    const board = { camera: undefined, label: undefined, rule: 'blind' };
    const digest = digestOf([alertRow(17, nobody), alertRow(18, board), alertRow(19, board)]);
    expect(digest.sentence()).toBe('3 late alerts (blind 2×, no-delivery: at porch 1×)');
    const payload = Buffer.from(digestPayload(digest, { nowMs: AT_MS + 3_620_000, lateMs: 30_000 }));
    const sent = { topic: 'vedette/pi/alert', payload, qos: 1, retain: false };
    expect(checkMessage(sent, { qos: 1 })).toBeUndefined();
  });

  test('of any rows: its ranges are the numbers it has, its counts add up, and it stays small', () => {
    const seqs = fc.uniqueArray(fc.integer({ min: 1, max: 9000 }), { maxLength: 3000 });
    fc.assert(
      fc.property(seqs, fc.integer({ min: 1, max: 200 }), (numbers, cameras) => {
        const waiting = numbers
          .toSorted((a, b) => a - b)
          .map((seq) => alertRow(seq, { camera: `camera-${seq % cameras}` }));
        const digests: Digest[] = [];
        for (const row of waiting) if (!digests.at(-1)?.add(row)) digests.push(new Digest(row));
        const named = digests.flatMap(({ ranges }) =>
          ranges.flatMap(([first, last]) =>
            Array.from({ length: last - first + 1 }, (_, index) => first + index),
          ),
        );
        expect(named).toEqual(waiting.map(({ seq }) => seq));
        for (const digest of digests) {
          const counted = digest.groups.reduce((sum, { count }) => sum + count, digest.others);
          expect(counted).toBe(digest.rows.length);
          expect(digestPayload(digest, { nowMs: AT_MS, lateMs: 1 }).length).toBeLessThan(16_384);
        }
      }),
      { numRuns: 30 },
    );
  });

  test('counts a row whose body cannot be read', () => {
    const digest = digestOf([alertRow(1), { ...alertRow(2), body: '{' }]);
    expect(digest.others).toBe(1);
    expect(digest.sentence()).toBe('2 late alerts (door: person at porch 1×, 1 more)');
  });
});

describe('late rows', () => {
  async function late(count: number, windowMax = 4): Promise<DeliveryWorld> {
    const world = new DeliveryWorld(windowMax);
    world.treat = ({ row }) => (row <= count ? 'digest' : 'send');
    world.commit(count + 3);
    world.unannounced.length = 0;
    world.connect();
    while (world.reads.length > 0) await world.answer();
    return world;
  }

  test('go out as one message, before what comes after them, and leave the outbox with its acknowledgement', async () => {
    const world = await late(1000);
    expect(world.sent.map(({ row }) => row)).toEqual([1, 1001, 1002, 1003]);
    expect(world.sent[0]?.shipment).toBeInstanceOf(Digest);
    world.purge();
    expect(world.rows.size).toBe(1003);
    world.acknowledge(0);
    world.purge();
    expect(world.rows.size).toBe(3);
    await world.settle();
    expect(world.rows.size).toBe(0);
  });

  test('a digest that was not acknowledged is made again on the next connection', async () => {
    const world = await late(200);
    world.disconnect();
    world.connect();
    await world.settle();
    expect(world.sent.filter(({ shipment }) => shipment instanceof Digest)).toHaveLength(2);
    expect(world.rows.size).toBe(0);
  });

  test('one alone goes out as it is', async () => {
    const world = await late(1);
    expect(world.sent[0]?.shipment).not.toBeInstanceOf(Digest);
  });

  test('too many for one digest make several, in order', async () => {
    const world = await late(DIGEST_ROWS_MAX + 100);
    await world.settle();
    const digests = world.sent.map(({ shipment }) => shipment).filter((one) => one instanceof Digest);
    expect(digests.map(({ ranges }) => ranges)).toEqual([
      [[1, DIGEST_ROWS_MAX]],
      [[DIGEST_ROWS_MAX + 1, DIGEST_ROWS_MAX + 100]],
    ]);
    expect(world.rows.size).toBe(0);
  });

  test('that are left out are handed over to be named in a gap, and the others go on', async () => {
    const world = new DeliveryWorld(4);
    world.treat = ({ row }) => (row % 2 === 0 ? 'pass' : 'send');
    world.commit(300);
    world.unannounced.length = 0;
    world.connect();
    await world.settle();
    expect(world.passedOver).toEqual(Array.from({ length: 150 }, (_, index) => 2 * (index + 1)));
    expect(world.rows.size).toBe(0);
  });
});
