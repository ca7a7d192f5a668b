// Commands and requests over a real broker: done once, answered once, limited. What is refused is in
// publish-commands-fuzz.test.ts and unit/command-messages.test.ts.
import { describe, expect, test } from 'vitest';
import { Commander, commandWorld, NO_LIMITS, STORED, storedPayload, storedRow } from '../support/commands.ts';
import { embeddedBroker } from '../support/embedded.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { EPOCH } from '../support/publisher.ts';
import { SimClock } from '../support/sim-clock.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });

describe('a set', () => {
  testMosquitto('turns its switch once and says so in its state; the same again only says so', async () => {
    const { url } = await Mosquitto.start();
    const { turned } = await commandWorld({ url });
    const commander = await Commander.connect(url);
    await commander.stateSaid('arm', 'ON');
    await commander.stateSaid('camera/porch/threshold', 'auto');
    await commander.send('arm/set', 'OFF');
    await commander.stateSaid('arm', 'OFF');
    await commander.send('arm/set', 'OFF');
    await commander.stateSaid('arm', 'OFF', 2);
    await commander.send('camera/porch/threshold/set', '0.25');
    await commander.stateSaid('camera/porch/threshold', '0.25');
    expect(turned).toEqual([
      { name: 'arm', value: 'false', fileValue: 'true' },
      { name: 'camera/porch/threshold', value: '0.25', fileValue: 'null' },
    ]);
    expect(commander.answers).toEqual([]);
    const late = await Commander.connect(url);
    await late.stateSaid('arm', 'OFF');
  });

  testMosquitto('that the broker keeps is refused at every connect and never obeyed', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const before = await Commander.connect(broker.url);
    await before.send('arm/set', 'OFF', true);
    await before.send('request/events', { id: 'kept', counter: 'alert', afterSeq: 0 }, true);
    const { turned, publisher } = await commandWorld({ url: broker.url });
    const refusals = [await before.answer(), await before.answer()].sort((a, b) =>
      a.path.localeCompare(b.path),
    );
    const error = { code: 'COMMAND_RETAINED' };
    expect(refusals).toMatchObject([
      { path: 'response/error', body: { ok: false, topic: 'arm/set', error } },
      { path: 'response/kept', body: { ok: false, topic: 'request/events', error } },
    ]);
    // MQTT 5 shows it of a message that comes just now, too.
    expect((await before.ask('camera/lane/enabled/set', 'OFF', true)).body).toMatchObject({ error });
    // Deleting it, as the refusal says, is no command either, and no mistake.
    await before.send('camera/lane/enabled/set', '', true);
    await before.send('request/events', '', true);
    await broker.restart();
    await waitFor(
      'the next connection',
      () => publisher.state().reconnects > 0 && publisher.state().connected,
    );
    expect((await before.answer()).body).toMatchObject({ topic: 'arm/set', error });
    expect(before.answers).toEqual([]);
    expect(turned).toEqual([]);
  });
});

test('the embedded broker carries them as well', async () => {
  const { url } = await embeddedBroker();
  const commander = await Commander.connect(url);
  await commander.send('arm/set', 'OFF', true);
  const { turned } = await commandWorld({ url });
  expect((await commander.answer()).body).toMatchObject({
    topic: 'arm/set',
    error: { code: 'COMMAND_RETAINED' },
  });
  await commander.send('camera/porch/detect/set', 'OFF');
  await commander.stateSaid('camera/porch/detect', 'OFF');
  const asked = await commander.ask('request/events', { id: 'a', counter: 'alert', afterSeq: 249 });
  expect(asked).toMatchObject({ path: 'response/a', body: { ok: true, messages: [{ seq: 250 }] } });
  expect(turned).toEqual([{ name: 'camera/porch/detect', value: 'false', fileValue: 'true' }]);
});

