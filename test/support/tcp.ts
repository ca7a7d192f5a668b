// TCP servers of a test, and a proxy between clients and a broker that can lose the network. All end with the test.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A TCP server that listens until the test ends. */
export async function listen(onSocket: (socket: Socket) => void, port = 0): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, onSocket);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return server;
}

export function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

export interface Proxy {
  readonly url: string;
  /** Ends the client's side and leaves the broker's open, as a lost network does. */
  cut(): void;
  /** Passes nothing more from the broker to the client. */
  mute(): void;
  /** Connections that the broker has closed. */
  closedByBroker(): number;
}

/**
 * Passes bytes between clients and a broker until told otherwise. `watch` sees what clients send, and may close the
 * connection instead of passing it on, as some brokers do with what they do not like.
 */
export async function proxyTo(
  brokerPort: number,
  watch: (sent: Buffer) => 'pass' | 'close' = () => 'pass',
): Promise<Proxy> {
  const pairs: { client: Socket; upstream: Socket }[] = [];
  let closed = 0;
  const server = await listen((client) => {
    const upstream = connect({ port: brokerPort, host: '127.0.0.1', allowHalfOpen: true });
    for (const socket of [client, upstream]) socket.on('error', () => {});
    onTestFinished(() => {
      upstream.destroy();
      client.destroy();
    });
    client.on('data', (sent) => {
      if (watch(sent) === 'pass') upstream.write(sent);
      else {
        client.destroy();
        upstream.destroy();
      }
    });
    upstream.pipe(client);
    upstream.on('end', () => {
      closed += 1;
    });
    pairs.push({ client, upstream });
  });
  return {
    url: `mqtt://127.0.0.1:${portOf(server)}`,
    cut: () => {
      for (const { client } of pairs.splice(0)) client.destroy();
    },
    mute: () => {
      for (const { client, upstream } of pairs) upstream.unpipe(client).resume();
    },
    closedByBroker: () => closed,
  };
}
