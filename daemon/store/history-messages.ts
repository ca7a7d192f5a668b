// The words between the store's two threads about history.db. Plain data only: everything here crosses a structured clone.
// Types only, no code. Both threads.
import type { Fact, Moment } from '../core/types.ts';

/** A fact with the moment when it became so. */
export interface LearnedFact {
  readonly fact: Fact;
  readonly moment: Moment;
}

/** A TrackTrace as its row in `traces`. */
export interface TraceRow {
  readonly camera: string;
  readonly track: number;
  readonly eventId: string | undefined;
  readonly startedAtMs: number;
  readonly atMs: number;
  readonly endedAtMs: number | undefined;
  /** JSON. */
  readonly body: string;
}

/** What HistoryFeed has gathered. */
export interface HistoryBatch {
  readonly type: 'history';
  /** Observations, row after row: 24 bytes of head, then its body (observation-codec.ts). */
  readonly rows: ArrayBuffer;
  /** What the numbers of cameras and labels in `rows` stand for. */
  readonly names: readonly string[];
  readonly facts: readonly LearnedFact[];
  readonly traces: readonly TraceRow[];
}

/** What became of a HistoryBatch: all of it was written, or nothing. */
export interface HistoryStatus {
  readonly type: 'history';
  /** Observations. */
  readonly written: number;
  readonly dropped: number;
  /** The facts and traces are in the file. */
  readonly kept: boolean;
  /** Of history.db, without free pages. */
  readonly bytes: number;
  /** Why nothing is written, '' when it is, or when the owner wants none. */
  readonly problem: string;
  /** The file was set aside since the last status. */
  readonly damage?: string;
}

export interface HistoryState {
  /** Observations, since the daemon's start. */
  readonly written: number;
  /** Observations that were not kept: disk too slow, too full, or refusing. */
  readonly dropped: number;
  /** The same of facts, and of traces. */
  readonly factsDropped: number;
  readonly tracesDropped: number;
  /** Of history.db; 0 before the first observation. */
  readonly bytes: number;
  readonly problem: string | undefined;
}
