// The latency ledger: how long each stage of the way of a frame and of an alert takes, as percentiles of the last ones; and
// the journeys of alerts that are on their way through store and broker now. Times are monotonic. Fixed buffers but for one
// small object per alert; main thread.
import type { Clock } from './clock.ts';
import { Percentiles } from './percentiles.ts';

/**
 * In order. Of every frame: `prepare` (complete → tensor written), `wait` (for the detector), `infer` (`session.run`), `track`
 * (decoding, tracking), `decide` (camera worker → rules applied on the main thread). Of every alert: `commit` (decided →
 * durable), `send` (durable → handed to the connection), `acknowledge` (→ the broker has it), `alert` (complete frame → the
 * broker has it, all stages together).
 */
export const STAGES = [
  'prepare',
  'wait',
  'infer',
  'track',
  'decide',
  'commit',
  'send',
  'acknowledge',
  'alert',
] as const;
export type Stage = (typeof STAGES)[number];

export interface StageLatency {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** A frame, with the milliseconds of its stages from its completion on. */
export interface FrameTimes {
  readonly stamp: { readonly monoMs: number };
  /** Of its completion, where the stamp does not say so. */
  readonly completeMonoMs?: number;
  readonly stages: {
    readonly prepareMs: number;
    readonly waitMs: number;
    readonly inferMs: number;
    readonly trackMs: number;
  };
}

/** The stages that an alert has behind it when it is sent. */
export interface SendStages {
  readonly commitMs: number;
  readonly sendMs: number;
}

interface Journey {
  readonly id: string;
  readonly frameMonoMs: number;
  readonly decidedMonoMs: number;
  committedMonoMs: number;
  sentMonoMs: number;
}

/** Alerts on their way, at most; older ones are no longer measured. */
const JOURNEYS_MAX = 256;

export class LatencyLedger {
  readonly #clock: Clock;
  readonly #stages: Readonly<Record<Stage, Percentiles>>;
  /** Decided, not yet committed, by the id of the alert. */
  readonly #deciding = new Map<string, Journey>();
  /** Committed, not yet acknowledged, by the row in the outbox. */
  readonly #travelling = new Map<number, Journey>();

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#stages = Object.fromEntries(STAGES.map((stage) => [stage, new Percentiles()])) as Record<
      Stage,
      Percentiles
    >;
  }

  /** A frame has been decided on just now. Returns the time of that stage. */
  frame({ stamp, stages, completeMonoMs = stamp.monoMs }: FrameTimes): number {
    const { prepareMs, waitMs, inferMs, trackMs } = stages;
    const decideMs = this.#clock.monoMs() - completeMonoMs - prepareMs - waitMs - inferMs - trackMs;
    // Tracks of a camera that has gone end without a frame.
    if (decideMs < 0 || inferMs === 0) return 0;
    this.#add('prepare', prepareMs);
    this.#add('wait', waitMs);
    this.#add('infer', inferMs);
    this.#add('track', trackMs);
    this.#add('decide', decideMs);
    return decideMs;
  }

  /** The alert goes to the store now. */
  decided(id: string, frameMonoMs: number): void {
    const nowMs = this.#clock.monoMs();
    const journey = { id, frameMonoMs, decidedMonoMs: nowMs, committedMonoMs: nowMs, sentMonoMs: nowMs };
    limited(this.#deciding).set(id, journey);
  }

  /** It is durable, under this row of the outbox. */
  committed(id: string, row: number): void {
    const journey = this.#deciding.get(id);
    if (journey === undefined) return;
    this.#deciding.delete(id);
    journey.committedMonoMs = this.#clock.monoMs();
    this.#add('commit', journey.committedMonoMs - journey.decidedMonoMs);
    limited(this.#travelling).set(row, journey);
  }

  /** It is handed to the connection; undefined for a row whose journey is not known (of an earlier life, or not an alert). */
  sent(row: number): SendStages | undefined {
    const journey = this.#travelling.get(row);
    if (journey === undefined) return undefined;
    journey.sentMonoMs = this.#clock.monoMs();
    return {
      commitMs: journey.committedMonoMs - journey.decidedMonoMs,
      sendMs: journey.sentMonoMs - journey.committedMonoMs,
    };
  }

  /** The broker has it. */
  acknowledged(row: number): void {
    const journey = this.#travelling.get(row);
    if (journey === undefined) return;
    this.#travelling.delete(row);
    const nowMs = this.#clock.monoMs();
    this.#add('send', journey.sentMonoMs - journey.committedMonoMs);
    this.#add('acknowledge', nowMs - journey.sentMonoMs);
    this.#add('alert', nowMs - journey.frameMonoMs);
  }

  #add(stage: Stage, ms: number): void {
    this.#stages[stage].add(ms);
  }

  /** Stages that have been measured. */
  report(): Partial<Record<Stage, StageLatency>> {
    return Object.fromEntries(
      STAGES.filter((stage) => this.#stages[stage].count > 0).map((stage) => {
        const values = this.#stages[stage];
        return [stage, { p50Ms: rounded(values.at(0.5)), p99Ms: rounded(values.at(0.99)) }];
      }),
    );
  }
}

/** With room for one more: the oldest goes. */
function limited<K>(journeys: Map<K, Journey>): Map<K, Journey> {
  if (journeys.size < JOURNEYS_MAX) return journeys;
  const oldest = journeys.keys().next();
  if (!oldest.done) journeys.delete(oldest.value);
  return journeys;
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}
