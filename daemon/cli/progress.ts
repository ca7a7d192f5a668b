// Words on standard error while a command takes its time: how far it is, now and then, or a bar where it knows how much there
// is. Standard output stays clean.
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

const BAR_WIDTH = 32;
const REDRAW_MS = 100;
/** The rest of the time is guessed from the time so far: not before this much of it. */
const GUESS_AFTER_MS = 500;
/** To the beginning of the line, and what is there erased (ECMA-48, CR and EL). */
const NEW_LINE = '\r\u001b[K';

/** A line that fills up, with percent and the time left; nothing where standard error is no terminal. */
export class ProgressBar {
  readonly #clock: Clock;
  readonly #shown: boolean;
  readonly #beganMonoMs: number;
  #drawnMonoMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, shown = process.stderr.isTTY) {
    this.#clock = clock;
    this.#shown = shown;
    this.#beganMonoMs = clock.monoMs();
  }

  at(done: number, of: number): void {
    const nowMs = this.#clock.monoMs();
    if (!this.#shown || of === 0 || nowMs - this.#drawnMonoMs < REDRAW_MS) return;
    this.#drawnMonoMs = nowMs;
    process.stderr.write(NEW_LINE + barLine(done / of, nowMs - this.#beganMonoMs));
  }

  /** Takes the bar away: what follows begins on a clean line. */
  end(): void {
    if (this.#shown && this.#drawnMonoMs > 0) process.stderr.write(NEW_LINE);
  }
}

/** What is being done, one thing after the other, each with a bar of its own. */
export class Steps {
  readonly #clock: Clock;
  #what = '';
  #bar: ProgressBar | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  at(what: string, done: number, of: number): void {
    if (what !== this.#what) {
      this.end();
      this.#what = what;
      say(`${what} …`);
      this.#bar = new ProgressBar(this.#clock);
    }
    this.#bar?.at(done, of);
  }

  end(): void {
    this.#bar?.end();
    this.#bar = undefined;
    this.#what = '';
  }
}

export interface DownloadAt {
  /** Bytes that are here, and those that were here when the running try began. */
  readonly have: number;
  readonly had: number;
  readonly of: number | undefined;
}

/** The bar of a download: how much, how fast, how long still. */
export class DownloadBar {
  readonly #clock: Clock;
  readonly #shown: boolean;
  #had: number | undefined;
  #beganMonoMs = 0;
  #drawnMonoMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, shown = process.stderr.isTTY) {
    this.#clock = clock;
    this.#shown = shown;
  }

  at(download: DownloadAt): void {
    const nowMs = this.#clock.monoMs();
    if (this.#had !== download.had) {
      this.#had = download.had;
      this.#beganMonoMs = nowMs;
    }
    if (!this.#shown || nowMs - this.#drawnMonoMs < REDRAW_MS) return;
    this.#drawnMonoMs = nowMs;
    process.stderr.write(NEW_LINE + downloadLine(download, nowMs - this.#beganMonoMs));
  }

  /** Takes the bar away and says a line in its place. */
  say(line: string): void {
    this.end();
    say(line);
  }

  end(): void {
    if (this.#shown && this.#drawnMonoMs > 0) process.stderr.write(NEW_LINE);
  }
}

/** `[######----------]  37 %  5.2 of 14.2 MB  1.3 MB/s  7 s left`. */
export function downloadLine({ have, had, of }: DownloadAt, tookMs: number): string {
  const mega = (bytes: number): string => (bytes / 1e6).toFixed(1);
  const perMs = tookMs < GUESS_AFTER_MS ? 0 : (have - had) / tookMs;
  const rate = perMs === 0 ? [] : [`${mega(perMs * 1000)} MB/s`];
  if (of === undefined) return [`${mega(have)} MB`, ...rate].join('  ');
  const left = perMs === 0 ? [] : [`${durationWords((of - have) / perMs)} left`];
  return [barOf(have / of), `${mega(have)} of ${mega(of)} MB`, ...rate, ...left].join('  ');
}

/** `[######----------]  37 %  12 s left`. */
export function barLine(share: number, tookMs: number): string {
  const bar = barOf(share);
  if (share <= 0 || tookMs < GUESS_AFTER_MS) return bar;
  return `${bar}  ${durationWords((tookMs * (1 - Math.min(1, share))) / share)} left`;
}

/** `[######----------]  37 %`. */
function barOf(share: number): string {
  const part = Math.min(1, Math.max(0, share));
  const full = Math.floor(part * BAR_WIDTH);
  const bar = `[${'#'.repeat(full)}${'-'.repeat(BAR_WIDTH - full)}]`;
  return `${bar} ${String(Math.floor(part * 100)).padStart(3)} %`;
}

function durationWords(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 90 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}
