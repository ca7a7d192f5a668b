// Runs the checks of `vedette doctor`: each within its own deadline, so that one that hangs is a fault of its own and
// holds nobody else; the results come in the order of the list. Knows nothing of what is checked.
import type { Clock } from '../platform/clock.ts';
import { reasonOf } from '../platform/errors.ts';
import type { Finding } from '../platform/finding.ts';

export interface Check {
  readonly name: string;
  readonly deadlineMs: number;
  /** Wants the processor or a device for itself: these run one after the other when all others are done. */
  readonly alone?: boolean;
  run(signal: AbortSignal): Promise<readonly Finding[]> | readonly Finding[];
}

export interface CheckResult {
  readonly name: string;
  readonly findings: readonly Finding[];
}

export interface RunnerOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called in the order of the list, as soon as a check and all before it are done. */
  readonly onResult: (result: CheckResult) => void;
}

export async function runChecks(checks: readonly Check[], options: RunnerOptions): Promise<CheckResult[]> {
  const results = new Map<Check, CheckResult>();
  let shown = 0;
  const one = async (check: Check): Promise<void> => {
    results.set(check, { name: check.name, findings: await runOne(check, options) });
    for (let next = checks[shown]; next !== undefined && results.has(next); next = checks[shown]) {
      shown += 1;
      options.onResult(results.get(next)!);
    }
  };
  await Promise.all(checks.filter(({ alone }) => !alone).map(one));
  for (const check of checks.filter(({ alone }) => alone)) await one(check);
  return checks.map((check) => results.get(check)!);
}

/** Time given to a check to end what it had started, once its deadline has passed. */
const END_MS = 3000;

/** Never rejects. */
async function runOne(check: Check, { clock, signal }: RunnerOptions): Promise<readonly Finding[]> {
  if (signal.aborted) return [{ level: 'fault', message: 'not done: interrupted' }];
  const ends = new AbortController();
  const both = AbortSignal.any([signal, ends.signal]);
  const work = Promise.resolve()
    .then(() => check.run(both))
    .catch((error: unknown): Finding[] => [{ level: 'fault', message: reasonOf(error) }]);
  const { promise: given, resolve: giveUp } = Promise.withResolvers<undefined>();
  let last = clock.after(check.deadlineMs, () => {
    ends.abort(new Error('deadline'));
    last = clock.after(END_MS, () => giveUp(undefined));
  });
  const interrupted = (): void => giveUp(undefined);
  signal.addEventListener('abort', interrupted, { once: true });
  const findings = await Promise.race([work, given]);
  last.stop();
  signal.removeEventListener('abort', interrupted);
  if (signal.aborted) return [{ level: 'fault', message: 'not done: interrupted' }];
  // What it said after the deadline is about having been ended.
  if (!ends.signal.aborted && findings !== undefined) return findings;
  const message = `no answer within ${check.deadlineMs / 1000} s: something it asks hangs`;
  const advice = 'try again; if it stays so, restart the board or the device it is about';
  return [{ level: 'fault', message, advice }];
}
