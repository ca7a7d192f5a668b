// A broker that closes the connection on one message, and the messages behind it.
import { describe, expect } from 'vitest';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { alertBody, testPublisher } from '../support/publisher.ts';
import { SimClock } from '../support/sim-clock.ts';
import { Subscriber } from '../support/subscriber.ts';
import { proxyTo } from '../support/tcp.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });
const TEN_MINUTES_MS = 600_000;

describe('a broker that hangs with a message and is killed', () => {
  testMosquitto('says nothing against it, however often', async () => {
    const broker = await Mosquitto.start();
    const subscriber = await Subscriber.connect({ url: broker.url });
    const clock = new SimClock();
    const { publisher, outbox, alert } = testPublisher({
      url: broker.url,
      clock,
      config: { drainDelayS: 3 },
    });
    await publisher.start();
    alert('waiting');
    for (let round = 1; round <= 5; round += 1) {
      await waitFor('the connection', async () => {
        await clock.advance(200);
        return publisher.state().connected;
      });
      broker.freeze();
      await clock.advance(3000);
      expect(publisher.state().inFlight).toBe(1);
      await clock.advance(6000);
      await broker.kill();
      await waitFor('the loss', () => !publisher.state().connected);
      await broker.restart();
    }
    expect(publisher.state().aside).toBe(0);
    await subscriber.subscribed(6);
    await waitFor('an empty outbox', async () => {
      await clock.advance(200);
      return outbox.rows.length === 0;
    });
    expect(subscriber.jsonOn('/alert').map(({ id }) => id)).toEqual(['waiting']);
  });
});

describe('a message on which the broker closes the connection', () => {
  for (const protocol of ['3.1.1', '5'] as const) {
    testMosquitto(`holds up nothing for long, and comes once the broker takes it (${protocol})`, async () => {
      const broker = await Mosquitto.start();
      let picky = true;
      const proxy = await proxyTo(broker.port, (sent) =>
        picky && sent.includes('poison') ? 'close' : 'pass',
      );
      const subscriber = await Subscriber.connect({ url: broker.url });
      const clock = new SimClock();
      const { publisher, outbox, records } = testPublisher({ url: proxy.url, clock, config: { protocol } });
      for (let index = 1; index <= 40; index += 1)
        outbox.commit('alert', alertBody(index === 7 ? 'poison' : `a${index}`));
      await publisher.start();
      await waitFor('all but one', async () => {
        await clock.advance(200);
        return outbox.rows.length === 1;
      });
      const { reconnects, aside, connected } = publisher.state();
      expect({ aside, connected }).toEqual({ aside: 1, connected: true });
      expect(reconnects).toBe(5);
      const told = records.filter(({ msg }) => msg.includes('put aside'));
      expect(told.map(({ msg }) => msg)).toEqual([
        'the broker closed the connection each time the message in row 7 of the outbox was sent: put aside, the others go on; it comes again later',
      ]);
      const ids = (): unknown[] => subscriber.jsonOn('/alert').map(({ id }) => id);
      await waitFor('the others', () => new Set(ids()).size === 39);
      picky = false;
      await clock.advance(TEN_MINUTES_MS);
      await subscriber.waitFor('the one put aside', ({ payload }) => payload.includes('poison'));
      await waitFor('an empty outbox', () => outbox.rows.length === 0);
      expect(publisher.state()).toMatchObject({ aside: 0, reconnects: 5 });
    });
  }
});
