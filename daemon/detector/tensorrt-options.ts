// Options of the TensorRT provider: where it keeps its engines, and which precisions it may use. onnxruntime-node 1.30 as it comes
// from npm hands none of them on, and TensorRT then reads no ORT_TENSORRT_* variable either (microsoft/onnxruntime#26854, #18380);
// a binding built by scripts/build-onnxruntime-jetson.sh does. Detector process.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { InferenceSession } from 'onnxruntime-node';
import type { GpuFacts } from '../platform/gpu.ts';
import { engineFolder } from './engine-cache.ts';

export interface EnginePlace {
  /** Folder for what can be made again; undefined: engines are built at every start. */
  readonly cacheDir: string | undefined;
  readonly gpu: GpuFacts | undefined;
  /** Version of ONNX Runtime. */
  readonly runtime: string | undefined;
}

/** The name and options as the binding takes them: strings by the names of the C API (`UpdateTensorRTProviderOptions`). */
export function tensorrtProvider(
  modelFile: string,
  { cacheDir, gpu, runtime }: EnginePlace,
  nowMs: number,
): InferenceSession.ExecutionProviderConfig {
  const model = readFileSync(modelFile);
  const sha256 = createHash('sha256').update(model).digest('hex');
  const board = [gpu?.kind, gpu?.driver, runtime];
  const folder = cacheDir === undefined ? undefined : engineFolder(cacheDir, { sha256, board }, nowMs);
  const kept = {
    trt_engine_cache_enable: '1',
    trt_engine_cache_path: folder,
    trt_timing_cache_enable: '1',
    trt_timing_cache_path: folder,
  };
  return {
    name: 'tensorrt',
    deviceId: 0,
    trt_fp16_enable: '1',
    // A graph with quantized layers is refused without it; one without them would want calibration.
    ...(model.includes('QuantizeLinear') ? { trt_int8_enable: '1' } : {}),
    ...(folder === undefined ? {} : kept),
  } as InferenceSession.TensorRtExecutionProviderOption;
}
