// Words on standard error while a command writes much: how far it is, now and then. Standard output stays clean.
import type { Clock } from '../platform/clock.ts';

export interface ProgressOptions {
  /** What is counted: 'events'. */
  readonly what: string;
  /** Also where standard error is no terminal. */
  readonly always: boolean;
  readonly clock: Clock;
}

const INTERVAL_MS = 2000;

export class Progress {
  readonly #options: ProgressOptions;
  readonly #shown: boolean;
  #toldMonoMs: number;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#shown = options.always || process.stderr.isTTY;
    this.#toldMonoMs = options.clock.monoMs();
  }

  /** Says how many there are, every two seconds at most. `total` where it is known. */
  at(count: number, total?: number): void {
    const { what, clock } = this.#options;
    if (!this.#shown || clock.monoMs() - this.#toldMonoMs < INTERVAL_MS) return;
    this.#toldMonoMs = clock.monoMs();
    say(total === undefined ? `${count} ${what} …` : `${count} of ${total} ${what} …`);
  }

  /** A last line, always. */
  end(line: string): void {
    say(line);
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
