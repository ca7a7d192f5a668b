// Where a broker is: the parts of its URL, and the URL of our own. Pure, main thread.
import { isIPv6 } from 'node:net';

/** URL schemes of MQTT.js; http and https for WebSocket. */
const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  'mqtt:': 1883,
  'mqtts:': 8883,
  'ws:': 80,
  'wss:': 443,
};

export function portOf({ port, protocol }: URL): number {
  return port === '' ? DEFAULT_PORTS[protocol]! : Number(port);
}

/** For a socket: an IPv6 address without its brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}

/** Of the embedded broker, for a client on this machine. */
export function embeddedUrl(host: string, port: number): string {
  if (host === '0.0.0.0') return `mqtt://127.0.0.1:${port}`;
  if (host === '::') return `mqtt://[::1]:${port}`;
  return `mqtt://${isIPv6(host) ? `[${host}]` : host}:${port}`;
}
