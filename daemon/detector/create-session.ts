// Opens an ONNX Runtime session, always with the same options: what is measured by a command is what runs in the daemon. Detector
// process and main thread of commands.
import { InferenceSession } from 'onnxruntime-node';
import type { GraphSessionOptions } from '../core/infer.ts';
import { cutsByteSums, readCpu } from '../platform/cpu.ts';

export interface SessionWishes extends Pick<GraphSessionOptions, 'threads' | 'spinning' | 'optimization'> {
  readonly provider: InferenceSession.ExecutionProviderConfig;
  /** The sums of this model may be cut off by the fast kernels of some processors (`cutsByteSums`): take others there, a quarter slower. */
  readonly precise?: boolean;
  /** Whether the fast kernels of this processor cut sums off; default: what the processor says. */
  readonly cuts?: boolean;
  /** Further options. */
  readonly more?: InferenceSession.SessionOptions;
}

export interface OpenedSession {
  readonly session: InferenceSession;
  /** False where `precise` kernels were wanted and the runtime has none for this model. */
  readonly exact: boolean;
}

/** Opens a file or a model in memory. Rejects with what the runtime says. */
export async function createSession(
  model: string | Uint8Array,
  wishes: SessionWishes,
): Promise<OpenedSession> {
  const { precise = false, cuts, more } = wishes;
  const create = (options: InferenceSession.SessionOptions) =>
    typeof model === 'string'
      ? InferenceSession.create(model, options)
      : InferenceSession.create(model, options);
  const plain = () => create({ ...sessionOptions(wishes, false), ...more });
  if (!precise || !(cuts ?? cutsByteSums(readCpu()))) return { session: await plain(), exact: true };
  try {
    return {
      session: await create({ ...sessionOptions(wishes, true), ...more, logSeverityLevel: 4 }),
      exact: true,
    };
  } catch {
    // ONNX Runtime 1.30 cannot make them so where weights share a zero point. Whatever else is wrong it says once more.
    return { session: await plain(), exact: false };
  }
}

function sessionOptions(
  { provider, threads = 1, spinning = false, optimization = 'all' }: SessionWishes,
  precise: boolean,
): InferenceSession.SessionOptions {
  // Idle threads sleep. With spinning ten inferences a second took 44.7 % of a core, without 7.9 % (DESIGN.md, 1).
  const spin = { allow_spinning: spinning ? '1' : '0' };
  return {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    graphOptimizationLevel: optimization,
    executionMode: 'sequential',
    extra: { session: { intra_op: spin, inter_op: spin, x64quantprecision: precise ? '1' : '0' } },
  };
}
