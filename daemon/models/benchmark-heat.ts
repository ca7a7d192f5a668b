// What minutes of full load make of a board: from slices of load in order of time to how much slower it becomes, and the words
// for it. Pure.
import { median } from '../platform/percentiles.ts';

/** A few seconds of load. */
export interface HeatSlice {
  /** Since the load began, at the slice's end. */
  readonly atS: number;
  readonly p50Ms: number;
  /** The hottest, the slowest and all that was told meanwhile. */
  readonly celsius?: number;
  readonly mhz?: number;
  readonly flags: readonly string[];
}

export interface Heat {
  readonly slices: readonly HeatSlice[];
  /** Median of the last quarter over that of the first slices; 1 at least. */
  readonly factor: number;
  readonly flags: readonly string[];
}

/** The board is as it was before: it has not had time to warm up. */
const COLD_SHARE = 0.1;
const HOT_SHARE = 0.25;

/** At least one slice. */
export function heatOf(slices: readonly HeatSlice[]): Heat {
  const count = (share: number): number => Math.max(1, Math.round(slices.length * share));
  const cold = median(slices.slice(0, count(COLD_SHARE)).map(({ p50Ms }) => p50Ms));
  const hot = median(slices.slice(-count(HOT_SHARE)).map(({ p50Ms }) => p50Ms));
  return {
    slices,
    factor: Math.max(1, hot / cold),
    flags: [...new Set(slices.flatMap(({ flags }) => flags))],
  };
}

/** Slower than this is the board's doing and not chance. */
const SLOWED = 1.1;

/** A sentence: how much slower, how hot, what held it back. */
export function heatSentence({ slices, factor, flags }: Heat): string {
  const first = slices[0]!;
  const last = slices.at(-1)!;
  const minutes = last.atS / 60;
  const time = `${minutes.toFixed(minutes < 10 ? 1 : 0)} minutes at full speed`;
  const speed =
    factor < SLOWED
      ? `no slower (${first.p50Ms.toFixed(1)} ms, then ${last.p50Ms.toFixed(1)} ms)`
      : `${factor.toFixed(2)} times slower (${first.p50Ms.toFixed(1)} ms, then ${last.p50Ms.toFixed(1)} ms)`;
  const warmth =
    first.celsius === undefined || last.celsius === undefined
      ? 'the board has no thermal zone'
      : `${first.celsius.toFixed(0)} °C, then ${last.celsius.toFixed(0)} °C`;
  const clock =
    first.mhz === undefined || last.mhz === undefined ? '' : `; ${first.mhz} MHz, then ${last.mhz} MHz`;
  const held = flags.length === 0 ? '' : `; the board told: ${flags.join(', ')}`;
  return `after ${time}: ${speed}; ${warmth}${clock}${held}`;
}