describe('request/events', () => {
  testMosquitto('fills a gap with the messages as they were published', async () => {
    const { url } = await Mosquitto.start();
    await commandWorld({ url });
    const commander = await Commander.connect(url);
    const held: unknown[] = [];
    for (let afterSeq = 30, more = true; more; ) {
      const request = { id: `gap-${afterSeq}`, counter: 'alert', afterSeq, limit: 100 };
      const { path, body } = await commander.ask('request/events', request);
      expect(path).toBe(`response/gap-${afterSeq}`);
      expect(body).toMatchObject({ v: 1, id: request.id, ok: true, epoch: EPOCH, lastSeq: STORED });
      const messages = body['messages'] as { seq: number }[];
      held.push(...messages);
      afterSeq = messages.at(-1)!.seq;
      more = body['more'] as boolean;
    }
    const wanted = Array.from(
      { length: STORED - 30 },
      (_, n) => JSON.parse(storedPayload(storedRow(31 + n))) as unknown,
    );
    expect(held).toEqual(wanted);
    const none = { id: 'none', counter: 'event', afterSeq: 5 };
    expect((await commander.ask('request/events', none)).body).toMatchObject({ messages: [], more: false });
  });

  testMosquitto('that comes again is answered again and not carried out again', async () => {
    const { url } = await Mosquitto.start();
    let carriedOut = 0;
    let release: (() => void) | undefined;
    await commandWorld({
      url,
      requests: {
        messages: async () => {
          carriedOut += 1;
          await new Promise<void>((resolve) => {
            release = resolve;
          });
          return { epoch: EPOCH, lastSeq: carriedOut, rows: [] };
        },
      },
    });
    const commander = await Commander.connect(url);
    const request = { id: 'twice', counter: 'alert', afterSeq: 0 };
    await commander.send('request/events', request);
    await commander.send('request/events', request);
    await waitFor('it being carried out', () => release);
    release!();
    const first = await commander.answer();
    expect(await commander.ask('request/events', request)).toEqual(first);
    expect(carriedOut).toBe(1);
    const other = await commander.ask('request/events', { ...request, afterSeq: 1 });
    expect(other).toMatchObject({
      path: 'response/twice',
      body: { ok: false, error: { code: 'COMMAND_INVALID' } },
    });
    expect(commander.answers).toEqual([]);
  });

  testMosquitto('fails in words when the messages cannot be read', async () => {
    const { url } = await Mosquitto.start();
    await commandWorld({ url, requests: { messages: () => Promise.reject(new Error('disk I/O error')) } });
    const commander = await Commander.connect(url);
    const { body } = await commander.ask('request/events', { id: 'a', counter: 'event', afterSeq: 0 });
    expect(body).toMatchObject({
      id: 'a',
      ok: false,
      error: { code: 'INTERNAL', message: 'disk I/O error' },
    });
  });
});

describe('request/snapshot', () => {
  testMosquitto('has the picture in its answer, or why there is none', async () => {
    const { url } = await Mosquitto.start();
    await commandWorld({ url });
    const commander = await Commander.connect(url);
    const { path, body } = await commander.ask('request/snapshot', { id: 'p', camera: 'porch' });
    expect(path).toBe('response/p');
    expect(body).toEqual({
      v: 1,
      id: 'p',
      ok: true,
      camera: 'porch',
      width: 64,
      height: 32,
      at: '2027-01-15T08:00:00.000Z',
      atMs: 1_800_000_000_000,
      jpeg: Buffer.of(0xff, 0xd8, 0xff, 0xd9).toString('base64'),
    });
    expect((await commander.ask('request/snapshot', { id: 'l', camera: 'lane' })).body).toMatchObject({
      ok: false,
      error: { code: 'CAMERA_NO_PICTURE', message: "camera 'lane': it is offline, there is no frame" },
    });
    expect((await commander.ask('request/snapshot', { id: 'y', camera: 'yard' })).body).toMatchObject({
      error: { code: 'COMMAND_UNKNOWN', message: "there is no camera 'yard' (there are porch, lane)" },
    });
  });
});

