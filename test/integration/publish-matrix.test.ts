// Mosquitto in all the ways an owner runs it: MQTT 5 and 3.1.1, with TLS and client certificates and without, with
// persistence and without. Stopped in the middle of a drain and started again: nothing is lost, everything in order.
import { describe, expect } from 'vitest';
import { configSchema } from '../../daemon/config/schema.ts';
import { Authority } from '../support/certificates.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { alertBody, type TestPublisher, testPublisher } from '../support/publisher.ts';
import { Subscriber } from '../support/subscriber.ts';
import { waitFor } from '../support/wait.ts';

const testHere = testNeeding({ programs: ['mosquitto', 'openssl'] });
/** Enough for the stop to come in between; a broker that writes every change to its disk is slow. */
const ROWS = { persistent: 600, quick: 3000 };

interface Way {
  readonly protocol: '5' | '3.1.1';
  readonly tls: boolean;
  readonly persistent: boolean;
}

const WAYS: readonly Way[] = (['5', '3.1.1'] as const).flatMap((protocol) =>
  [true, false].flatMap((tls) => [true, false].map((persistent) => ({ protocol, tls, persistent }))),
);

function rowsOf({ persistent }: Way): number {
  return persistent ? ROWS.persistent : ROWS.quick;
}

async function start(way: Way): Promise<{ broker: Mosquitto; one: TestPublisher }> {
  const { protocol, tls, persistent } = way;
  const authority = new Authority();
  const server = { ...authority.issue({ subjects: ['localhost'] }), clientCaFile: authority.caFile };
  const broker = await Mosquitto.start({ persistent, ...(tls ? { tls: server } : {}) });
  const url = tls ? broker.tlsUrl : broker.url;
  const files = tls ? { caFile: authority.caFile, ...authority.issue({ name: 'board' }) } : {};
  const config = { ...configSchema.shape.mqtt.parse({ url, tls: files, protocol }), retryMaxS: 1 };
  // In 3.1.1 nobody says that there is no subscriber yet: the pause after a connect is for them.
  const one = testPublisher({ url, config: { ...config, drainDelayS: 0.7 } });
  for (let index = 1; index <= rowsOf(way); index += 1) one.outbox.commit('alert', alertBody(`a${index}`));
  return { broker, one };
}

function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

describe('a broker stopped in the middle of a drain', () => {
  for (const way of WAYS) {
    const words = `MQTT ${way.protocol}, ${way.tls ? 'client certificates' : 'no TLS'}, ${way.persistent ? '' : 'no '}persistence`;
    testHere(`loses nothing and keeps the order: ${words}`, async () => {
      const { broker, one } = await start(way);
      const { publisher, outbox } = one;
      // Persistent: the broker keeps for it what it had not passed on. Otherwise of QoS 0: the broker passes on at once.
      const subscriber = await Subscriber.connect({
        url: broker.url,
        filters: ['vedette/pi/alert'],
        persistent: way.persistent,
        qos: way.persistent ? 1 : 0,
      });
      await publisher.start();
      await waitFor('a part of them', () => subscriber.messages.length >= 100);
      await broker.stop();
      await waitFor('the loss', () => !publisher.state().connected);
      expect(outbox.rows.length).toBeGreaterThan(0);
      await broker.restart();
      await waitFor('an empty outbox', () => outbox.rows.length === 0, 40_000);
      const seqs = (): number[] => subscriber.jsonOn('/alert').map(({ seq }) => Number(seq));
      await waitFor('all of them', () => new Set(seqs()).size === rowsOf(way));
      expect([...new Set(seqs())]).toEqual(upTo(rowsOf(way)));
      // A repeat steps back, nothing is skipped.
      const skipped = seqs().filter((seq, index, all) => seq > (all[index - 1] ?? 0) + 1);
      expect(skipped).toEqual([]);
      expect(publisher.state()).toMatchObject({ protocol: way.protocol, tls: way.tls, unheard: 0 });
    });
  }
});
