// The way to the broker in the configuration: which urls are taken, and which settings contradict each other.
import { describe, expect, test } from 'vitest';
import { mqttSchema } from '../../daemon/config/mqtt-schema.ts';

/** `path: message` of every problem. */
function problems(section: object): string[] {
  const { error } = mqttSchema.safeParse(section);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);
}

describe('url', () => {
  test.each([
    'mqtt://broker',
    'mqtt://192.168.1.2:1884',
    'mqtts://broker.home:8883',
    'mqtts://[fd00::1]:8883',
    'ws://broker:9001',
    'ws://broker/mqtt',
    'wss://broker.home:443/some/path',
  ])('%s is taken', (url) => {
    expect(problems({ url })).toEqual([]);
  });

  test.each([
    'http://broker',
    'mqtt://',
    'mqtt://me:secret@broker',
    'wss://me:secret@broker/mqtt',
    'ws://broker/mqtt@x',
    'mqtt://broker/path',
    'mqtts://broker/',
    'ws://broker/mqtt?token=secret',
    'mqtt://a b',
  ])('%s is not', (url) => {
    expect(problems({ url })).toEqual([expect.stringMatching(/^url: must look like mqtt:/)]);
  });
});

describe('tls', () => {
  const url = 'mqtts://broker';
  const pair = { certFile: 'a.crt', keyFile: 'a.key' };

  test.each([
    ['nothing', {}],
    ['a CA', { caFile: 'ca.crt' }],
    ['a pair', pair],
    ['a key with a password', { ...pair, keyPassword: 'x' }],
    ['a key with a password file', { ...pair, keyPasswordFile: 'x' }],
  ])('takes %s', (_what, tls) => {
    expect(problems({ url, tls })).toEqual([]);
  });

  test.each([
    ['certFile without keyFile', { certFile: 'a' }, 'tls.certFile: certFile and keyFile belong together'],
    ['keyFile without certFile', { keyFile: 'a' }, 'tls.certFile: certFile and keyFile belong together'],
    ['a password without a key', { keyPassword: 'x' }, 'tls.keyFile: a password of the key needs a keyFile'],
    [
      'two passwords',
      { ...pair, keyPassword: 'x', keyPasswordFile: 'y' },
      'tls.keyPasswordFile: give keyPassword or keyPasswordFile, not both',
    ],
  ])('%s is a problem', (_what, tls, problem) => {
    expect(problems({ url, tls })).toEqual([problem]);
  });

  test.each([{ caFile: 'ca.crt' }, { insecure: true }, { serverName: 'x' }])(
    '%j needs a url with TLS',
    (tls) => {
      const problem = ['tls: needs a url that begins with mqtts:// or wss://'];
      expect(problems({ url: 'mqtt://broker', tls })).toEqual(problem);
      expect(problems({ url: 'ws://broker', tls })).toEqual(problem);
      expect(problems({ tls })).toEqual(problem);
      expect(problems({ url: 'wss://broker', tls })).toEqual([]);
    },
  );

  test('defaults written out are no settings', () => {
    expect(problems({ url: 'mqtt://broker', tls: { insecure: false } })).toEqual([]);
  });

  test('comes up together with a problem elsewhere', () => {
    expect(problems({ url: 'mqtt://broker', keepaliveS: 1, tls: { caFile: 'x' } })).toHaveLength(2);
  });
});

test('the version of MQTT is text, one of three', () => {
  expect(problems({ protocol: '3.1.1' })).toEqual([]);
  expect(problems({ protocol: '4' })).toHaveLength(1);
});
