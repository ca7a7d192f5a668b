// One backtest: opens both databases, tells the history to the rules of a configuration and compares. Owns nothing but the
// connections while it runs; says nothing itself.
import { existsSync } from 'node:fs';
import type { Config } from '../config/types.ts';
import {
  type Comparison,
  compareAlerts,
  countRules,
  type FiredAlert,
  SAME_MS,
} from '../core/alert-comparison.ts';
import { AlertReasons } from '../core/alert-reasons.ts';
import { Backtest, type BacktestOptions, type WouldAlert } from '../core/backtest.ts';
import { decisionScene, fileSwitches } from '../core/configured.ts';
import type { DecisionScene } from '../core/decision-scene.ts';
import type { Trigger } from '../core/rule-types.ts';
import { type StoredSwitch, Switches } from '../core/switches.ts';
import type { Clock } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import { FiredAlerts } from '../store/fired-alerts.ts';
import { HistoryReader, hasHistory } from '../store/history-reader.ts';
import { pathsIn } from '../store/paths.ts';
import type { AddedAlert, BacktestReport, RemovedAlert } from './backtest-report.ts';

export interface BacktestRunOptions {
  readonly config: Config;
  readonly dataDir: string;
  /** Wall clock; the end is not included. */
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly cameras?: readonly string[] | undefined;
  readonly rules?: readonly string[] | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, of: number) => void;
}

const HOUR_MS = 3_600_000;
/** Rows are told in pages; between two looks for signals so many. */
const PAGES_AT_A_TIME = 128;
/** Rules that fire all the time would fill the memory with it. */
const ALERTS_MAX = 100_000;

/** @throws VedetteError DATA_DIR_UNUSABLE, STORE_DAMAGED, STORE_NEWER; BACKTEST_FAILED when the signal comes. */
export async function runBacktest(options: BacktestRunOptions): Promise<BacktestReport> {
  const paths = pathsIn(options.dataDir);
  // The history is there with the first observation, a little after the database.
  if (existsSync(paths.database) && !hasHistory(paths.history)) {
    const message = `there is no history in '${options.dataDir}' yet: the daemon has kept nothing (store.historyKeepMb 0, or nothing was seen)`;
    throw new VedetteError('DATA_DIR_UNUSABLE', message);
  }
  const fired = new FiredAlerts(paths.database);
  try {
    const history = new HistoryReader(paths.history);
    try {
      return await new Run(options, fired, history).report();
    } finally {
      history.close();
    }
  } finally {
    fired.close();
  }
}

class Run {
  readonly #options: BacktestRunOptions;
  readonly #fired: FiredAlerts;
  readonly #history: HistoryReader;
  readonly #scene: DecisionScene;
  readonly #threshold: BacktestOptions['threshold'];

  constructor(options: BacktestRunOptions, fired: FiredAlerts, history: HistoryReader) {
    this.#options = options;
    this.#fired = fired;
    this.#history = history;
    this.#scene = decisionScene(options.config);
    this.#threshold = thresholdsOf(options.config, fired.switches());
  }

