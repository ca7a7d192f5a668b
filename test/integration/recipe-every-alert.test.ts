// docs/recipes/every_alert.py as an owner runs it: a process of its own, killed and started again, a real broker, a publisher
// that answers requests. Its output is what it has handled.
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { expect, onTestFinished } from 'vitest';
import type { OutboxRow } from '../../daemon/core/types.ts';
import { commandWorld, storedPayload } from '../support/commands.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { ROOT, testNeeding } from '../support/needs.ts';
import { alertBody, EPOCH } from '../support/publisher.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testRecipe = testNeeding({ programs: ['mosquitto'], pythonModules: ['paho.mqtt.client'] });
const NEXT_EPOCH = '0123456789abcdef';

/** A board whose alerts are stored, and published one by one when the test says so. */
class Board {
  rows: OutboxRow[] = [];
  epoch = EPOCH;
  #client: MqttClient | undefined;

  async start(broker: Mosquitto): Promise<void> {
    await commandWorld({
      url: broker.url,
      requests: {
        messages: async ({ afterSeq, limit }) => ({
          epoch: this.epoch,
          lastSeq: this.rows.at(-1)?.seq ?? 0,
          rows: this.rows.filter(({ seq }) => seq > afterSeq).slice(0, limit),
        }),
      },
    });
    this.#client = await connectAsync(broker.url);
    onTestFinished(() => this.#client?.endAsync(true));
  }

  /** Committed; nobody hears of it. */
  store(...seqs: number[]): void {
    for (const seq of seqs) {
      const body = JSON.stringify({ ...alertBody(`${this.epoch}-${seq}`), message: `alert ${seq}` });
      this.rows.push({ row: 0, epoch: this.epoch, kind: 'alert', seq, atMs: 1_800_000_000_000 + seq, body });
    }
  }

  /** The broker has it when this resolves. */
  async publish(seq: number): Promise<void> {
    const row = this.rows.find((candidate) => candidate.seq === seq)!;
    await this.#client!.publishAsync('vedette/pi/alert', storedPayload(row), { qos: 1 });
  }
}

interface Program {
  handled(): string[];
  kill(): Promise<void>;
}

function startProgram(broker: Mosquitto, state: string): Program {
  const script = join(ROOT, 'docs/recipes/every_alert.py');
  const child: ChildProcess = spawn('/usr/bin/python3', [script, `127.0.0.1:${broker.port}`, 'pi', state], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout!.on('data', (chunk: Buffer) => {
    output += chunk.toString('utf8');
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  onTestFinished(kill);
  return { handled: () => output.split('\n').slice(0, -1), kill };
}

const lines = (...seqs: number[]): string[] => seqs.map((seq) => `${seq} alert ${seq}`);

testRecipe(
  'every_alert.py handles each alert once, in order: repeats, holes, its own absence, another database',
  async () => {
    const broker = await Mosquitto.start();
    const board = new Board();
    await board.start(broker);
    const state = join(tempDir(), 'numbers.json');
    const first = startProgram(broker, state);
    board.store(1, 2);
    // It does not want what was before it came for the first time; when it has subscribed, 2 is heard.
    await waitFor('its subscription', async () => {
      await board.publish(2);
      return first.handled().length > 0;
    });
    expect(first.handled()).toEqual(lines(2));
    // A hole: 3 and 4 are stored and never come by themselves; 2 and 5 come twice.
    board.store(3, 4, 5);
    for (const seq of [2, 5, 5]) await board.publish(seq);
    await waitFor('the hole', () => first.handled().length >= 4);
    board.store(6);
    await board.publish(6);
    await waitFor('the next', () => first.handled().length >= 5);
    expect(first.handled()).toEqual(lines(2, 3, 4, 5, 6));

    // Killed when 6 is noted, or it would rightly be handled again; meanwhile more happens than one answer has.
    await waitFor('6 to be noted', () => readFileSync(state, 'utf8').endsWith(', 6]'));
    await first.kill();
    const missed = Array.from({ length: 450 }, (_, index) => index + 7);
    board.store(...missed);
    const second = startProgram(broker, state);
    await waitFor('what it missed', () => second.handled().length >= missed.length, 60_000);
    expect(second.handled()).toEqual(lines(...missed));

    // Another database, in which numbers begin again.
    board.rows = [];
    board.epoch = NEXT_EPOCH;
    board.store(1, 2, 3);
    await board.publish(3);
    await waitFor('the new ones', () => second.handled().length >= missed.length + 3, 60_000);
    expect(second.handled().slice(missed.length)).toEqual(lines(1, 2, 3));
  },
);
