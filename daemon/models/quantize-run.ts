// What the steps of a quantization share: the model, the pictures, the runtime, where results are kept. Types only.
import type { OpenGraph } from '../core/infer.ts';
import type { CalibrationMethod } from './calibrate-range.ts';
import type { Manifest } from './manifest-schema.ts';
import type { OnnxModel } from './onnx.ts';
import type { SplitFeeds } from './quantize-feeds.ts';
import type { WorkFolder } from './quantize-work.ts';

export interface QuantizeOptions {
  /** Undefined: whichever loses least. */
  readonly method: CalibrationMethod | undefined;
  /** Nodes that stay in float because the owner says so. */
  readonly keepFloat: readonly string[];
}

export interface Runtime {
  readonly open: OpenGraph;
  readonly threads: number;
  readonly signal: AbortSignal;
}

export interface QuantizeRun {
  readonly manifest: Manifest;
  /** The float model as it is in its file. */
  readonly model: OnnxModel;
  readonly options: QuantizeOptions;
  readonly feeds: SplitFeeds;
  readonly runtime: Runtime;
  readonly work: WorkFolder;
  /** Told what is being done, and how far it is. */
  readonly onProgress: (what: string, done: number, of: number) => void;
}
