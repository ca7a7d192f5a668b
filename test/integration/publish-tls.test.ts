// TLS towards a real Mosquitto, with certificates made by openssl: what is accepted, and in which words the rest is refused.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { configSchema } from '../../daemon/config/schema.ts';
import type { MqttConfig } from '../../daemon/config/types.ts';
import { Authority } from '../support/certificates.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { ROOT, testNeeding } from '../support/needs.ts';
import { observationOf, type TestPublisher, testPublisher } from '../support/publisher.ts';
import { Subscriber } from '../support/subscriber.ts';
import { listen, portOf } from '../support/tcp.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testTls = testNeeding({ programs: ['mosquitto', 'openssl'] });
const LOCAL = ['localhost', '127.0.0.1'];

type Tls = Partial<MqttConfig['tls']>;

function publisherTo(url: string, tls: Tls, config: Partial<MqttConfig> = {}): TestPublisher {
  const full = configSchema.shape.mqtt.parse({ url, tls, ...config });
  return testPublisher({ url, config: { ...full, drainDelayS: 0, retryMaxS: 1 } });
}

/** The connection is up and an alert goes through. */
async function delivers({ publisher, alert }: TestPublisher, broker: Mosquitto): Promise<void> {
  const subscriber = await Subscriber.connect({ url: broker.url });
  await publisher.start();
  await waitFor('the connection', () => {
    const { connected, reason } = publisher.state();
    if (reason !== undefined) throw new Error(reason);
    return connected;
  });
  alert('secret-way');
  await subscriber.waitFor('the alert', ({ payload }) => payload.includes('secret-way'));
}

/** The one warning after several attempts. */
async function refusal({ publisher, records }: TestPublisher): Promise<string> {
  await publisher.start();
  const warnings = () => records.filter(({ level }) => level >= 40);
  await waitFor('the warning', () => warnings().length > 0);
  expect(warnings()).toMatchObject([{ code: 'MQTT_TLS' }]);
  expect(publisher.state().connected).toBe(false);
  return warnings()[0]!.msg;
}

