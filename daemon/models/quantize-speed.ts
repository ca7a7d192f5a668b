// Whether a quantized model is faster: both run the same pictures in turn, because a board's own speed changes more in a minute
// than what is to be measured. Main thread of a command.
import type { GraphSession } from '../core/infer.ts';
import type { Clock } from '../platform/clock.ts';
import { median, percentile } from '../platform/percentiles.ts';
import type { Feeds } from './calibrate-observe.ts';

export interface Speed {
  /** Milliseconds of one run, medians of the rounds. */
  readonly floatMs: number;
  readonly int8Ms: number;
  /** Float time over int8 time, the median of the rounds: above 1 the quantized model is faster. */
  readonly ratio: number;
  /** The same, that a quarter of the rounds was above: below 1 it is slower whatever the noise. */
  readonly ratioHigh: number;
  readonly rounds: number;
}

const ROUNDS = 9;
/** Of one model in one round, at least. */
const ROUND_MS = 150;
const RUNS_MAX = 50;

export async function compareSpeed(
  float: GraphSession,
  int8: GraphSession,
  { feeds, clock, signal }: { readonly feeds: Feeds; readonly clock: Clock; readonly signal: AbortSignal },
  onRound: (done: number, of: number) => void = () => undefined,
): Promise<Speed> {
  const pictures = Array.from({ length: Math.min(feeds.count, 4) }, (_, at) => feeds.at(at));
  const timed = async (session: GraphSession, runs: number): Promise<number> => {
    const beganMonoMs = clock.monoMs();
    for (let run = 0; run < runs; run += 1) await session.run(pictures[run % pictures.length]!);
    return (clock.monoMs() - beganMonoMs) / runs;
  };
  const wanted = async (session: GraphSession): Promise<number> => {
    await timed(session, 2);
    return Math.min(RUNS_MAX, Math.max(2, Math.ceil(ROUND_MS / (await timed(session, 2)))));
  };
  const runs = Math.max(await wanted(float), await wanted(int8));
  const times: { readonly float: number; readonly int8: number }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    signal.throwIfAborted();
    // The first of the two changes: what disturbs every other time disturbs both.
    const first = round % 2 === 0 ? await timed(float, runs) : undefined;
    const second = await timed(int8, runs);
    times.push({ float: first ?? (await timed(float, runs)), int8: second });
    onRound(round + 1, ROUNDS);
  }
  const ratios = times.map((time) => time.float / time.int8);
  return {
    floatMs: median(times.map((time) => time.float)),
    int8Ms: median(times.map((time) => time.int8)),
    ratio: median(ratios),
    ratioHigh: percentile(ratios, 0.75),
    rounds: ROUNDS,
  };
}
