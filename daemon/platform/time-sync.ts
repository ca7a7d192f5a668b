// Whether the wall clock can be trusted: synchronised, plausible, kept by a battery. Times of events are only as good as
// it is. Main thread.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { askProgram } from './ask-program.ts';
import { findProgram } from './child.ts';
import type { Clock } from './clock.ts';
import type { Finding } from './finding.ts';
import { namesIn, SYSTEM_ROOTS, type SystemRoots } from './system-files.ts';

export interface TimeFacts {
  /** undefined: nobody here can say. */
  readonly synchronised: boolean | undefined;
  readonly realTimeClock: boolean;
}

const TIMEDATECTL_TIMEOUT_MS = 5000;

export async function readTime(
  clock: Clock,
  signal: AbortSignal,
  roots: SystemRoots = SYSTEM_ROOTS,
): Promise<TimeFacts> {
  const realTimeClock = namesIn(join(roots.sys, 'class/rtc'), /^rtc\d+$/).length > 0;
  return { synchronised: await isSynchronised(clock, signal, roots), realTimeClock };
}

async function isSynchronised(
  clock: Clock,
  signal: AbortSignal,
  roots: SystemRoots,
): Promise<boolean | undefined> {
  const timedatectl = findProgram('timedatectl');
  if (timedatectl !== undefined) {
    const args = ['show', '--property', 'NTPSynchronized', '--value'];
    const { stdout } = await askProgram({
      command: timedatectl,
      args,
      timeoutMs: TIMEDATECTL_TIMEOUT_MS,
      clock,
      signal,
    });
    // The kernel's state (adjtimex(2), STA_UNSYNC), whoever set it: timesyncd, chrony, ntpd.
    if (stdout.trim() === 'yes') return true;
    if (stdout.trim() === 'no') return false;
  }
  // Made by systemd-timesyncd at the first synchronisation after the start (systemd-timesyncd.service(8)).
  return existsSync(join(roots.run, 'systemd/timesync/synchronized')) ? true : undefined;
}

/** Before this release existed: a board without a battery starts in 1970 or at its last shutdown. */
const PLAUSIBLE_FROM_MS = Date.UTC(2026, 0, 1);
const PLAUSIBLE_TO_MS = Date.UTC(2100, 0, 1);

/** False for a time that cannot be right, whoever says so. */
export function isPlausible(nowMs: number): boolean {
  return nowMs >= PLAUSIBLE_FROM_MS && nowMs <= PLAUSIBLE_TO_MS;
}

export function timeFindings({ synchronised, realTimeClock }: TimeFacts, nowMs: number): Finding[] {
  const now = new Date(nowMs).toISOString();
  const facts = { now, synchronised: synchronised ?? 'unknown', realTimeClock };
  const battery = realTimeClock ? '' : ', no real-time clock in this board';
  const advice = `let it be set from the network: sudo timedatectl set-ntp true${realTimeClock ? '' : '; where there is no network, add a real-time clock'}`;
  if (!isPlausible(nowMs)) {
    return [{ level: 'fault', message: `${now} cannot be right${battery}`, advice, facts }];
  }
  if (synchronised === false) {
    return [{ level: 'warning', message: `${now}, not synchronised${battery}`, advice, facts }];
  }
  const state = synchronised ? 'synchronised' : 'nothing here can say whether it is synchronised';
  return [{ level: 'ok', message: `${now}, ${state}${battery}`, facts }];
}
