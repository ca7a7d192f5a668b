// The daemon as the service manager sees it: READY when all parts have started, STATUS while it runs, WATCHDOG pings as long
// as there is progress, STOPPING before the first part stops. A ping means: the main loop turned (it runs the timer), and no
// part says it is stuck. The last part to start and so the first to stop. Main thread.
import type { Clock, Timer } from './clock.ts';
import type { Logger } from './logger.ts';
import type { ServiceNotifier } from './notify.ts';
import type { Part } from './part.ts';

/** A part that can tell that it waits for something that will not come by itself. Slow, down or retrying is not stuck. */
export interface Probe {
  readonly name: string;
  /** Why it is stuck, with the numbers; undefined when it is not. Cheap. */
  stuck(): string | undefined;
}

export interface WatchdogOptions {
  readonly notifier: Pick<ServiceNotifier, 'state' | 'status' | 'ping' | 'settled'>;
  /** Milliseconds between two pings; undefined where the manager wants none. */
  readonly pingMs: number | undefined;
  readonly probes: readonly Probe[];
  /** The state of the daemon in one sentence. */
  readonly describe: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A status that changes all the time costs a process this often at most. */
const STATUS_MS = 5000;
/** Looks per ping: one that was not due because a part was stuck is made up for soon after. */
const LOOKS_PER_PING = 4;
/** STOPPING is worth this much of the stop's two seconds. */
const STOP_MS = 500;

export class Watchdog implements Part {
  readonly name = 'watchdog';
  readonly #options: WatchdogOptions;
  readonly #logger: Logger;
  readonly #timers: Timer[] = [];
  #pingedMonoMs = 0;
  #stuck = '';
  #told = '';

  constructor(options: WatchdogOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ part: 'watchdog' });
  }

  async start(): Promise<void> {
    const { notifier, clock, pingMs } = this.#options;
    this.#tell();
    notifier.state('READY');
    this.#timers.push(clock.every(STATUS_MS, () => this.#tell()));
    if (pingMs === undefined) return;
    this.#pingedMonoMs = clock.monoMs();
    this.#timers.push(clock.every(pingMs / LOOKS_PER_PING, () => this.#look(pingMs)));
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers.splice(0)) timer.stop();
    this.#options.notifier.state('STOPPING');
    await this.#options.notifier.settled(STOP_MS);
  }

  #look(pingMs: number): void {
    const { clock, notifier, probes } = this.#options;
    const problems = probes.flatMap((probe) => {
      const reason = probe.stuck();
      return reason === undefined ? [] : [{ name: probe.name, reason }];
    });
    this.#judge(problems);
    const sinceMs = clock.monoMs() - this.#pingedMonoMs;
    // Half a look early rather than half a look late: timers are never exact.
    if (problems.length > 0 || sinceMs < pingMs - pingMs / LOOKS_PER_PING / 2) return;
    this.#pingedMonoMs = clock.monoMs();
    notifier.ping();
  }

  /** Logs a change in who is stuck, once; the reasons themselves count seconds. */
  #judge(problems: readonly { readonly name: string; readonly reason: string }[]): void {
    const names = problems.map(({ name }) => name).join(', ');
    if (names === this.#stuck) return;
    this.#stuck = names;
    const reasons = problems.map(({ reason }) => reason).join('; ');
    if (names === '') this.#logger.info('progress again, the watchdog is fed');
    else this.#logger.error(`no progress, the watchdog is not fed: ${reasons}`);
    this.#tell(reasons === '' ? undefined : `stuck: ${reasons}`);
  }

  /** The status, when it has changed. */
  #tell(text = this.#stuck === '' ? this.#options.describe() : undefined): void {
    if (text === undefined || text === this.#told) return;
    this.#told = text;
    this.#options.notifier.status(text);
  }
}
