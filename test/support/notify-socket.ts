// The service manager's end of sd_notify for tests: a real datagram socket, by a few lines of Python.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../daemon/platform/clock.ts';
import { ROOT } from './needs.ts';
import { tempDir } from './temp-dir.ts';
import { waitFor } from './wait.ts';

export interface Message {
  readonly monoMs: number;
  /** `KEY=value`, as sent. */
  readonly lines: readonly string[];
}

export class NotifySocket {
  readonly path: string;
  /** Without the barriers. */
  readonly messages: Message[] = [];
  barriers = 0;

  private constructor(path: string) {
    this.path = path;
  }

  /** Programs a test needs for it. */
  static readonly programs = ['python3', 'systemd-notify'] as const;

  static async open(): Promise<NotifySocket> {
    const socket = new NotifySocket(join(tempDir(), 'notify'));
    const receiver = spawn('python3', [join(ROOT, 'test/support/notify-socket.py'), socket.path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const gone = new Promise((resolve) => receiver.once('close', resolve));
    onTestFinished(async () => {
      receiver.kill('SIGKILL');
      await gone;
    });
    let bound = false;
    createInterface(receiver.stdout).on('line', (text) => {
      const lines = JSON.parse(text) as string[];
      if (lines.length === 0) bound = true;
      else if (lines.includes('BARRIER=1')) socket.barriers += 1;
      else socket.messages.push({ monoMs: systemClock.monoMs(), lines });
    });
    await waitFor('the notify socket', () => bound);
    return socket;
  }

  /** All lines in the order they came. */
  get lines(): string[] {
    return this.messages.flatMap(({ lines }) => lines);
  }

  /** How many times exactly this line came. */
  count(line: string): number {
    return this.lines.filter((other) => other === line).length;
  }

  /** The newest status. */
  get status(): string | undefined {
    return this.lines.findLast((line) => line.startsWith('STATUS='))?.slice('STATUS='.length);
  }
}
