// The self-test: now and then a marked synthetic detection goes the whole way of an alert, through rules, store, outbox and
// broker, and back to a subscription of ours. Owns when, one at a time, and the verdict: the loop time, or the stage that
// failed. Never on the topics of real alerts. Main thread.
import type { Alert, OutboxRow } from '../core/types.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Part } from '../platform/part.ts';
import type { Channel, Subscription } from './channel.ts';
import { outboxTopic } from './topics.ts';

/** In order. */
type SelfTestStage = 'rules' | 'store' | 'broker' | 'return';

export interface SelfTestReport {
  /** When it ended, wall clock. */
  readonly atMs: number;
  readonly ok: boolean;
  /** From the synthetic detection until it was back; absent when it did not come back. */
  readonly loopMs?: number;
  /** Milliseconds of each stage that was passed. */
  readonly stagesMs: Readonly<Partial<Record<SelfTestStage, number>>>;
  readonly failedStage?: SelfTestStage;
  readonly reason?: string;
}

export interface SelfTestOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Minutes between two; 0: never. */
  readonly everyMinutes: number;
  /** The synthetic detection as the rules judge it; undefined when they did not fire. */
  readonly judge: () => Alert | undefined;
  /** Hands it to the store. */
  readonly commit: (alert: Alert) => void;
  /** Takes the row of a failed one out of the outbox. */
  readonly withdraw: (row: number) => void;
  /** Messages that wait in the outbox. */
  readonly waiting: () => number;
}

interface Run {
  readonly id: string;
  readonly startMonoMs: number;
  stage: SelfTestStage;
  stageMonoMs: number;
  row: number | undefined;
  readonly stagesMs: Partial<Record<SelfTestStage, number>>;
}

/** The first one comes this long after the start, when everything has settled. */
const FIRST_MS = 60_000;
/** Not back after this: failed. Longer than the drain delay and a slow disk together. */
const LIMIT_MS = 90_000;
const MINUTE_MS = 60_000;

export class SelfTest implements Channel, Part {
  readonly name = 'self-test';
  readonly #options: SelfTestOptions;
  readonly #logger: Logger;
  #everyMs: number;
  #next: Timer | undefined;
  #limit: Timer | undefined;
  #run: Run | undefined;
  #connected = false;
  #report: SelfTestReport | undefined;

  constructor(options: SelfTestOptions) {
    this.#options = options;
    this.#logger = options.logger.child({ part: this.name });
    this.#everyMs = options.everyMinutes * MINUTE_MS;
  }

  /** The last one that ended. */
  get report(): SelfTestReport | undefined {
    return this.#report;
  }

  async start(): Promise<void> {
    this.#schedule(Math.min(FIRST_MS, this.#everyMs));
  }

  async stop(): Promise<void> {
    this.#next?.stop();
    this.#limit?.stop();
    this.#run = undefined;
  }

  /** Other intervals, from now on. */
  repeatEvery(everyMinutes: number): void {
    if (everyMinutes * MINUTE_MS === this.#everyMs) return;
    this.#everyMs = everyMinutes * MINUTE_MS;
    if (this.#run === undefined) this.#schedule(Math.min(FIRST_MS, this.#everyMs));
  }

  subscriptions(device: string): readonly Subscription[] {
    if (this.#everyMs === 0) return [];
    const filter = outboxTopic(device, 'self-test');
    return [{ filter, qos: 1, onMessage: ({ payload }) => this.#returned(payload) }];
  }

  opened(): void {
    this.#connected = true;
  }

  closed(): void {
    this.#connected = false;
  }

  /** Its row was committed. */
  committed({ row, body }: OutboxRow): void {
    const run = this.#run;
    if (run === undefined || !body.includes(`"${run.id}"`)) return;
    run.row = row;
    this.#passed(run, 'store', 'broker');
  }

  /** The broker has acknowledged a row. */
  acknowledged(row: number): void {
    const run = this.#run;
    if (run?.row === row && run.stage === 'broker') this.#passed(run, 'broker', 'return');
  }

  #schedule(ms: number): void {
    this.#next?.stop();
    this.#next = this.#everyMs === 0 ? undefined : this.#options.clock.after(ms, () => this.#begin());
  }

  #begin(): void {
    const { clock, judge, commit } = this.#options;
    const startMonoMs = clock.monoMs();
    const alert = judge();
    const run: Run = {
      id: alert?.id ?? '',
      startMonoMs,
      stage: 'rules',
      stageMonoMs: startMonoMs,
      row: undefined,
      stagesMs: {},
    };
    this.#run = run;
    if (alert === undefined) return this.#fail(run, 'the rule did not fire');
    this.#passed(run, 'rules', 'store');
    if (!this.#connected) {
      // Its row would wait in the outbox among real alerts for as long as the broker is away.
      run.stage = 'broker';
      return this.#fail(run, 'there is no connection to the broker');
    }
    this.#limit = clock.after(LIMIT_MS, () => this.#late(run));
    commit(alert);
  }

  #late(run: Run): void {
    const waited = `not passed after ${LIMIT_MS / 1000} s`;
    this.#fail(
      run,
      run.stage === 'broker' ? `${waited}, ${this.#options.waiting()} messages wait in the outbox` : waited,
    );
  }

  #passed(run: Run, stage: SelfTestStage, next: SelfTestStage): void {
    const nowMs = this.#options.clock.monoMs();
    run.stagesMs[stage] = rounded(nowMs - run.stageMonoMs);
    run.stage = next;
    run.stageMonoMs = nowMs;
  }

  /** Somebody may publish anything here: only the id of the one that is under way counts. */
  #returned(payload: Buffer): void {
    const run = this.#run;
    if (run?.row === undefined || payload.length > 4096 || !payload.includes(`"${run.id}"`)) return;
    // The message may be back before the acknowledgement.
    if (run.stage === 'broker') this.#passed(run, 'broker', 'return');
    this.#passed(run, 'return', 'return');
    const loopMs = rounded(this.#options.clock.monoMs() - run.startMonoMs);
    this.#end({ atMs: this.#options.clock.nowMs(), ok: true, loopMs, stagesMs: run.stagesMs });
  }

  #fail(run: Run, reason: string): void {
    const { stage: failedStage, stagesMs, row } = run;
    if (row !== undefined) this.#options.withdraw(row);
    this.#end({ atMs: this.#options.clock.nowMs(), ok: false, stagesMs, failedStage, reason });
  }

  /** A change of the verdict is one line. */
  #end(report: SelfTestReport): void {
    const before = this.#report;
    this.#report = report;
    this.#run = undefined;
    this.#limit?.stop();
    this.#schedule(this.#everyMs);
    const { ok, failedStage, reason, loopMs } = report;
    if (!ok && before?.failedStage !== failedStage) {
      this.#logger.warn(
        { code: 'SELF_TEST', failedStage },
        `self-test: an alert would not arrive now: ${failedStage}: ${reason}`,
      );
    } else if (ok && before?.ok !== true) {
      this.#logger.info({ loopMs }, `self-test: a detection came back from the broker after ${loopMs} ms`);
    }
  }
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}
