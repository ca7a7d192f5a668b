// The doctor's way to the broker against real ones: what each kind of trouble is told as, and that it leaves nothing behind.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { configSchema } from '../../daemon/config/schema.ts';
import type { MqttConfig } from '../../daemon/config/types.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { brokerFindings } from '../../daemon/publish/probe.ts';
import { Authority } from '../support/certificates.ts';
import { freePort, Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { Subscriber } from '../support/subscriber.ts';
import { listen, portOf } from '../support/tcp.ts';
import { tempDir } from '../support/temp-dir.ts';

const test = testNeeding({ programs: ['mosquitto'] });
const testTls = testNeeding({ programs: ['mosquitto', 'openssl'] });

function find(mqtt: Partial<MqttConfig>, daemonRuns = false) {
  const config = { ...configSchema.shape.mqtt.parse({}), ...mqtt };
  const signal = new AbortController().signal;
  return brokerFindings({ config, device: 'pi', daemonRuns, clock: systemClock }, signal);
}

describe('the way to the broker', () => {
  test('is well when a message comes back, and no topic keeps anything of it', async () => {
    const broker = await Mosquitto.start({ user: 'me', password: 'right' });
    const [finding, ...others] = await find({ url: broker.url, user: 'me', password: 'right' });
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      level: 'ok',
      subject: broker.url,
      message: expect.stringMatching(
        /^connected with MQTT 5 in \d+ ms; a message there and back took [\d.]+ ms$/,
      ),
    });
    const subscriber = await Subscriber.connect({ url: broker.url, user: 'me', password: 'right' });
    await find({ url: broker.url, user: 'me', password: 'right' });
    await subscriber.waitForCount('vedette/pi/doctor', 1);
    expect(subscriber.messages).toMatchObject([{ topic: 'vedette/pi/doctor', retain: false }]);
  });

  test('ends at a wrong password with advice about it, and says no password', async () => {
    const broker = await Mosquitto.start({ user: 'me', password: 'right' });
    const findings = await find({ url: broker.url, user: 'me', password: 'hunter2' });
    expect(findings).toMatchObject([
      {
        level: 'fault',
        message: expect.stringMatching(/refuse/),
        advice: expect.stringContaining('mqtt.password'),
      },
    ]);
    expect(JSON.stringify(findings)).not.toContain('hunter2');
  });

  test('ends at an access list that drops what is published', async () => {
    const list = join(tempDir(), 'access');
    writeFileSync(list, 'topic read vedette/#\n', { mode: 0o600 });
    const broker = await Mosquitto.start({ lines: [`acl_file ${list}`] });
    const advice = expect.stringContaining('vedette/pi/#');
    expect(await find({ url: broker.url })).toMatchObject([
      {
        level: 'fault',
        message: expect.stringContaining('publishing vedette/pi/doctor is refused (not authorized'),
        advice,
      },
    ]);
    // A broker of MQTT 3.1.1 cannot say no.
    expect(await find({ url: broker.url, protocol: '3.1.1' })).toMatchObject([
      { level: 'warning', message: expect.stringMatching(/MQTT 3\.1\.1 .* did not come back/), advice },
    ]);
  });

  testTls('over TLS is well with the CA of the broker, and says without it that it is wanted', async () => {
    const authority = new Authority();
    const broker = await Mosquitto.start({ tls: authority.issue({ subjects: ['localhost'] }) });
    const { tls } = configSchema.shape.mqtt.parse({});
    const url = broker.tlsUrl;
    expect(await find({ url, tls: { ...tls, caFile: authority.caFile } })).toMatchObject([{ level: 'ok' }]);
    expect(await find({ url })).toMatchObject([
      { level: 'fault', message: expect.stringContaining('mqtt.tls.caFile') },
    ]);
    expect(await find({ url, tls: { ...tls, caFile: '/nowhere/ca.crt' } })).toMatchObject([
      { level: 'fault', message: expect.stringContaining('/nowhere/ca.crt') },
    ]);
    expect(await find({ url, tls: { ...tls, insecure: true } })).toMatchObject([
      { level: 'ok' },
      { level: 'warning', subject: 'mqtt.tls.insecure' },
    ]);
  });

  test('ends at a port where nobody listens', async () => {
    const url = `mqtt://127.0.0.1:${await freePort()}`;
    expect(await find({ url })).toMatchObject([
      {
        level: 'fault',
        message: expect.stringContaining('ECONNREFUSED'),
        advice: expect.stringContaining('start the broker'),
      },
    ]);
  });

  test('ends at a name that is not known', async () => {
    expect(await find({ url: 'mqtt://no-such-host.invalid' })).toMatchObject([
      { level: 'fault', message: expect.stringContaining("'no-such-host.invalid'") },
    ]);
  });

  test('ends at something that is no broker, and at a broker that says nothing', async () => {
    const web = await listen((socket) =>
      socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n'),
    );
    expect(await find({ url: `mqtt://127.0.0.1:${portOf(web)}` })).toMatchObject([{ level: 'fault' }]);
    const mute = await listen((socket) => socket.on('error', () => undefined));
    expect(await find({ url: `mqtt://127.0.0.1:${portOf(mute)}`, connectTimeoutS: 1 })).toMatchObject([
      { level: 'fault' },
    ]);
  });
});

describe('the embedded broker', () => {
  const embedded = (port: number): Partial<MqttConfig> => ({
    embedded: { enabled: true, host: '127.0.0.1', port, user: undefined, password: undefined },
  });

  test('of a daemon that does not run: its port is free, or another program has it', async () => {
    expect(await find(embedded(await freePort()))).toMatchObject([
      { level: 'ok', message: expect.stringContaining('free') },
    ]);
    const broker = await Mosquitto.start();
    expect(await find(embedded(broker.port))).toMatchObject([
      {
        level: 'fault',
        message: expect.stringContaining('EADDRINUSE'),
        advice: expect.stringContaining('mqtt.embedded.port'),
      },
    ]);
  });

  test('of a daemon that runs is spoken to', async () => {
    const broker = await Mosquitto.start();
    expect(await find(embedded(broker.port), true)).toMatchObject([
      { level: 'ok', subject: broker.url, message: expect.stringContaining('there and back') },
    ]);
  });
});
