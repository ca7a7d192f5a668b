// The commands channel behind a real publisher and a real broker, with the switches of one house and stand-ins of store and
// cameras, for tests; and a client that asks and waits for its answers.
import { connect, type MqttClient } from 'mqtt';
import { onTestFinished } from 'vitest';
import type { FileSwitches, StoredSwitch } from '../../daemon/core/switches.ts';
import type { OutboxRow } from '../../daemon/core/types.ts';
import { type Clock, systemClock } from '../../daemon/platform/clock.ts';
import { VedetteError } from '../../daemon/platform/errors.ts';
import type { CommandLimits, Commands } from '../../daemon/publish/commands.ts';
import { rowPayload } from '../../daemon/publish/payloads.ts';
import { PictureTopics } from '../../daemon/publish/picture-topics.ts';
import { RetainedTree } from '../../daemon/publish/retained.ts';
import { Switchboard, type SwitchboardOptions } from '../../daemon/publish/switchboard.ts';
import { ALL_ON } from './camera-worker.ts';
import { holdToContract } from './contract.ts';
import { type LogRecord, memoryLogger } from './logger.ts';
import { alertBody, EPOCH, type TestPublisher, testPublisher } from './publisher.ts';
import { waitFor } from './wait.ts';

/** As good as none: for tests of something else. */
export const NO_LIMITS: CommandLimits = {
  overall: { burst: 1e9, perS: 1e9 },
  set: { burst: 1e9, perS: 1e9 },
  requests: {
    events: { burst: 1e9, perS: 1e9 },
    snapshot: { burst: 1e9, perS: 1e9 },
    why: { burst: 1e9, perS: 1e9 },
    backtest: { burst: 1e9, perS: 1e9 },
  },
  refusals: { burst: 1e9, perS: 1e9 },
};

export interface CommandWorld extends TestPublisher {
  readonly commands: Commands;
  readonly switchboard: Switchboard;
  /** What the channel has logged. */
  readonly log: LogRecord[];
  /** Every turn of a switch, in order, as it goes to the database. */
  readonly turned: StoredSwitch[];
}

export interface CommandWorldOptions {
  readonly url: string;
  readonly clock?: Clock;
  readonly limits?: CommandLimits;
  readonly requests?: Partial<SwitchboardOptions['requests']>;
}

const FILE: FileSwitches = {
  armed: true,
  cameras: new Map([
    ['porch', ALL_ON],
    ['lane', ALL_ON],
  ]),
};

/** Connected when this resolves; cameras porch and lane, 250 alerts stored. */
export async function commandWorld({
  url,
  clock = systemClock,
  limits,
  requests = {},
}: CommandWorldOptions): Promise<CommandWorld> {
  const turned: StoredSwitch[] = [];
  const { logger, records: log } = memoryLogger();
  const retained = new RetainedTree({ memory: { known: () => [], change: () => undefined } });
  const switchboard = new Switchboard({
    file: FILE,
    memory: {
      opened: Promise.resolve(),
      recall: () => ({ switches: [] }),
      keepSwitch: (row) => turned.push(row),
    },
    retained,
    requests: { ...standIns(), ...requests },
    onTurn: () => undefined,
    onArmed: () => undefined,
    clock,
    logger,
    ...(limits === undefined ? {} : { limits }),
  });
  const { commands } = switchboard;
  const before = { retained, pictures: new PictureTopics({ retained, clock, logger }) };
  const world = testPublisher({ url, before, channels: [commands] });
  await world.publisher.start();
  await waitFor('the connection', () => world.publisher.state().connected);
  return { ...world, commands, switchboard, log, turned };
}

export const STORED = 250;

/** Rows of the stand-in of the store. */
export function storedRow(seq: number): OutboxRow {
  const atMs = 1_800_000_000_000 + seq;
  return {
    row: 0,
    epoch: EPOCH,
    kind: 'alert',
    seq,
    atMs,
    body: JSON.stringify(alertBody(`alert-${seq}`, atMs)),
  };
}

export function storedPayload(row: OutboxRow): string {
  return rowPayload(row, { nowMs: row.atMs, lateMs: 1000 });
}

function standIns(): SwitchboardOptions['requests'] {
  return {
    messages: async ({ counter, afterSeq, limit }) => {
      const count = counter === 'alert' ? Math.max(0, Math.min(limit, STORED - afterSeq)) : 0;
      const rows = Array.from({ length: count }, (_, index) => storedRow(afterSeq + 1 + index));
      return { epoch: EPOCH, lastSeq: counter === 'alert' ? STORED : 0, rows };
    },
    payloadOf: storedPayload,
    why: () => Promise.resolve({ alerts: [], tracks: [], notes: [], more: false }),
    backtest: () => Promise.reject(new VedetteError('BACKTEST_FAILED', 'there is no history here')),
    picture: async (camera) => {
      if (camera === 'lane')
        throw new VedetteError('CAMERA_NO_PICTURE', "camera 'lane': it is offline, there is no frame");
      return { jpeg: Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), width: 64, height: 32, atMs: 1_800_000_000_000 };
    },
  };
}

export interface Answer {
  readonly path: string;
  readonly body: Record<string, unknown>;
}

/** Whoever sends commands: publishes to paths of the device 'pi', keeps the answers and states in order of arrival. */
export class Commander {
  readonly answers: Answer[] = [];
  /** State topics by path. */
  readonly states: { readonly path: string; readonly value: string }[] = [];
  readonly #client: MqttClient;
  readonly #prefix: string;

  private constructor(client: MqttClient, device: string) {
    this.#client = client;
    this.#prefix = `vedette/${device}/`;
    client.on('message', (topic, payload) => {
      const path = topic.slice(this.#prefix.length);
      const text = payload.toString('utf8');
      if (path.startsWith('response/')) this.answers.push({ path, body: JSON.parse(text) as Answer['body'] });
      else this.states.push({ path, value: text });
    });
  }

  /** Subscribed when this resolves. */
  static async connect(url: string, device = 'pi'): Promise<Commander> {
    const client = connect(url, { protocolVersion: 4, reconnectPeriod: 50 });
    onTestFinished(() => client.endAsync(true));
    holdToContract(client, { qos: 1 });
    const commander = new Commander(client, device);
    const prefix = `vedette/${device}`;
    await client.subscribeAsync(
      [`${prefix}/response/#`, `${prefix}/arm/state`, `${prefix}/camera/+/+/state`],
      {
        qos: 1,
      },
    );
    return commander;
  }

  /** Acknowledged by the broker when this resolves. */
  async send(path: string, payload: string | Buffer | object, retain = false): Promise<void> {
    const isText = typeof payload === 'string' || Buffer.isBuffer(payload);
    const bytes = isText ? payload : JSON.stringify(payload);
    await this.#client.publishAsync(this.#prefix + path, bytes, { qos: 1, retain });
  }

  /** The next answer that has not been taken. */
  async answer(): Promise<Answer> {
    await waitFor('an answer', () => this.answers.length > 0, 60_000);
    return this.answers.shift()!;
  }

  /** Sends and takes the next answer. */
  async ask(path: string, payload: string | Buffer | object, retain = false): Promise<Answer> {
    await this.send(path, payload, retain);
    return this.answer();
  }

  /** Resolves when the state of a switch was said `times` times. */
  async stateSaid(path: string, value: string, times = 1): Promise<void> {
    const said = (): number =>
      this.states.filter((state) => state.path === `${path}/state` && state.value === value).length;
    await waitFor(`${path} to be ${value}`, () => said() >= times, 60_000);
  }
}
