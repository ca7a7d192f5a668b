// One run: a house is ill-treated until enough has been done to it, then everything is mended, what is left is delivered,
// and the books are compared with what the listener heard. On a fault the folder stays: log, database, configuration.
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../daemon/platform/clock.ts';
import { waitFor } from '../support/wait.ts';
import { committedIn, unsound, verified, waitingRows } from './books.ts';
import { FAULTS, type Fault, illTreat } from './faults.ts';
import { closeHouse, type House, type HouseKind, openHouse } from './house.ts';
import { type Counts, judge, overtaken } from './verdict.ts';

export interface RunOptions {
  readonly kind: HouseKind;
  readonly seed: number;
  /** The run goes on until there have been so many faults, so many of them SIGKILL of the daemon, and alerts. */
  readonly faults: number;
  readonly kills: number;
  /** Ends the ill-treatment early; what has happened is judged. */
  readonly signal?: AbortSignal;
  /** Keep the folder in any case. */
  readonly keep?: boolean;
  readonly print: (line: string) => void;
  /** Told of each fault as it happens. */
  readonly onFault?: (line: string) => void;
}

export interface RunReport {
  readonly kind: HouseKind;
  readonly seed: number;
  readonly seconds: number;
  readonly struck: ReadonlyMap<Fault, number>;
  readonly lives: number;
  readonly visits: number;
  readonly counts: Counts;
  readonly wrong: readonly string[];
  /** Where log and data are; undefined when they were removed. */
  readonly folder: string | undefined;
}

/** Alerts heard during the ill-treatment, at least. */
const ALERTS_PER_FAULT = 0.5;
const DRAIN_MS_MAX = 120_000;

export async function run(options: RunOptions): Promise<RunReport> {
  const { kind, seed, keep = false } = options;
  const startMs = systemClock.monoMs();
  const house = await openHouse(kind);
  let report: RunReport | undefined;
  try {
    const struck = new Map<Fault, number>();
    const wrong: string[] = [];
    await treat(house, options, struck, wrong);
    const { seconds, ...rest } = await settle(house, wrong, startMs);
    const { lives } = house.patient;
    const { visits } = house.listener;
    const folder = wrong.length > 0 || keep ? house.folder : undefined;
    report = { kind, seed, seconds, struck, lives, visits, ...rest, wrong, folder };
    return report;
  } finally {
    await closeHouse(house, report === undefined || report.folder !== undefined);
    if (report === undefined) options.print(`seed ${seed}: the run broke off, its folder is ${house.folder}`);
  }
}

async function treat(
  house: House,
  { seed, faults, kills, signal, onFault }: RunOptions,
  struck: Map<Fault, number>,
  wrong: string[],
): Promise<void> {
  const enough = new AbortController();
  const startMs = systemClock.monoMs();
  let count = 0;
  await illTreat({
    house,
    seed,
    signal: signal === undefined ? enough.signal : AbortSignal.any([enough.signal, signal]),
    struck: (fault) => {
      count += 1;
      struck.set(fault, (struck.get(fault) ?? 0) + 1);
      const second = ((systemClock.monoMs() - startMs) / 1000).toFixed(1).padStart(6);
      const line = `${second} s  ${String(count).padStart(3)}  ${fault}`;
      appendFileSync(join(house.folder, 'faults.log'), `${new Date().toISOString()} ${line}\n`);
      onFault?.(line);
      const killed = struck.get('daemon killed') ?? 0;
      // A run in which nothing happened proves nothing.
      const alerts = house.listener.alertsHeard;
      if (count >= faults && killed >= kills && alerts >= faults * ALERTS_PER_FAULT) enough.abort();
    },
    blame: (what) => {
      wrong.push(what);
      enough.abort();
    },
  });
}

/** Delivers what is left, with nothing new coming, and compares. */
async function settle(
  house: House,
  wrong: string[],
  startMs: number,
): Promise<{ counts: Counts; seconds: number }> {
  const { patient, disk, listener, quietConfig } = house;
  await patient.kill();
  // The kernel ends the children of a daemon that was killed; give it a moment.
  await waitFor('the children of the daemon to be gone', () => patient.leftovers().length === 0).catch(() => {
    wrong.push(`processes outlived the daemon: ${patient.leftovers().join(', ')}`);
  });
  let ended: string | undefined;
  void patient.start({ mortal: false, config: quietConfig }).then(({ code, signal }) => {
    ended = `code ${code}, signal ${signal}`;
  });
  await waitFor(
    'an empty outbox',
    () => ended !== undefined || (patient.started && waitingRows(disk.path) === 0),
    DRAIN_MS_MAX,
  ).catch((error: unknown) => void wrong.push(String(error)));
  if (ended !== undefined) wrong.push(`the daemon that only had to deliver ended: ${ended}`);
  await listener.caughtUp();
  if (house.kind === 'asking') await listener.fill();
  const exit = await patient.stop();
  if (exit?.code !== 0) wrong.push(`the last daemon ended with ${exit?.code ?? exit?.signal}`);
  wrong.push(...unsound(disk.path), ...verified(disk.path), ...listener.violations.slice(0, 5));
  const told = listener.heard.map((one) => JSON.stringify(one));
  writeFileSync(join(house.folder, 'heard.jsonl'), told.join('\n'));
  const { counts, faults } = judge(committedIn(disk.path), listener.heard);
  wrong.push(...faults);
  if (house.kind === 'lasting' && counts.overtaken > 0) {
    const list = overtaken(listener.heard).map(
      ({ kind, seq, connection }) => `${kind} ${seq} on ${connection}`,
    );
    wrong.push(`${counts.overtaken} messages came after later ones: ${list.slice(0, 5).join(', ')}`);
  }
  return { counts, seconds: Math.round((systemClock.monoMs() - startMs) / 1000) };
}

/** The counts of a run in lines for people. */
export function reportLines(report: RunReport): string[] {
  const { kind, seed, seconds, struck, lives, visits, counts, wrong, folder } = report;
  const total = [...struck.values()].reduce((sum, one) => sum + one, 0);
  const alerts = `${counts.alerts} committed, ${counts.alertsHeard} heard (${counts.alertsAsked} when asked for), ${counts.alertsUnheard} marked unheard, ${counts.alertsInGaps} named in gaps`;
  const events = `${counts.events} committed, ${counts.eventsHeard} heard, ${counts.eventsUnheard} marked unheard`;
  return [
    `house ${kind}, seed ${seed}: ${total} faults in ${seconds} s, ${lives} lives of the daemon, ${visits} visits of the listener`,
    ...FAULTS.filter((fault) => struck.has(fault)).map(
      (fault) => `  ${String(struck.get(fault)).padStart(4)}  ${fault}`,
    ),
    `  alerts: ${alerts}`,
    `  changes of events: ${events}`,
    `  gaps: ${counts.gaps}; messages heard again: ${counts.repeats}; first heard after a later one: ${counts.overtaken}`,
    ...(wrong.length === 0 ? ['  nothing lost, nothing wrong'] : wrong.map((what) => `  WRONG: ${what}`)),
    ...(folder === undefined ? [] : [`  evidence: ${folder}`]),
  ];
}
