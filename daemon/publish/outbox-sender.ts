// Brings the outbox to the broker: when it begins after a connect, what each row looks like, what is tried again and when.
// delivery.ts owns the order, holds.ts the kinds that nobody listens to, suspects.ts messages that end connections. Never
// waits for the broker: without one, rows stay in the store. Main thread.
import type { MqttConfig } from '../config/types.ts';
import type { OutboxKind, OutboxRow } from '../core/types.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import { reasonOf } from '../platform/errors.ts';
import type { LatencyLedger } from '../platform/latency.ts';
import type { Logger } from '../platform/logger.ts';
import type { Session } from './channel.ts';
import { type Answer, Delivery, type Treatment } from './delivery.ts';
import { Digest } from './digest.ts';
import type { MqttHealth } from './health-message.ts';
import { Holds } from './holds.ts';
import { rowsOf, type Shipment } from './lane.ts';
import { digestPayload, isLate, isUpdate, type RowContext, rowPayload } from './payloads.ts';
import { RuleTopics, ruleTopicOf } from './rule-topics.ts';
import { Suspects } from './suspects.ts';

/** Wait after a failed read of the outbox. */
const READ_RETRY_MS = 1000;
/** A row that the broker refused is offered again after this: its access list or its limits may have changed. */
const REFUSED_RETRY_MS = 5 * 60_000;
/** A broker that closes on a message does so at once; one that closes later has hung, was stopped or lost its network. */
const BLAME_MS = 5000;

/** What the sender needs of the store. */
export interface OutboxSource {
  /** Highest row there is, as far as rows have been announced. */
  lastRow(): number;
  /** Rows with `row` > `afterRow`, ascending, at most `limit`. */
  read(range: { afterRow: number; limit: number }): Promise<readonly OutboxRow[]>;
  /** Deletes rows, soon. */
  delivered(rows: readonly number[]): void;
  /** Deletes rows that nobody listened to, soon, and marks what they told as unheard. */
  unheard(rows: readonly number[]): void;
  /** Puts a gap (reason `late`) in the place of these events, soon and in one transaction. */
  passOver(rows: readonly number[]): void;
}

export interface OutboxSenderOptions {
  readonly config: Pick<MqttConfig, 'windowMax' | 'drainDelayS' | 'lateS' | 'late' | 'unheardS'>;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly outbox: OutboxSource;
  readonly snapshotTopic: RowContext['snapshotTopic'];
  readonly latency: Pick<LatencyLedger, 'sent' | 'acknowledged'> | undefined;
  /** Something was answered. */
  readonly onProgress: () => void;
}

export type OutboxHealth = Pick<MqttHealth, 'inFlight' | 'held' | 'unheard' | 'aside'>;

export class OutboxSender {
  readonly #options: OutboxSenderOptions;
  readonly #delivery: Delivery;
  readonly #holds: Holds;
  readonly #suspects: Suspects;
  readonly #topics = new RuleTopics();
  #session: Session | undefined;
  #unheard = 0;
  /** As many as there were when somebody listened last. */
  #unheardTold = 0;
  /** When a message was sent last. */
  #sentMonoMs = 0;
  #refusalTold = false;
  #readProblemTold = false;
  /** Kinds of which the log says that nobody listens. */
  readonly #holdTold = new Set<OutboxKind>();
  #drainTimer: Timer | undefined;
  #readTimer: Timer | undefined;
  #againTimer: Timer | undefined;
  #asideTimer: Timer | undefined;

