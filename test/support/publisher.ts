// A Publisher for tests with a stand-in of the store: rows are committed, announced, read and deleted as the store's
// contract says (deleted some time after `delivered`). The broker is always a real one. Ends with the test.
import { onTestFinished } from 'vitest';
import { configSchema } from '../../daemon/config/schema.ts';
import type { MqttConfig } from '../../daemon/config/types.ts';
import type { Alert, CameraStatus, Observation, OutboxKind, OutboxRow } from '../../daemon/core/types.ts';
import { type Clock, systemClock } from '../../daemon/platform/clock.ts';
import type { Channel } from '../../daemon/publish/channel.ts';
import type { OutboxSource } from '../../daemon/publish/outbox-sender.ts';
import { type Picture, PictureTopics } from '../../daemon/publish/picture-topics.ts';
import { Publisher, type PublisherOptions } from '../../daemon/publish/publisher.ts';
import { RetainedTree, type TopicMemory } from '../../daemon/publish/retained.ts';
import { cameraStatusPath } from '../../daemon/publish/topics.ts';
import { healthReportOf } from './health-report.ts';
import { type LogRecord, memoryLogger } from './logger.ts';
import { allowMadeUpIds } from './message-check.ts';

export const EPOCH = '3f1c9a5e7d204b86';

export class MemoryOutbox implements OutboxSource {
  rows: OutboxRow[] = [];
  /** How often rows were read. */
  reads = 0;
  /** Given up because nobody listened, e.g. 'alert 3', in order. */
  readonly unheardSeqs: string[] = [];
  /** Numbers of the events that are to be named in a gap. */
  readonly passedOver: number[] = [];
  /** Rejects reads while set. */
  broken = false;
  #row = 0;
  readonly #seq: Record<OutboxKind, number> = { event: 0, alert: 0, gap: 0, 'self-test': 0 };

  constructor() {
    allowMadeUpIds();
  }

  /** Commits a row; give it to `outboxGrew` as the store would. */
  commit(kind: OutboxKind, body: unknown, atMs = systemClock.nowMs()): OutboxRow {
    this.#row += 1;
    this.#seq[kind] += 1;
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const row: OutboxRow = { row: this.#row, epoch: EPOCH, kind, seq: this.#seq[kind], atMs, body: text };
    this.rows.push(row);
    return row;
  }

  async read({ afterRow, limit }: { afterRow: number; limit: number }): Promise<readonly OutboxRow[]> {
    this.reads += 1;
    if (this.broken) throw new Error('disk I/O error');
    return this.rows.filter(({ row }) => row > afterRow).slice(0, limit);
  }

  delivered(rows: readonly number[]): void {
    const gone = new Set(rows);
    setImmediate(() => {
      this.rows = this.rows.filter(({ row }) => !gone.has(row));
    });
  }

  lastRow(): number {
    return this.#row;
  }

  unheard(rows: readonly number[]): void {
    const gone = new Set(rows);
    for (const { row, kind, seq } of this.rows) if (gone.has(row)) this.unheardSeqs.push(`${kind} ${seq}`);
    this.delivered(rows);
  }

  passOver(rows: readonly number[]): void {
    const gone = new Set(rows);
    const seqs = this.rows.filter(({ row }) => gone.has(row)).map(({ seq }) => seq);
    this.delivered(rows);
    this.passedOver.push(...seqs);
  }
}

export interface TestPublisher {
  readonly publisher: Publisher;
  readonly outbox: MemoryOutbox;
  readonly records: LogRecord[];
  readonly retained: RetainedTree;
  readonly pictures: PictureTopics;
  /** Commits an alert and announces it. */
  alert(id: string): OutboxRow;
  cameraStatus(camera: string, status: CameraStatus): void;
  picture(camera: string, picture: Picture): void;
}

export interface TestPublisherOptions {
  readonly url: string | (() => string);
  readonly clock?: Clock;
  readonly config?: Partial<MqttConfig>;
  readonly device?: string;
  /** Publish pictures; true by default. */
  readonly publishPictures?: boolean;
  /** Of a daemon that goes on with another publisher. */
  readonly before?: Pick<TestPublisher, 'retained' | 'pictures'>;
  /** Topics known from earlier lives of the daemon. */
  readonly memory?: TopicMemory;
  readonly keeps?: (path: string) => boolean;
  readonly channels?: readonly Channel[];
  /** Instead of a stand-in: a real store. */
  readonly source?: OutboxSource;
  readonly latency?: PublisherOptions['latency'];
}

/** Not started. Without a drain delay and with quick retries, unless `config` says otherwise. */
export function testPublisher({
  url,
  clock = systemClock,
  config = {},
  device = 'pi',
  publishPictures = true,
  before,
  memory = { known: () => [], change: () => undefined },
  keeps = () => false,
  channels = [],
  source,
  latency,
}: TestPublisherOptions): TestPublisher {
  const outbox = new MemoryOutbox();
  const { logger, records } = memoryLogger();
  const retained = before?.retained ?? new RetainedTree({ memory, keeps });
  const pictures = before?.pictures ?? new PictureTopics({ retained, clock, logger });
  const publisher = new Publisher({
    config: { ...configSchema.shape.mqtt.parse({}), drainDelayS: 0, retryMaxS: 1, ...config },
    device,
    retained,
    pictures: publishPictures ? pictures : undefined,
    channels,
    logger,
    clock,
    outbox: source ?? outbox,
    health: () => healthReportOf(publisher.state(), Math.round(clock.monoMs())),
    brokerUrl: url,
    ...(latency === undefined ? {} : { latency }),
  });
  onTestFinished(() => publisher.stop());
  const alert = (id: string): OutboxRow => {
    const row = outbox.commit('alert', alertBody(id));
    publisher.outboxGrew([row]);
    return row;
  };
  const cameraStatus = (camera: string, status: CameraStatus): void =>
    retained.set(cameraStatusPath(camera), status);
  const picture = (camera: string, taken: Picture): void => pictures.add(camera, taken);
  return { publisher, outbox, records, retained, pictures, alert, cameraStatus, picture };
}

export function alertBody(id: string, atMs = systemClock.nowMs()): Alert {
  return {
    id,
    eventId: `event-of-${id}`,
    count: 1,
    rule: 'door',
    trigger: 'enter',
    severity: 'warning',
    camera: 'porch',
    label: 'person',
    zone: 'door',
    score: 0.9,
    message: 'person entered door at porch',
    atMs,
    monoMs: 1000,
    stages: { prepareMs: 1, waitMs: 2, inferMs: 3, trackMs: 4 },
    because: [],
  };
}

export function observationOf(camera: string, frame = 1): Observation {
  return {
    camera,
    stamp: { frame, atMs: systemClock.nowMs(), monoMs: systemClock.monoMs() },
    tracks: [],
    ended: [],
    stages: { prepareMs: 1, waitMs: 2, inferMs: 3, trackMs: 4 },
  };
}
