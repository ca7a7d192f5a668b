// The subscriber that comes and goes. In a house with a forgetful broker it has no session and is polite: it unsubscribes,
// waits for the broker's word and only then leaves, so that what it was sent it has heard. In a house with a lasting
// broker it has a session there and may drop its connection at any moment. It remembers everything, with the connection it
// heard it on. Not a client of the proxy: whoever loses the network without a session may lose messages, by MQTT's own rules.
import { connect, type MqttClient } from 'mqtt';
import { systemClock } from '../../daemon/platform/clock.ts';
import { waitFor } from '../support/wait.ts';

export interface Heard {
  readonly kind: 'event' | 'alert' | 'gap';
  readonly epoch: string;
  readonly seq: number;
  /** What tells two messages apart: id, and of an event its type and time. */
  readonly identity: string;
  /** Number of the listener's connection. */
  readonly connection: number;
  /** When, by the wall clock of the listener; for people. */
  readonly at?: string;
  /** Of a gap: what it names. */
  readonly gap?: { readonly counter: string; readonly ranges: readonly (readonly [number, number])[] };
}

interface Payload {
  readonly id?: string;
  readonly epoch: string;
  readonly seq: number;
  readonly type?: string;
  readonly atMs: number;
  readonly counter?: string;
  readonly first?: number;
  readonly last?: number;
  readonly ranges?: readonly (readonly [number, number])[];
}

const MARK = 'chaos/mark';
const KINDS = ['event', 'alert', 'gap'] as const;
const RETRY_MS = 100;

export class Listener {
  readonly heard: Heard[] = [];
  /** How often it has come. */
  visits = 0;
  readonly #url: string;
  readonly #device: string;
  readonly #session: boolean;
  #client: MqttClient | undefined;
  #connection = 0;
  #marks = 0;
  readonly #alerts = new Set<string>();

  constructor(options: { readonly url: string; readonly device: string; readonly session: boolean }) {
    this.#url = options.url;
    this.#device = options.device;
    this.#session = options.session;
  }

  /** Different alerts heard so far. */
  get alertsHeard(): number {
    return this.#alerts.size;
  }

  /** Comes, and stays until `leave`, connecting again by itself; does not wait for the broker. */
  come(): void {
    this.visits += 1;
    const client = connect(this.#url, {
      clientId: 'chaos-listener',
      protocolVersion: 5,
      clean: !this.#session,
      ...(this.#session ? { properties: { sessionExpiryInterval: 0xffffffff } } : {}),
      reconnectPeriod: RETRY_MS,
      connectTimeout: 2000,
      resubscribe: false,
    });
    this.#client = client;
    client.on('error', () => {});
    client.on('connect', () => {
      this.#connection += 1;
      const filters = [...KINDS.map((kind) => `vedette/${this.#device}/${kind}`), MARK];
      client.subscribe(filters, { qos: 1 }, () => {});
    });
    const connectionOf = (): number => this.#connection;
    client.on('message', (topic, payload) => {
      if (topic === MARK) this.#marks += 1;
      else this.#hear(topic, payload, connectionOf());
    });
  }

  /** Goes. Rude only with a session: then the connection breaks under whatever is on its way. */
  async leave(rude: boolean): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client === undefined) return;
    if (rude && this.#session) {
      client.stream.destroy();
      client.end(true);
      return;
    }
    // Without a session only what is heard before UNSUBACK is certain. A broker that is away has nothing for us.
    if (!this.#session && client.connected) {
      const gone = new Promise<void>((resolve) => client.once('close', () => resolve()));
      await Promise.race([
        client.unsubscribeAsync(KINDS.map((kind) => `vedette/${this.#device}/${kind}`)),
        gone,
      ]).catch(() => {});
    }
    client.end(!client.connected);
    await Promise.race([
      new Promise<void>((resolve) => client.once('close', () => resolve())),
      systemClock.sleep(500),
    ]);
    client.end(true);
  }

  /** Everything that the broker had for us when this was called has been heard. */
  async caughtUp(): Promise<void> {
    const before = this.#marks;
    await waitFor(
      'the listener to catch up',
      async () => {
        if (this.#marks > before) return true;
        await Promise.race([this.#client?.publishAsync(MARK, '', { qos: 1 }), systemClock.sleep(1000)]).catch(
          () => {},
        );
        return false;
      },
      60_000,
    );
  }

  #hear(topic: string, payload: Buffer, connection: number): void {
    const kind = topic.slice(topic.lastIndexOf('/') + 1) as Heard['kind'];
    const {
      epoch,
      seq,
      id,
      type = '',
      atMs,
      counter,
      first,
      last,
      ranges,
    } = JSON.parse(payload.toString()) as Payload;
    const named = ranges ?? (first === undefined || last === undefined ? [] : [[first, last] as const]);
    if (kind === 'alert') this.#alerts.add(`${id}`);
    this.heard.push({
      kind,
      epoch,
      seq,
      identity: kind === 'alert' ? `${id}` : `${id ?? counter} ${type} ${atMs}`,
      connection,
      at: new Date().toISOString(),
      ...(counter === undefined ? {} : { gap: { counter, ranges: named } }),
    });
  }
}