  async report(): Promise<BacktestReport> {
    const { cameras, rules, config } = this.#options;
    const historyFromMs = this.#history.firstAtMs();
    // What fired before anything was kept cannot be tried again, and what is tried needs something to be compared with.
    const sinceMs = Math.max(this.#options.sinceMs, historyFromMs ?? 0, this.#fired.knownFromMs() ?? 0);
    const backtest = await this.#feed(sinceMs);
    // Observations are written some seconds after the alerts that they made: what is newer is not known yet.
    const untilMs = Math.min(this.#options.untilMs, (backtest.lastAtMs ?? sinceMs) + 1);
    const all = this.#fired.between({ sinceMs, untilMs, cameras, rules });
    const { known, unkept } = apart(all, backtest.gaps);
    const comparison = this.#settled(compareAlerts(known, backtest.alerts), backtest.open);
    const reasons = new AlertReasons({
      scene: this.#scene,
      threshold: this.#threshold,
      would: backtest.alerts,
    });
    const counted = Object.keys(config.rules).filter((rule) => rules?.includes(rule) !== false);
    return {
      sinceMs,
      untilMs,
      askedSinceMs: this.#options.sinceMs,
      historyFromMs,
      observations: backtest.observations,
      withoutFacts: backtest.withoutFacts,
      damage: this.#history.damage,
      silences: backtest.silences,
      camerasSeen: [...backtest.cameras],
      unkept: unkept.length,
      rules: countRules(counted, comparison),
      kept: comparison.kept,
      added: this.#added(comparison, reasons),
      removed: this.#removed(comparison, reasons),
    };
  }

  /**
   * A group that is open at the last moment that was kept was told when its time was over, if the daemon lived on: with the
   * time of then, of which nothing is known. It is no other alert.
   */
  #settled(comparison: Comparison, open: Backtest['open']): Comparison {
    const wasTold = ({ rule, camera, atMs }: WouldAlert): boolean => {
      const { groupS = 0 } = this.#scene.rules.find(({ name }) => name === rule) ?? {};
      const dueMs = atMs + groupS * 1000;
      const fired = this.#fired.between({
        sinceMs: dueMs - SAME_MS,
        untilMs: dueMs + SAME_MS,
        cameras: camera === undefined ? undefined : [camera],
        rules: [rule],
      });
      return fired.length > 0;
    };
    return { ...comparison, added: comparison.added.filter((one) => !(open.has(one) && wasTold(one))) };
  }

  async #feed(sinceMs: number): Promise<Backtest> {
    const { untilMs, cameras, rules, clock, signal, onProgress } = this.#options;
    const backtest = new Backtest({
      scene: this.#scene,
      threshold: this.#threshold,
      sinceMs,
      untilMs,
      counts: ({ rule, camera }) =>
        rules?.includes(rule) !== false &&
        (cameras === undefined || (camera !== undefined && cameras.includes(camera))),
    });
    const alone =
      cameras !== undefined && !this.#scene.rules.some(({ cooldownPer }) => cooldownPer === 'rule');
    const range = {
      sinceMs,
      untilMs,
      leadMs: leadMs(this.#scene),
      ...(alone && { cameras: new Set(cameras) }),
    };
    let pages = 0;
    for (const { done, of } of this.#history.tell(range, backtest)) {
      pages += 1;
      if (pages % PAGES_AT_A_TIME !== 0) continue;
      onProgress(done, of);
      // Reading is synchronous: without a pause no signal would be seen.
      await clock.sleep(0);
      if (backtest.alerts.length > ALERTS_MAX) {
        const words = `the rules would make more than ${ALERTS_MAX} alerts: try a shorter time, or a cooldown`;
        throw new VedetteError('BACKTEST_FAILED', words);
      }
      if (signal.aborted)
        throw new VedetteError('BACKTEST_FAILED', `stopped after ${done} of ${of} observations`);
    }
    return backtest;
  }

  #added({ added }: Comparison, reasons: AlertReasons): AddedAlert[] {
    return added.map((alert) => {
      if (alert.subject === undefined) return alert;
      const eventId = this.#fired.eventOf(alert.subject);
      if (eventId === undefined) return { ...alert, reason: 'it was not confirmed then' };
      const reason = reasons.added(alert, this.#history.traceOf(eventId));
      return { ...alert, eventId, ...(reason === undefined ? {} : { reason }) };
    });
  }

  #removed({ removed }: Comparison, reasons: AlertReasons): RemovedAlert[] {
    return removed.map((alert) => {
      const reason = reasons.removed(alert);
      return reason === undefined ? alert : { ...alert, reason };
    });
  }
}

/** As the camera worker finds them, but for the model's own: of those the history knows what they were. */
function thresholdsOf(config: Config, stored: readonly StoredSwitch[]): BacktestOptions['threshold'] {
  const switches = new Switches(fileSwitches(config));
  switches.recall(stored);
  const { threshold, thresholds } = config.track;
  return (camera, label) => switches.ofCamera(camera).threshold ?? thresholds[label] ?? threshold;
}

/**
 * How long before the time that is asked for the telling begins: twice the longest that a rule remembers, so that what is
 * wrong at the beginning (a visit that seems to begin, a cooldown that is not known) is over by then.
 */
function leadMs({ rules }: DecisionScene): number {
  const longestS = Math.max(
    0,
    ...rules.flatMap((rule) => [rule.cooldownS, rule.groupS, lengthS(rule.trigger)]),
  );
  return HOUR_MS + 2 * longestS * 1000;
}

function lengthS(trigger: Trigger): number {
  if ('forS' in trigger) return trigger.forS;
  return 'withinS' in trigger ? trigger.withinS : 0;
}

/** Alerts of times of which nothing was kept can be neither kept nor removed. */
function apart(
  fired: readonly FiredAlert[],
  gaps: Backtest['gaps'],
): { known: FiredAlert[]; unkept: FiredAlert[] } {
  const isUnkept = ({ camera, atMs }: FiredAlert): boolean =>
    gaps.some(
      (gap) => (gap.camera === undefined || gap.camera === camera) && atMs > gap.fromMs && atMs < gap.untilMs,
    );
  const { known = [], unkept = [] } = Object.groupBy(fired, (alert) =>
    isUnkept(alert) ? 'unkept' : 'known',
  );
  return { known, unkept };
}
