// What the service manager is told: sd_notify(3) through the program systemd-notify, because Node has no Unix datagram
// sockets (about 8 ms a call, in its own process). One call at a time, and a slot for each kind of news, the newest wins:
// a slow or hung program costs news, never memory. Main thread.
import { Child, findProgram } from './child.ts';
import type { Clock, Timer } from './clock.ts';
import type { Logger } from './logger.ts';

export type ServiceState = 'READY' | 'RELOADING' | 'STOPPING';

export interface NotifierOptions {
  /** $NOTIFY_SOCKET: a path, or '@' and an abstract name. */
  readonly socket: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A call that takes longer is killed; systemd-notify itself waits up to 5 s for the manager. */
  readonly timeoutMs?: number;
}

const PROGRAM = 'systemd-notify';
const TIMEOUT_MS = 10_000;
const RETRY_MS = 1000;
/** States not sent yet; what an older one said is void when a newer one follows. */
const STATES_MAX = 4;
/** systemd shows one line; a reason may be long. */
const STATUS_LENGTH_MAX = 300;

/** What one call tells. */
interface News {
  readonly state: ServiceState | undefined;
  readonly status: string | undefined;
  readonly ping: boolean;
}

/** Tells the service manager; all calls return at once. Without the program it warns once and stays silent. */
export class ServiceNotifier {
  readonly #options: NotifierOptions;
  readonly #logger: Logger;
  readonly #program: string | undefined;
  #states: ServiceState[] = [];
  #stopping = false;
  #status: string | undefined;
  #ping = false;
  #scheduled: Promise<void> | undefined;
  #sending: Promise<void> | undefined;
  #retry: Timer | undefined;
  #failing = false;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ part: 'systemd' });
    this.#program = findProgram(PROGRAM);
    if (this.#program !== undefined) return;
    this.#logger.warn(
      `${PROGRAM} not found on PATH: the service manager waits for news in vain and will end the daemon, install systemd or use Type=exec without WatchdogSec`,
    );
  }

  /** Once a start or a reload is over, before a reload, and before the end. */
  state(state: ServiceState): void {
    if (this.#stopping) return;
    if (state === 'STOPPING') {
      // What was on its way has lost its meaning, and nothing that comes late may take this back.
      this.#stopping = true;
      this.#states = [];
    }
    this.#states.push(state);
    if (this.#states.length > STATES_MAX) this.#states.shift();
    this.#schedule();
  }

  /** One line for people, shown by `systemctl status`. */
  status(text: string): void {
    this.#status = oneLine(text);
    this.#schedule();
  }

  /** Keeps the manager's watchdog quiet for another WATCHDOG_USEC. */
  ping(): void {
    this.#ping = true;
    this.#schedule();
  }

  /** Resolves when nothing is on its way any more, at the latest after `withinMs`. */
  async settled(withinMs: number): Promise<void> {
    const giveUp = new AbortController();
    const late = this.#options.clock.sleep(withinMs, giveUp.signal).catch(() => undefined);
    await Promise.race([late, this.#drained()]);
    giveUp.abort();
  }

  async #drained(): Promise<void> {
    const next = (): Promise<void> | undefined => this.#scheduled ?? this.#sending;
    for (let news = next(); news !== undefined; news = next()) await news;
  }

  /** One call for all that is told in one turn of the loop. */
  #schedule(): void {
    this.#scheduled ??= Promise.resolve().then(() => {
      this.#scheduled = undefined;
      this.#send();
    });
  }

  #send(): void {
    if (this.#program === undefined || this.#sending !== undefined || this.#retry !== undefined) return;
    const news: News = { state: this.#states.shift(), status: this.#status, ping: this.#ping };
    this.#status = undefined;
    this.#ping = false;
    const lines = this.#lines(news);
    if (lines.length === 0) return;
    this.#sending = this.#call(this.#program, lines).then((problem) => {
      this.#sending = undefined;
      if (problem === undefined) this.#recovered();
      else this.#failed(problem, news);
      this.#send();
    });
  }

  #lines({ state, status, ping }: News): string[] {
    const lines: string[] = [];
    if (state !== undefined) lines.push(`${state}=1`);
    // Wanted by Type=notify-reload (systemd 253 and later), ignored by Type=notify: an owner may use either.
    if (state === 'RELOADING')
      lines.push(`MONOTONIC_USEC=${Math.floor(this.#options.clock.monoMs() * 1000)}`);
    if (status !== undefined) lines.push(`STATUS=${status}`);
    if (ping) lines.push('WATCHDOG=1');
    return lines;
  }

  /** Runs the program to its end; says what went wrong. Not with --no-block: the manager must find the sender alive. */
  async #call(program: string, lines: readonly string[]): Promise<string | undefined> {
    const { socket, clock, timeoutMs = TIMEOUT_MS } = this.#options;
    const child = new Child({
      command: program,
      args: lines,
      env: { NOTIFY_SOCKET: socket, LC_ALL: 'C' },
      stdio: ['ignore', 'ignore', 'pipe'],
      clock,
    });
    let hung = false;
    const timer = clock.after(timeoutMs, () => {
      hung = true;
      child.kill('SIGKILL');
    });
    const exit = await child.exited;
    timer.stop();
    if (hung) return `${PROGRAM} did not end within ${timeoutMs} ms and was killed`;
    return exit.code === 0 ? undefined : child.describe(exit);
  }

  /** What was not told is told again after a while, unless there is newer news of its kind. */
  #failed(problem: string, { state, status, ping }: News): void {
    if (!this.#failing) {
      this.#failing = true;
      this.#logger.warn(`${problem}; trying again every ${RETRY_MS} ms`);
    }
    if (state !== undefined && this.#states.length === 0) this.#states.push(state);
    this.#status ??= status;
    this.#ping ||= ping;
    this.#retry = this.#options.clock.after(RETRY_MS, () => {
      this.#retry = undefined;
      this.#send();
    });
  }

  #recovered(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#logger.info('the service manager hears us again');
  }
}

function oneLine(text: string): string {
  // An argument of a program ends at a zero byte.
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ');
  return line.length > STATUS_LENGTH_MAX ? `${line.slice(0, STATUS_LENGTH_MAX - 1)}…` : line;
}

export interface ServiceEnvironment {
  /** Where to notify; undefined when no service manager listens. */
  readonly socket: string | undefined;
  /** Milliseconds between two pings: half of what the manager allows, as sd_watchdog_enabled(3) advises. */
  readonly pingMs: number | undefined;
}

const NAMES = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const;

/** Takes what the service manager asks for out of the environment, so that no child of the daemon takes it for its own. */
export function takeServiceEnvironment(env: NodeJS.ProcessEnv, pid: number): ServiceEnvironment {
  const [socket, usec, watchedPid] = NAMES.map((name) => env[name]);
  for (const name of NAMES) delete env[name];
  const allowedMs = Number(usec) / 1000;
  const watched = allowedMs > 0 && (watchedPid === undefined || Number(watchedPid) === pid);
  return {
    socket: socket === undefined || socket === '' ? undefined : socket,
    pingMs: watched && Number.isFinite(allowedMs) ? allowedMs / 2 : undefined,
  };
}
