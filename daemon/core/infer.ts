// What it takes to run any model over any tensors: types only. The detector room has it (detector/graph-session.ts), the room of
// models asks for it, and the command line brings the two together.

/** Element types that go in and out. float16 as its bits. */
export interface TensorArrays {
  float32: Float32Array;
  float64: Float64Array;
  float16: Uint16Array;
  uint8: Uint8Array;
  int8: Int8Array;
  bool: Uint8Array;
  int32: Int32Array;
  int64: BigInt64Array;
}

export type TensorKind = keyof TensorArrays;

export interface TensorData<T extends TensorKind = TensorKind> {
  readonly type: T;
  readonly dims: readonly number[];
  readonly data: TensorArrays[T];
}

/** An input or output as the runtime sees it; sizes that are not fixed are names or -1. */
export interface PortInfo {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly (number | string)[];
}

export interface GraphSessionOptions {
  readonly provider?: string;
  /** Default 1. */
  readonly threads?: number;
  /** Idle threads go on spinning; default false. */
  readonly spinning?: boolean;
  /** Default 'all'. */
  readonly optimization?: 'disabled' | 'basic' | 'extended' | 'all';
  /** Where the graph that really runs is written. */
  readonly optimizedFile?: string;
  /** For engines that accelerators build; default: none is kept. */
  readonly cacheDir?: string;
}

/** A model that has been opened. */
export interface GraphSession {
  readonly inputs: readonly PortInfo[];
  readonly outputs: readonly PortInfo[];
  /** Runs once; `wanted` outputs only, default all. The data belongs to the caller. Rejects with what the runtime says. */
  run(
    feeds: Readonly<Record<string, TensorData>>,
    wanted?: readonly string[],
  ): Promise<Record<string, TensorData>>;
  release(): Promise<void>;
}

/** Opens the file of that path, or a model in memory. */
export type OpenGraph = (model: string | Uint8Array, options?: GraphSessionOptions) => Promise<GraphSession>;
