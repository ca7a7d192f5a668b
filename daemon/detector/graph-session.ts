// Any ONNX model over any tensors, in this process: for commands that calibrate, evaluate and compare models. The daemon's own
// way is session.ts in the detector process. A file that nobody has run yet goes through trial.ts first: the runtime is native
// code, and what kills it kills the process.
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import type { GraphSession, GraphSessionOptions, PortInfo, TensorData, TensorKind } from '../core/infer.ts';
import { systemClock } from '../platform/clock.ts';
import { readGpu } from '../platform/gpu.ts';
import { createSession } from './create-session.ts';
import { usedLibrary } from './runtime-library.ts';
import { type EnginePlace, tensorrtProvider } from './tensorrt-options.ts';

/** Opens a file or a model in memory. Rejects with what the runtime says. */
export async function openGraph(
  model: string | Uint8Array,
  options: GraphSessionOptions = {},
): Promise<GraphSession> {
  const { provider = 'cpu', optimizedFile, ...wishes } = options;
  const { session } = await createSession(model, {
    ...wishes,
    provider:
      typeof model === 'string' && provider === 'tensorrt'
        ? tensorrtProvider(model, enginePlace(options), systemClock.nowMs())
        : provider,
    more: {
      ...(optimizedFile === undefined ? {} : { optimizedModelFilePath: optimizedFile }),
      // Errors come back as such; warnings of the runtime about a graph that works are not for the owner.
      logSeverityLevel: 3,
    },
  });
  return {
    inputs: session.inputMetadata.map(portOf),
    outputs: session.outputMetadata.map(portOf),
    run: async (feeds, wanted) => {
      const tensors = Object.fromEntries(Object.entries(feeds).map(([name, data]) => [name, tensorOf(data)]));
      const results = wanted === undefined ? await session.run(tensors) : await session.run(tensors, wanted);
      return Object.fromEntries(Object.entries(results).map(([name, tensor]) => [name, dataOf(tensor)]));
    },
    release: () => session.release(),
  };
}

/** As for the detector: what is measured here is what runs there. */
function enginePlace({ cacheDir }: GraphSessionOptions): EnginePlace {
  return { cacheDir, gpu: readGpu(), runtime: usedLibrary()?.version };
}

function portOf(metadata: InferenceSession.ValueMetadata): PortInfo {
  return metadata.isTensor
    ? { name: metadata.name, type: metadata.type, shape: metadata.shape }
    : { name: metadata.name, type: 'no tensor', shape: [] };
}

function tensorOf({ type, data, dims }: TensorData): Tensor {
  return new Tensor(type as 'float32', data as Float32Array, dims);
}

function dataOf(tensor: Tensor): TensorData {
  return { type: tensor.type as TensorKind, dims: tensor.dims, data: tensor.data as TensorData['data'] };
}