describe('limits', () => {
  const verbs = { ...NO_LIMITS.requests, events: { burst: 2, perS: 1 }, snapshot: { burst: 1, perS: 1 } };
  const limits = {
    overall: { burst: 40, perS: 10 },
    set: { burst: 5, perS: 1 },
    requests: verbs,
    refusals: { burst: 6, perS: 1 },
  };
  const toggle = async (commander: Commander, count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) await commander.send('arm/set', n % 2 === 0 ? 'OFF' : 'ON');
  };

  testMosquitto(
    'refuse what is too much, in words, and answer no more refusals than they allow',
    async () => {
      const { url } = await Mosquitto.start();
      const clock = new SimClock();
      const { turned, commands, log } = await commandWorld({ url, clock, limits });
      const commander = await Commander.connect(url);
      await toggle(commander, 30);
      await waitFor('the last one', () => commands.dropped === 30 - 5 - 6);
      await waitFor('the answers', () => commander.answers.length === 6);
      expect(turned).toHaveLength(5);
      const [first] = commander.answers.splice(0);
      expect(first?.body).toMatchObject({
        topic: 'arm/set',
        error: {
          code: 'COMMAND_LIMITED',
          message: 'too many commands: 5 at once, then 1 a second; try again in 1000 ms',
        },
      });
      expect(log.filter(({ level }) => level >= 40)).toHaveLength(1);

      await clock.advance(10_000);
      // It is OFF by now.
      await toggle(commander, 4);
      await waitFor('them to be obeyed', () => turned.length === 8);
      const more = await commander.ask('camera/porch/armed/set', 'nonsense');
      expect(more).toBeDefined();
      expect(log.at(-1)?.msg).toContain('; 24 others were refused since the last such line');
    },
  );

  testMosquitto('of a request do not keep others waiting, and what was refused may come again', async () => {
    const { url } = await Mosquitto.start();
    const clock = new SimClock();
    await commandWorld({ url, clock, limits });
    const commander = await Commander.connect(url);
    const picture = (id: string): object => ({ id, camera: 'porch' });
    expect((await commander.ask('request/snapshot', picture('a'))).body['ok']).toBe(true);
    expect(await commander.ask('request/snapshot', picture('b'))).toMatchObject({
      path: 'response/b',
      body: { error: { code: 'COMMAND_LIMITED', message: expect.stringContaining("requests 'snapshot'") } },
    });
    // Once answered, a repeat costs nothing of it.
    expect((await commander.ask('request/snapshot', picture('a'))).body['ok']).toBe(true);
    const events = { id: 'e', counter: 'alert', afterSeq: 249 };
    expect((await commander.ask('request/events', events)).body['ok']).toBe(true);
    await clock.advance(1000);
    expect((await commander.ask('request/snapshot', picture('b'))).body['ok']).toBe(true);
  });
});

testMosquitto(
  'an answer that the broker does not take is answered by saying so, as often as it is asked for',
  async () => {
    const { url } = await Mosquitto.start({ lines: ['max_packet_size 20000'] });
    await commandWorld({ url });
    const commander = await Commander.connect(url);
    const many = { id: 'many', counter: 'alert', afterSeq: 0, limit: 200 };
    for (let asked = 0; asked < 2; asked += 1) {
      const { path, body } = await commander.ask('request/events', many);
      expect(path).toBe('response/many');
      expect(body).toMatchObject({
        id: 'many',
        ok: false,
        topic: 'request/events',
        error: { code: 'COMMAND_LIMITED' },
      });
      expect(JSON.stringify(body)).toMatch(
        /bytes are more than the broker takes \(20000\); ask for less at a time/,
      );
    }
    expect((await commander.ask('request/events', { ...many, id: 'few', limit: 10 })).body).toMatchObject({
      ok: true,
    });
  },
);
