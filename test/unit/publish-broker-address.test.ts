// Where a broker is: ports that an URL does not name, hosts as a socket wants them, and the URL of the embedded broker.
import { expect, test } from 'vitest';
import { embeddedUrl, hostOf, portOf } from '../../daemon/publish/broker-address.ts';

test.each([
  ['mqtt://house', 'house', 1883],
  ['mqtts://house', 'house', 8883],
  ['ws://house/mqtt', 'house', 80],
  ['wss://house/mqtt', 'house', 443],
  ['mqtt://[::1]:1884', '::1', 1884],
  ['wss://house:9001', 'house', 9001],
])('%s is %s port %i', (url, host, port) => {
  const there = new URL(url);
  expect([hostOf(there), portOf(there)]).toEqual([host, port]);
});

test.each([
  ['0.0.0.0', 'mqtt://127.0.0.1:1883'],
  ['::', 'mqtt://[::1]:1883'],
  ['::1', 'mqtt://[::1]:1883'],
  ['192.168.1.5', 'mqtt://192.168.1.5:1883'],
  ['localhost', 'mqtt://localhost:1883'],
])('the embedded broker at %s is reached at %s', (host, url) => {
  expect(embeddedUrl(host, 1883)).toBe(url);
});
