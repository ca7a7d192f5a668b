// What goes between trial.ts and its process: types only. Both sides run the same source, structured clone carries tensors.
import type { GraphSessionOptions, PortInfo, TensorData } from '../core/infer.ts';

export interface TrialWish extends Omit<GraphSessionOptions, 'optimization'> {
  /** Runs that are measured, after `warmups` that are not; default 1 and 0. */
  readonly runs?: number;
  readonly warmups?: number;
  /** Go on with the measured runs until so much time has passed (milliseconds); `runs` is then the least. */
  readonly forMs?: number;
  /** Runs in a second at most; default: one after the other. */
  readonly perS?: number;
  /** Default: zeros of the declared type and shape, free sizes 1. */
  readonly feeds?: Readonly<Record<string, TensorData>>;
  /** The outputs of the last run come back; default false. */
  readonly outputs?: boolean;
  /** Run once over each of these too, after what is measured: the outputs of all come back. */
  readonly series?: readonly Readonly<Record<string, TensorData>>[];
}

export interface TrialResult {
  readonly inputs: readonly PortInfo[];
  readonly outputs: readonly PortInfo[];
  /** Opening the session (milliseconds). */
  readonly loadMs: number;
  /** Each measured run. */
  readonly runsMs: readonly number[];
  /** CPU time of the whole process during the measured runs, the pause after each included (milliseconds). */
  readonly cpuMs: number;
  /** Resident memory after them. */
  readonly rssBytes: number;
  /** Of the last run, where asked for. */
  readonly data?: Readonly<Record<string, TensorData>>;
  /** Of each of the `series`, where there is one. */
  readonly seriesData?: readonly Readonly<Record<string, TensorData>>[];
}

export interface TrialRequest {
  readonly id: number;
  readonly file: string;
  readonly wish: TrialWish;
}

export type TrialAnswer =
  | { readonly id: number; readonly result: TrialResult }
  | { readonly id: number; readonly reason: string };
