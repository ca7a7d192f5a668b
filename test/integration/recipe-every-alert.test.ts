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
  /** Told apart in ids and messages. */
  life = 'alert';
  #lastSeq = 0;
  #client: MqttClient | undefined;

  async start(broker: Mosquitto): Promise<void> {
    await commandWorld({
      url: broker.url,
      requests: {
        messages: async ({ afterSeq, limit }) => ({
          epoch: this.epoch,
          lastSeq: this.#lastSeq,
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
      this.#lastSeq = seq;
      const body = JSON.stringify({
        ...alertBody(`${this.epoch}-${this.life}-${seq}`),
        message: `${this.life} ${seq}`,
      });
      this.rows.push({ row: 0, epoch: this.epoch, kind: 'alert', seq, atMs: 1_800_000_000_000 + seq, body });
    }
  }

  /** A copy of the database as it was after this number is put back: within its epoch numbers are given out again. */
  putBack(seq: number, life: string): void {
    this.rows = this.rows.filter((row) => row.seq <= seq);
    this.#lastSeq = seq;
    this.life = life;
  }

  /** Its number stays given out. */
  prune(seq: number): void {
    this.rows = this.rows.filter((row) => row.seq !== seq);
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

const linesOf = (life: string, ...seqs: number[]): string[] => seqs.map((seq) => `${seq} ${life} ${seq}`);
const lines = (...seqs: number[]): string[] => linesOf('alert', ...seqs);

/** It does not want what was before it came for the first time; when it has subscribed, this is heard. */
async function untilHeard(board: Board, program: Program, seq: number): Promise<void> {
  await waitFor('its subscription', async () => {
    await board.publish(seq);
    return program.handled().length > 0;
  });
}

/** Killed when this is noted, or it would rightly be handled again. */
async function killAfter(seq: number, program: Program, state: string): Promise<void> {
  await waitFor(`${seq} to be noted`, () => readFileSync(state, 'utf8').includes(`[${seq}, "`));
  await program.kill();
}

testRecipe(
  'every_alert.py handles each alert once, in order: repeats, holes, its own absence, another database',
  async () => {
    const broker = await Mosquitto.start();
    const board = new Board();
    await board.start(broker);
    const state = join(tempDir(), 'numbers.json');
    const first = startProgram(broker, state);
    board.store(1, 2);
    await untilHeard(board, first, 2);
    expect(first.handled()).toEqual(lines(2));
    // A hole: 3 and 4 are stored and never come by themselves; 2 and 5 come twice.
    board.store(3, 4, 5);
    for (const seq of [2, 5, 5]) await board.publish(seq);
    await waitFor('the hole', () => first.handled().length >= 4);
    board.store(6);
    await board.publish(6);
    await waitFor('the next', () => first.handled().length >= 5);
    expect(first.handled()).toEqual(lines(2, 3, 4, 5, 6));

    // Meanwhile more happens than one answer has.
    await killAfter(6, first, state);
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

testRecipe(
  'every_alert.py misses nothing and repeats nothing when an older copy of the database is put back',
  async () => {
    const broker = await Mosquitto.start();
    const board = new Board();
    await board.start(broker);
    const state = join(tempDir(), 'numbers.json');
    const first = startProgram(broker, state);
    board.store(1, 2);
    await untilHeard(board, first, 2);
    board.store(3, 4, 5, 6);
    await board.publish(6);
    await waitFor('all of them', () => first.handled().length >= 5);
    board.putBack(3, 'second');
    board.store(4);
    await board.publish(4);
    await waitFor('the second 4', () => first.handled().length >= 6);
    board.store(5);
    await board.publish(5);
    await waitFor('the second 5', () => first.handled().length >= 7);
    expect(first.handled()).toEqual([...lines(2, 3, 4, 5, 6), ...linesOf('second', 4, 5)]);

    // While it is away, and the numbers have passed its own when it comes back.
    await killAfter(5, first, state);
    board.putBack(4, 'third');
    board.store(5, 6, 7);
    const second = startProgram(broker, state);
    await waitFor('what it missed', () => second.handled().length >= 3);
    expect(second.handled()).toEqual(linesOf('third', 5, 6, 7));
  },
);

testRecipe(
  'every_alert.py goes through a copy of the database from its beginning when it remembers nothing of it',
  async () => {
    const broker = await Mosquitto.start();
    const board = new Board();
    await board.start(broker);
    const state = join(tempDir(), 'numbers.json');
    const program = startProgram(broker, state);
    board.store(...Array.from({ length: 250 }, (_, index) => index + 1));
    await untilHeard(board, program, 10);
    await board.publish(250);
    await waitFor('all of them', () => program.handled().length >= 241, 60_000);
    board.putBack(2, 'second');
    board.store(3);
    await board.publish(3);
    await waitFor('the copy', () => program.handled().length >= 244);
    expect(program.handled().slice(241)).toEqual([...lines(1, 2), ...linesOf('second', 3)]);
  },
);

testRecipe(
  'every_alert.py passes over a last number that the board has pruned, and asks for it no more',
  async () => {
    const broker = await Mosquitto.start();
    const board = new Board();
    await board.start(broker);
    const state = join(tempDir(), 'numbers.json');
    const first = startProgram(broker, state);
    board.store(1, 2);
    await untilHeard(board, first, 2);
    await killAfter(2, first, state);
    board.store(3);
    board.prune(3);
    const second = startProgram(broker, state);
    await waitFor('3 to be passed over', () => readFileSync(state, 'utf8').includes('[3, ""]'));
    board.store(4);
    await board.publish(4);
    await waitFor('the next', () => second.handled().length > 0);
    expect(second.handled()).toEqual(lines(4));
  },
);