describe('the certificate of the broker', () => {
  testTls('signed by the CA in caFile is accepted by name and by address', async () => {
    const authority = new Authority();
    const broker = await Mosquitto.start({ tls: authority.issue({ subjects: LOCAL }) });
    const { caFile } = authority;
    const byName = publisherTo(broker.tlsUrl, { caFile });
    await delivers(byName, broker);
    expect(byName.publisher.state()).toMatchObject({ tls: true, protocol: '5' });
    await byName.publisher.stop();
    await delivers(publisherTo(`mqtts://127.0.0.1:${broker.tlsPort}`, { caFile }), broker);
  });

  testTls('of a CA that nobody knows is refused with the key to set', async () => {
    const broker = await Mosquitto.start({ tls: new Authority().issue({ subjects: LOCAL }) });
    expect(await refusal(publisherTo(broker.tlsUrl, {}))).toMatch(
      /not signed by a public CA, name the file of its CA in mqtt\.tls\.caFile/,
    );
  });

  testTls('of another CA is refused, naming the file', async () => {
    const broker = await Mosquitto.start({ tls: new Authority().issue({ subjects: LOCAL }) });
    const { caFile } = new Authority();
    expect(await refusal(publisherTo(broker.tlsUrl, { caFile }))).toContain(
      `not signed by the CA in mqtt.tls.caFile: '${caFile}'`,
    );
  });

  testTls('for another name is refused, unless serverName says which name it is for', async () => {
    const authority = new Authority();
    const { caFile } = authority;
    const broker = await Mosquitto.start({ tls: authority.issue({ subjects: ['broker.home', '10.0.0.5'] }) });
    expect(await refusal(publisherTo(broker.tlsUrl, { caFile }))).toMatch(/set mqtt\.tls\.serverName/);
    expect(await refusal(publisherTo(broker.tlsUrl, { caFile, serverName: 'other.home' }))).toMatch(
      /not for mqtt\.tls\.serverName: 'other\.home'/,
    );
    const named = publisherTo(broker.tlsUrl, { caFile, serverName: 'broker.home' });
    await delivers(named, broker);
    await named.publisher.stop();
    await delivers(publisherTo(broker.tlsUrl, { caFile, serverName: '10.0.0.5' }), broker);
  });

  testTls('that has expired is refused', async () => {
    const authority = new Authority();
    const broker = await Mosquitto.start({ tls: authority.issue({ subjects: LOCAL, days: -1 }) });
    expect(await refusal(publisherTo(broker.tlsUrl, { caFile: authority.caFile }))).toMatch(
      /the broker's certificate has expired, renew it at the broker \(CERT_HAS_EXPIRED\)/,
    );
  });

  testTls('is not looked at with insecure, which is told once', async () => {
    const authority = new Authority();
    const broker = await Mosquitto.start({ tls: authority.issue({ subjects: ['elsewhere'], days: -1 }) });
    const insecure = publisherTo(broker.tlsUrl, { insecure: true });
    await delivers(insecure, broker);
    await broker.restart();
    await waitFor('the reconnect', () => insecure.publisher.state().reconnects === 1);
    const warnings = insecure.records.filter(({ code }) => code === 'MQTT_TLS');
    expect(warnings.map(({ msg }) => msg)).toEqual([expect.stringMatching(/^mqtt\.tls\.insecure: /)]);
  });

  testTls('a port that does not speak TLS is told as such', async () => {
    const broker = await Mosquitto.start();
    expect(await refusal(publisherTo(`mqtts://127.0.0.1:${broker.port}`, {}))).toMatch(
      /or not speak TLS there\)/,
    );
    const server = await listen((socket) => {
      socket.on('error', () => {});
      socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    expect(await refusal(publisherTo(`mqtts://127.0.0.1:${portOf(server)}`, {}))).toMatch(
      /what answers there does not speak TLS, check the scheme and port of mqtt\.url/,
    );
  });
});

testTls('a connection that is too slow drops the perception feed and counts it', async () => {
  const authority = new Authority();
  const broker = await Mosquitto.start({ tls: authority.issue({ subjects: LOCAL }) });
  const secure = publisherTo(broker.tlsUrl, { caFile: authority.caFile });
  await delivers(secure, broker);
  const subscriber = await Subscriber.connect({ url: broker.url });
  broker.freeze();
  const frames = 20_000;
  for (let frame = 1; frame <= frames; frame += 1) secure.publisher.detections(observationOf('porch', frame));
  const { feedDropped } = secure.publisher.state();
  expect(feedDropped).toBeGreaterThan(frames / 2);
  secure.alert('in-between');
  broker.thaw();
  await subscriber.waitFor('the alert', ({ payload }) => payload.includes('in-between'));
  expect(subscriber.on('/detections')).toHaveLength(frames - feedDropped);
});

testTls('the commands of docs/mqtt.md make certificates for broker and board that work', async () => {
  const text = readFileSync(join(ROOT, 'docs/mqtt.md'), 'utf8');
  const commands = /```sh\n(openssl req -x509[^`]+)```/.exec(text)?.[1];
  const folder = tempDir();
  const path = (name: string): string => join(folder, name);
  writeFileSync(path('make.sh'), commands ?? '');
  execFileSync('sh', ['-e', 'make.sh'], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const tls = { certFile: path('broker.crt'), keyFile: path('broker.key'), clientCaFile: path('ca.crt') };
  const broker = await Mosquitto.start({ tls });
  const ours = { caFile: path('ca.crt'), certFile: path('porch.crt'), keyFile: path('porch.key') };
  await delivers(publisherTo(broker.tlsUrl, ours), broker);
});

describe('our certificate', () => {
  for (const version of ['tlsv1.2', 'tlsv1.3']) {
    testTls(
      `lets us in where the broker wants one, over ${version}; without one it says what to set`,
      async () => {
        const authority = new Authority();
        const { caFile } = authority;
        const tls = { ...authority.issue({ subjects: LOCAL }), clientCaFile: caFile, version };
        const broker = await Mosquitto.start({ tls });
        expect(await refusal(publisherTo(broker.tlsUrl, { caFile }))).toMatch(
          /wants? a certificate of ours, (set )?mqtt\.tls\.certFile/,
        );
        const ours = authority.issue({ name: 'porch' });
        await delivers(publisherTo(broker.tlsUrl, { caFile, ...ours }), broker);
      },
    );
  }

  testTls('of a CA that the broker does not know is refused, naming the file', async () => {
    const authority = new Authority();
    const { caFile } = authority;
    const tls = { ...authority.issue({ subjects: LOCAL }), clientCaFile: caFile };
    const broker = await Mosquitto.start({ tls });
    const wrong = new Authority().issue();
    expect(await refusal(publisherTo(broker.tlsUrl, { caFile, ...wrong }))).toContain(
      `not accept mqtt.tls.certFile: '${wrong.certFile}'`,
    );
  });

  testTls('may have a key with a password, which is never shown', async () => {
    const authority = new Authority();
    const { caFile } = authority;
    const tls = { ...authority.issue({ subjects: LOCAL }), clientCaFile: caFile };
    const broker = await Mosquitto.start({ tls });
    const ours = authority.issue({ keyPassword: 'right-one' });
    const without = publisherTo(broker.tlsUrl, { caFile, ...ours });
    expect(await refusal(without)).toContain(
      `mqtt.tls.keyFile: '${ours.keyFile}' has a password, set mqtt.tls.keyPassword or keyPasswordFile`,
    );
    const wrong = publisherTo(broker.tlsUrl, { caFile, ...ours, keyPassword: 'wr0ng-one' });
    expect(await refusal(wrong)).toContain(
      `mqtt.tls.keyFile: '${ours.keyFile}' cannot be opened with mqtt.tls.keyPassword`,
    );
    expect(JSON.stringify([wrong.records, wrong.publisher.state()])).not.toContain('wr0ng-one');
    await delivers(publisherTo(broker.tlsUrl, { caFile, ...ours, keyPassword: 'right-one' }), broker);
  });
});

describe('a file', () => {
  testTls('that is missing, a folder, too large or no PEM is named, with what is wrong', async () => {
    const folder = tempDir();
    const path = (name: string): string => join(folder, name);
    mkdirSync(path('folder'));
    writeFileSync(path('large'), Buffer.alloc(1024 * 1024 + 1));
    writeFileSync(path('der'), Buffer.from([0x30, 0x82, 1, 2]));
    writeFileSync(path('broken'), '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n');
    const said = (tls: Tls): Promise<string> => refusal(publisherTo('mqtts://127.0.0.1:1', tls));
    expect(await said({ caFile: path('gone') })).toContain(
      `no connection: mqtt.tls.caFile: '${path('gone')}' does not exist; events and alerts wait`,
    );
    expect(await said({ caFile: path('folder') })).toContain(`'${path('folder')}' is not a file`);
    expect(await said({ caFile: path('large') })).toContain(
      `'${path('large')}' has 1048577 bytes (limit 1048576)`,
    );
    expect(await said({ caFile: path('der') })).toContain(
      `'${path('der')}' holds no certificate in PEM form (convert it: openssl x509 -inform der)`,
    );
    expect(await said({ caFile: path('broken') })).toContain(
      `'${path('broken')}' holds a certificate that cannot be read`,
    );
  });

  testTls(
    'of ours that does not fit the others or has expired is named before anything is sent',
    async () => {
      const authority = new Authority();
      const one = authority.issue();
      const other = authority.issue();
      const old = authority.issue({ days: -1 });
      const said = (tls: Tls): Promise<string> => refusal(publisherTo('mqtts://127.0.0.1:1', tls));
      expect(await said({ certFile: one.certFile, keyFile: other.keyFile })).toContain(
        `mqtt.tls.keyFile: '${other.keyFile}' is not the key of the certificate in mqtt.tls.certFile: '${one.certFile}'`,
      );
      expect(await said(old)).toMatch(
        /mqtt\.tls\.certFile: '\S+' expired on \d{4}-\d\d-\d\d; put a renewed certificate there/,
      );
      expect(await said({ certFile: one.certFile, keyFile: one.certFile })).toMatch(
        /mqtt\.tls\.keyFile: '\S+' holds no private key in PEM form/,
      );
      const { caFile } = new Authority(-1);
      expect(await said({ caFile })).toContain(`mqtt.tls.caFile: '${caFile}' expired on `);
    },
  );

  testTls('that is renewed is picked up without a restart', async () => {
    const authority = new Authority();
    const { caFile } = authority;
    const tls = { ...authority.issue({ subjects: LOCAL }), clientCaFile: caFile };
    const broker = await Mosquitto.start({ tls });
    const folder = tempDir();
    const ours = { certFile: join(folder, 'board.crt'), keyFile: join(folder, 'board.key') };
    const put = (from: typeof ours): void => {
      copyFileSync(from.certFile, ours.certFile);
      copyFileSync(from.keyFile, ours.keyFile);
    };
    put(authority.issue({ days: -1 }));
    const running = publisherTo(broker.tlsUrl, { caFile, ...ours });
    expect(await refusal(running)).toMatch(/expired on/);
    put(authority.issue());
    await waitFor('the connection', () => running.publisher.state().connected);
  });
});
