// The network between the daemon and its broker: a TCP proxy that can cut, refuse, fall silent or lose the answers.
// It holds every byte of the broker for a moment, as a network does, and drops what it holds when the broker dies:
// Mosquitto acknowledges a few milliseconds before it has saved or passed on a message, so an acknowledgement that the
// daemon gets to see is one that means something. Without this a run would find Mosquitto's losses, not ours.
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { systemClock, type Timer } from '../../daemon/platform/clock.ts';
import { portOf } from '../support/tcp.ts';

/** How long the broker's bytes are on their way. */
const HOLD_MS = 100;

export type NetworkState = 'up' | 'refusing' | 'silent' | 'deaf';

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly held: Set<Timer>;
}

export class Network {
  readonly #server: Server;
  readonly #brokerPort: number;
  readonly #pairs = new Set<Pair>();
  #state: NetworkState = 'up';

  private constructor(server: Server, brokerPort: number) {
    this.#server = server;
    this.#brokerPort = brokerPort;
    server.on('connection', (client) => this.#join(client));
  }

  static async to(brokerPort: number): Promise<Network> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Network(server, brokerPort);
  }

  get url(): string {
    return `mqtt://127.0.0.1:${portOf(this.#server)}`;
  }

  /** Every connection is reset; new ones are taken. */
  cut(): void {
    for (const pair of this.#pairs) this.#drop(pair);
  }

  /** `refusing`: resets, also new ones. `silent`: nothing passes. `deaf`: nothing of the broker passes. */
  enter(state: NetworkState): void {
    this.#state = state;
    if (state === 'refusing') this.cut();
    for (const { client, upstream } of this.#pairs) {
      if (state === 'silent') client.pause();
      else client.resume();
      if (state === 'silent') upstream.pause();
      else upstream.resume();
    }
  }

  /** Up again. What was lost stays lost: connections of a bad time are reset, unless `goesOn` (only silence can). */
  heal(goesOn: boolean): void {
    if (this.#state !== 'silent' || !goesOn) this.cut();
    this.enter('up');
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #join(client: Socket): void {
    client.setNoDelay(true);
    client.on('error', () => {});
    if (this.#state === 'refusing') {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ port: this.#brokerPort, host: '127.0.0.1', noDelay: true });
    upstream.on('error', () => {});
    const pair: Pair = { client, upstream, held: new Set() };
    this.#pairs.add(pair);
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => this.#hold(pair, chunk));
    for (const socket of [client, upstream]) socket.on('close', () => this.#drop(pair));
    if (this.#state === 'silent') {
      client.pause();
      upstream.pause();
    }
  }

  #hold(pair: Pair, chunk: Buffer): void {
    if (this.#state === 'deaf') return;
    const timer = systemClock.after(HOLD_MS, () => {
      pair.held.delete(timer);
      if (this.#state !== 'deaf') pair.client.write(chunk);
    });
    pair.held.add(timer);
  }

  #drop(pair: Pair): void {
    if (!this.#pairs.delete(pair)) return;
    for (const timer of pair.held) timer.stop();
    pair.client.resetAndDestroy();
    pair.upstream.resetAndDestroy();
  }
}
