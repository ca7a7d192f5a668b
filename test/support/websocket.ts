// A WebSocket server in front of a real broker, as a web server or proxy would be: every message goes to the broker's TCP
// port, what the broker answers comes back. (Debian builds Mosquitto without WebSocket.) Ends with the test.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer as createHttp, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { createRequire } from 'node:module';
import { type AddressInfo, connect } from 'node:net';
import { onTestFinished } from 'vitest';
import type { RawData, WebSocket, WebSocketServer } from 'ws';
import type { Certificate } from './certificates.ts';

// MQTT.js brings it.
const ws = createRequire(import.meta.resolve('mqtt'))('ws') as {
  WebSocketServer: typeof WebSocketServer;
};

export interface WebSocketBridge {
  /** With the path it listens on. */
  readonly url: string;
  /** Bytes of each message from clients, in order. */
  readonly messages: Buffer[];
  /** Sub-protocol of the last client. */
  subprotocol(): string;
  /** Offers of compression by clients. */
  readonly extensions: string[];
  /** Reads nothing more from clients, until `resume`. */
  pause(): void;
  resume(): void;
}

/** Listens on `path` only; over TLS with a certificate. */
export async function webSocketTo(
  brokerPort: number,
  { path = '/mqtt', tls }: { readonly path?: string; readonly tls?: Certificate } = {},
): Promise<WebSocketBridge> {
  const http: Server =
    tls === undefined
      ? createHttp()
      : createHttps({ cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) });
  const server = new ws.WebSocketServer({ server: http, path });
  const messages: Buffer[] = [];
  const extensions: string[] = [];
  let subprotocol = '';
  server.on('connection', (socket: WebSocket, request) => {
    subprotocol = socket.protocol;
    const offered = request.headers['sec-websocket-extensions'];
    if (offered !== undefined) extensions.push(offered);
    const broker = connect(brokerPort, '127.0.0.1');
    broker.on('error', () => socket.terminate());
    broker.on('data', (chunk) => socket.send(chunk));
    broker.on('close', () => socket.close());
    socket.on('message', (data: RawData) => {
      messages.push(data as Buffer);
      broker.write(data as Buffer);
    });
    socket.on('error', () => broker.destroy());
    socket.on('close', () => broker.destroy());
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  onTestFinished(() => {
    for (const client of server.clients) client.terminate();
    server.close();
    http.close();
  });
  const { port } = http.address() as AddressInfo;
  return {
    url: `${tls === undefined ? 'ws' : 'wss'}://127.0.0.1:${port}${path}`,
    messages,
    extensions,
    pause: () => {
      for (const client of server.clients) client.pause();
    },
    resume: () => {
      for (const client of server.clients) client.resume();
    },
    subprotocol: () => subprotocol,
  };
}