  constructor(options: OutboxSenderOptions) {
    const { config, clock, outbox } = options;
    this.#options = options;
    this.#suspects = new Suspects(() => clock.monoMs());
    this.#delivery = new Delivery({
      windowMax: config.windowMax,
      suspects: this.#suspects,
      read: async (range) => {
        const rows = await outbox.read(range);
        this.#readProblemTold = false;
        return rows;
      },
      send: (shipment, settled) => this.#send(shipment, settled),
      treat: (row) => this.#treat(row),
      delivered: (rows) => outbox.delivered(rows),
      gaveUp: (rows) => {
        this.#tellGivenUp(rows.length);
        outbox.unheard(rows);
      },
      passedOver: (rows) => outbox.passOver(rows),
      unheard: (kind) => this.#nobodyListens(kind),
      heard: (kind) => this.#somebodyListens(kind),
      readFailed: (error) => this.#readFailed(error),
    });
    this.#holds = new Holds({
      clock,
      unheardMs: config.unheardS === 0 ? Number.POSITIVE_INFINITY : config.unheardS * 1000,
      lastRow: () => outbox.lastRow(),
      offer: (kind) => this.#delivery.offer(kind),
      giveUp: (kind, upToRow) => this.#delivery.giveUp(kind, upToRow),
    });
  }

  state(): OutboxHealth {
    return {
      inFlight: this.#delivery.inFlight,
      held: this.#delivery.held.filter((kind) => kind !== 'self-test'),
      unheard: this.#unheard,
      aside: this.#suspects.asideCount,
    };
  }

  /** Rows sent or about to be. */
  get inHand(): readonly number[] {
    return this.#delivery.inHand;
  }

  /** Rows the store has committed, in order, each told once. */
  grew(rows: readonly OutboxRow[]): void {
    this.#holds.grew(rows);
    this.#delivery.grew(rows);
  }

  /** A connection is up. The outbox begins after a pause in which others can subscribe again. */
  opened(session: Session): void {
    const { clock, config } = this.#options;
    this.#session = session;
    this.#topics.forget();
    this.#refusalTold = false;
    this.#drainTimer = clock.after(config.drainDelayS * 1000, () => this.#open(session));
  }

  /** The connection is gone; `byBroker` when it was the broker that closed it. */
  closed(byBroker: boolean): void {
    this.#stopTimers();
    this.#session = undefined;
    this.#holds.closed();
    const onTheirWay = this.#delivery.close();
    if (!byBroker || this.#options.clock.monoMs() - this.#sentMonoMs > BLAME_MS) return;
    const aside = this.#suspects.lost(onTheirWay);
    if (aside !== undefined) this.#tellAside(aside);
  }

  /** Sends nothing more; what is on its way may still be acknowledged. */
  hold(): void {
    this.#stopTimers();
    this.#delivery.hold();
  }

  #open({ connection }: Session): void {
    this.#holds.opened();
    this.#suspects.release();
    this.#delivery.open(connection.tellsUnheard);
    this.#releaseLater();
  }

  #stopTimers(): void {
    for (const timer of [this.#drainTimer, this.#readTimer, this.#againTimer, this.#asideTimer])
      timer?.stop();
    this.#againTimer = undefined;
  }

  #treat(row: OutboxRow): Treatment {
    const { late, lateS } = this.#options.config;
    if (late === 'deliver' || (row.kind !== 'alert' && row.kind !== 'event')) return 'send';
    if (!isLate(row, { nowMs: this.#options.clock.nowMs(), lateMs: lateS * 1000 })) return 'send';
    // A digest stands for alerts of many rules: what a rule has a topic for would not come there.
    if (late === 'digest') return ruleTopicOf(row) === undefined ? 'digest' : 'send';
    return row.kind === 'event' && isUpdate(row) ? 'pass' : 'send';
  }

  #send(shipment: Shipment, settled: (answer: Answer) => void): void {
    const session = this.#session;
    // Delivery is closed before the connection is let go.
    if (session === undefined) return;
    let payload: string;
    try {
      payload = this.#payload(shipment);
    } catch (error) {
      this.#refused(shipment, `its body cannot be read: ${reasonOf(error)}`, 'INTERNAL');
      settled('refused');
      return;
    }
    this.#sentMonoMs = this.#options.clock.monoMs();
    const extras = { user: userProperties(shipment) };
    this.#topics.publish(
      shipment,
      session.device,
      (topic, answered) => session.connection.publish(topic, payload, false, answered, extras),
      ({ refusal, heard }) => {
        if (refusal !== undefined) this.#refused(shipment, refusal, 'MQTT_CONNECT');
        else if (heard) this.#options.latency?.acknowledged(shipment.row);
        settled(refusal !== undefined ? 'refused' : heard ? 'delivered' : 'unheard');
        this.#options.onProgress();
      },
    );
  }

  /** A row as it is published now; `stages` of an alert that is on its way. Throws where its body cannot be read. */
  payloadOf(row: OutboxRow, stages?: RowContext['stages']): string {
    return rowPayload(row, { ...this.#context(), stages });
  }

  #payload(shipment: Shipment): string {
    if (shipment instanceof Digest) return digestPayload(shipment, this.#context());
    return this.payloadOf(shipment, this.#options.latency?.sent(shipment.row));
  }

  #context(): RowContext {
    const { clock, config, snapshotTopic } = this.#options;
    return { nowMs: clock.nowMs(), lateMs: config.lateS * 1000, snapshotTopic };
  }

  #refused(shipment: Shipment, reason: string, code: 'MQTT_CONNECT' | 'INTERNAL'): void {
    this.#againTimer ??= this.#options.clock.after(REFUSED_RETRY_MS, () => this.#again());
    if (this.#refusalTold) return;
    this.#refusalTold = true;
    const { row, kind } = shipment;
    this.#options.logger.warn(
      { code, row, kind },
      `${kind} ${seqOf(shipment)} not delivered: ${reason}; kept in the outbox, tried again every ${REFUSED_RETRY_MS / 60_000} minutes`,
    );
  }

  #again(): void {
    const { clock } = this.#options;
    this.#againTimer?.stop();
    this.#againTimer = this.#delivery.again() ? undefined : clock.after(READ_RETRY_MS, () => this.#again());
  }

  #tellAside(row: number): void {
    this.#options.logger.warn(
      { code: 'MQTT_CONNECT', row },
      `the broker closed the connection each time the message in row ${row} of the outbox was sent: put aside, the others go on; it comes again later`,
    );
  }

  /** When the time of the next message put aside comes, the outbox is gone over for it. */
  #releaseLater(): void {
    this.#asideTimer?.stop();
    const waitMs = this.#suspects.nextMs();
    if (waitMs === undefined) return;
    this.#asideTimer = this.#options.clock.after(waitMs, () => {
      this.#suspects.release();
      this.#again();
      this.#releaseLater();
    });
  }

  #nobodyListens(kind: OutboxKind): void {
    if (!this.#holdTold.has(kind)) {
      this.#holdTold.add(kind);
      const { unheardS } = this.#options.config;
      const limit = unheardS === 0 ? '' : `, ${unheardS} s at most`;
      this.#options.logger.info(
        { kind },
        `nobody subscribes to ${kind}: waits in the outbox until somebody does${limit}`,
      );
    }
    this.#holds.unheard(kind);
  }

  /** Once while somebody is missing; how many there are is in health. */
  #tellGivenUp(count: number): void {
    if (this.#unheard === this.#unheardTold) {
      this.#options.logger.warn(
        { unheard: this.#unheard + count },
        `nobody subscribed for ${this.#options.config.unheardS} s: messages are given up and marked as unheard in the database`,
      );
    }
    this.#unheard += count;
  }

  #somebodyListens(kind: OutboxKind): void {
    this.#holds.heard(kind);
    if (!this.#holdTold.delete(kind)) return;
    this.#unheardTold = this.#unheard;
    this.#options.logger.info({ kind }, `somebody subscribes to ${kind} again`);
  }

  #readFailed(error: unknown): void {
    if (!this.#readProblemTold) {
      this.#readProblemTold = true;
      this.#options.logger.error(
        { code: 'INTERNAL' },
        `the outbox cannot be read: ${reasonOf(error)}; trying again every ${READ_RETRY_MS} ms`,
      );
    }
    this.#readTimer?.stop();
    this.#readTimer = this.#options.clock.after(READ_RETRY_MS, () => this.#delivery.retryRead());
  }
}

/** Of a digest, its last. */
function seqOf(shipment: Shipment): number | undefined {
  return rowsOf(shipment).at(-1)?.seq;
}

/** Enough for a bridge to tell repeats without reading the payload. */
function userProperties(shipment: Shipment): Readonly<Record<string, string>> {
  return { epoch: shipment.epoch, seq: String(seqOf(shipment)) };
}
