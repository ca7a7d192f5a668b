// The subscriber that comes and goes. Polite (house `forgetful`): it unsubscribes, waits for the broker's word and only then
// leaves, so that what it was sent it has heard. With a session (`lasting`) it may drop its connection at any moment, the
// broker keeps the rest. Without one and rude (`asking`) it loses messages, by MQTT's own rules, and asks for them at the
// end. It remembers everything, with the connection it heard it on. Not a client of the proxy: breaking off is its own doing.
import { connect, type MqttClient } from 'mqtt';
import { systemClock } from '../../daemon/platform/clock.ts';
import { checkMessage } from '../support/message-check.ts';
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
  /** It came as the answer to a request, not by itself. */
  readonly asked?: true;
  /** Of a gap: what it names. */
  readonly gap?: { readonly counter: string; readonly ranges: readonly (readonly [number, number])[] };
}

interface Answer {
  readonly ok: boolean;
  readonly more: boolean;
  readonly messages: readonly Payload[];
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
const DEAF_MS = 1500;
const ASK_MS = 2000;
const ASK_MAX = 30;

export class Listener {
  readonly heard: Heard[] = [];
  /** Messages that are not as docs/asyncapi.yaml says. */
  readonly violations: string[] = [];
  /** How often it has come. */
  visits = 0;
  readonly #url: string;
  readonly #device: string;
  readonly #session: boolean;
  #client: MqttClient | undefined;
  #connection = 0;
  #marks = 0;
  #deaf = false;
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
    client.on('message', (topic, payload, { qos, retain }) => {
      if (this.#deaf) return;
      const violation = checkMessage({ topic, payload, qos, retain });
      if (violation !== undefined) this.violations.push(violation);
      if (topic === MARK) this.#marks += 1;
      else this.#hear(topic, payload, connectionOf());
    });
  }

  /** Goes. Rude: the connection breaks under whatever is on its way. */
  async leave(rude: boolean): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client === undefined) return;
    if (rude) {
      // As from a network that has gone: the broker goes on sending to somebody who hears nothing any more.
      this.#deaf = !this.#session;
      if (this.#deaf) await systemClock.sleep(DEAF_MS);
      this.#deaf = false;
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

  /** Asks the daemon for all there is and keeps what was not heard (docs/mqtt.md, request/events). */
  async fill(): Promise<void> {
    const known = new Set(this.heard.map(({ kind, seq }) => `${kind} ${seq}`));
    for (const counter of ['event', 'alert'] as const) {
      for (let afterSeq = 0, more = true; more; ) {
        const answer = await this.#ask({ id: `${counter}-${afterSeq}`, counter, afterSeq, limit: 200 });
        if (!answer.ok) throw new Error(`request/events was refused: ${JSON.stringify(answer)}`);
        for (const message of answer.messages) {
          afterSeq = message.seq;
          if (!known.has(`${counter} ${message.seq}`))
            this.heard.push({ ...heardOf(counter, message, 0), asked: true });
        }
        more = answer.more;
      }
    }
  }

  async #ask(request: { readonly id: string; readonly [key: string]: unknown }): Promise<Answer> {
    const client = this.#client!;
    const topic = `vedette/${this.#device}/response/${request.id}`;
    let answer: Answer | undefined;
    client.on('message', (at, payload) => {
      if (at === topic) answer = JSON.parse(payload.toString()) as Answer;
    });
    await client.subscribeAsync(topic, { qos: 1 });
    // Asked again until it is answered: the daemon may not have subscribed yet. The same request is carried out once.
    const ask = (): Promise<unknown> =>
      client.publishAsync(`vedette/${this.#device}/request/events`, JSON.stringify(request), { qos: 1 });
    for (let attempt = 0; answer === undefined && attempt < ASK_MAX; attempt += 1) {
      await ask();
      await waitFor(`the answer to ${request.id}`, () => answer, ASK_MS).catch(() => undefined);
    }
    if (answer === undefined) throw new Error(`no answer to ${request.id}`);
    return answer;
  }

  #hear(topic: string, payload: Buffer, connection: number): void {
    const kind = KINDS.find((one) => topic.endsWith(`/${one}`));
    if (kind === undefined) return;
    const message = heardOf(kind, JSON.parse(payload.toString()) as Payload, connection);
    if (kind === 'alert') this.#alerts.add(message.identity);
    this.heard.push({ ...message, at: new Date().toISOString() });
  }
}

function heardOf(kind: Heard['kind'], payload: Payload, connection: number): Heard {
  const { epoch, seq, id, type = '', atMs, counter, first, last, ranges } = payload;
  const named = ranges ?? (first === undefined || last === undefined ? [] : [[first, last] as const]);
  return {
    kind,
    epoch,
    seq,
    identity: kind === 'alert' ? `${id}` : `${id ?? counter} ${type} ${atMs}`,
    connection,
    ...(counter === undefined ? {} : { gap: { counter, ranges: named } }),
  };
}
