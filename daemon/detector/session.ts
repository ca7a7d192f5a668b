// The ONNX Runtime session: opened with the first provider that works, held against the manifest, warmed up, an accelerator held
// against the CPU, run over fixed buffers. Knows no socket and no file but the model's. Runs in the detector process only: `run`
// blocks the thread for the whole inference, and the addon is not to be loaded in worker threads (microsoft/onnxruntime#24486).
import { dirname } from 'node:path';
import { type InferenceSession, listSupportedBackends, Tensor } from 'onnxruntime-node';
import type { ModelSpec } from '../core/types.ts';
import type { Clock } from '../platform/clock.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { readGpu } from '../platform/gpu.ts';
import { loaderPlace } from '../platform/loader.ts';
import { obstacleOf } from './accelerators.ts';
import { createSession, type OpenedSession } from './create-session.ts';
import type { OutputData } from './decode.ts';
import { drawTestPicture, outputProblem } from './output-check.ts';
import {
  type Candidate,
  openWithFirst,
  type Provider,
  type ProviderChoice,
  type ProviderFallback,
  planProviders,
} from './providers.ts';
import { type UsedLibrary, usedLibrary } from './runtime-library.ts';
import { type EnginePlace, tensorrtProvider } from './tensorrt-options.ts';
import { type Size, shapesFit, wantedOutputs } from './tensors.ts';
import { tensorBytes, tensorDims } from './wire.ts';

/** The first run plans memory and is slow; the median of three is near the truth. */
const WARMUP_RUNS = 3;
/** An accelerator that 'auto' chose must not be slower than the CPU by more than this: measuring is not exact. */
const SLOWER_MAX = 1.25;

export interface SessionPlan {
  readonly model: ModelSpec;
  readonly providers: readonly ProviderChoice[];
  readonly threads: number;
  readonly clock: Clock;
  /** Providers that ended an earlier process. */
  readonly outages?: readonly ProviderFallback[];
  /** For engines that are built once; default: none is kept. */
  readonly cacheDir?: string;
  /** Told before a provider is opened, which may take minutes. */
  readonly onOpening?: (provider: Provider) => void;
}

/** How long a run may take: of interest to a session that waits for another machine. */
export interface RunDue {
  /** When the oldest of the requests that wait came, this one's included (monotonic). */
  readonly oldestMonoMs: number;
  /** Requests that wait, this one included. */
  readonly waiting: number;
}

/** A warm session and its fixed buffers. */
export interface DetectorSession {
  /** The input tensor's memory, in the model's layout; write here, then `run`. */
  readonly input: Uint8Array;
  readonly provider: Provider;
  readonly fallbacks: readonly ProviderFallback[];
  /** Accelerators of 'auto' that this board does not have. */
  readonly skipped: readonly ProviderFallback[];
  readonly library: UsedLibrary | undefined;
  /** False where this processor's kernels cut off sums of this model and there are no others for it: docs/int8.md. */
  readonly exact: boolean;
  readonly loadMs: number;
  /** Median of the warm-up runs. */
  readonly warmupMs: number;
  /** Runs once over `input`. The data is valid until the next run. Rejects with what the runtime says. */
  run(due?: RunDue): Promise<OutputData>;
  release(): Promise<void>;
}

/**
 * Loads the model and runs it until it is warm. Throws MODEL_UNSUPPORTED when the runtime cannot load or run it, or when
 * its inputs and outputs are not those of the manifest (all misfits at once).
 */
export async function openSession(plan: SessionPlan): Promise<DetectorSession> {
  // Loaded with the binding, before any session.
  const library = usedLibrary();
  const gpu = readGpu();
  const place = {
    gpu,
    supported: listSupportedBackends(),
    libraryFolder: library === undefined ? undefined : dirname(library.file),
    loader: loaderPlace(process.env),
  };
  const { candidates, skipped } = planProviders(plan.providers, (provider) => obstacleOf(provider, place));
  const engines: EnginePlace = { cacheDir: plan.cacheDir, gpu, runtime: library?.version };
  const { session, provider, fallbacks } = await openWithFirst(candidates, {
    outages: plan.outages ?? [],
    open: (candidate) => openProven(plan, candidate, engines),
    isFinal: (error) => error instanceof VedetteError,
  });
  return { ...session, provider, fallbacks, skipped, library };
}

type WarmSession = Omit<DetectorSession, 'provider' | 'fallbacks' | 'skipped' | 'library'>;

/** An accelerator must compute what the CPU computes, and one that nobody named must be worth it. */
async function openProven(
  plan: SessionPlan,
  candidate: Candidate,
  engines: EnginePlace,
): Promise<WarmSession> {
  const { provider, auto } = candidate;
  plan.onOpening?.(provider);
  if (provider === 'cpu') return openWarm(plan, provider, engines);
  const session = await openWarm(plan, provider, engines);
  try {
    const problem = await againstCpu(plan, session, auto, engines);
    if (problem === undefined) return session;
    throw new Error(problem);
  } catch (error) {
    await session.release();
    throw error;
  }
}

async function againstCpu(
  plan: SessionPlan,
  session: WarmSession,
  auto: boolean,
  engines: EnginePlace,
): Promise<string | undefined> {
  // A model that only the accelerator can run is no reason to leave it.
  const cpu = await openWarm(plan, 'cpu', engines).catch(() => undefined);
  if (cpu === undefined) return undefined;
  try {
    for (const { input } of [cpu, session]) drawTestPicture(plan.model.input, input);
    const problem = outputProblem(plan.model, await cpu.run(), await session.run());
    if (problem !== undefined || !auto || session.warmupMs <= cpu.warmupMs * SLOWER_MAX) return problem;
    return `it is slower than the cpu here: ${session.warmupMs.toFixed(1)} ms against ${cpu.warmupMs.toFixed(1)} ms an inference`;
  } finally {
    await cpu.release();
  }
}

async function openWarm(plan: SessionPlan, provider: Provider, engines: EnginePlace): Promise<WarmSession> {
  const { model, clock } = plan;
  const startMonoMs = clock.monoMs();
  const { session, exact } = await create(plan, provider, engines);
  const problems = misfits(model, session);
  if (problems.length > 0) {
    await session.release();
    throw unsupported(model, `${problems.join('; ')}; correct its manifest.json`);
  }
  const bound = bindBuffers(model, session);
  const loadMs = clock.monoMs() - startMonoMs;
  const times: number[] = [];
  try {
    for (let i = 0; i < WARMUP_RUNS; i += 1) {
      const runMonoMs = clock.monoMs();
      await bound.run();
      times.push(clock.monoMs() - runMonoMs);
    }
  } catch (error) {
    await session.release();
    if (provider !== 'cpu') throw error;
    throw unsupported(model, `onnx runtime cannot run it: ${reasonOf(error)}`, error);
  }
  const warmupMs = times.sort((a, b) => a - b)[Math.floor(WARMUP_RUNS / 2)] ?? 0;
  return { ...bound, exact, loadMs, warmupMs, release: () => session.release() };
}

async function create(
  { model, threads, clock }: SessionPlan,
  provider: Provider,
  engines: EnginePlace,
): Promise<OpenedSession> {
  // Its kernels alone are meant; an accelerator that fails must not be tried twice.
  const precise = provider === 'cpu' && !model.saturationFree;
  try {
    const config = provider === 'tensorrt' ? tensorrtProvider(model.file, engines, clock.nowMs()) : provider;
    return await createSession(model.file, { provider: config, threads, precise });
  } catch (error) {
    // Only the CPU's word about the model counts; another provider may just not be installed.
    if (provider !== 'cpu') throw error;
    throw unsupported(model, `onnx runtime cannot load it: ${reasonOf(error)}`, error);
  }
}

/**
 * Input and output tensors over fixed memory; outputs of unknown size are allocated by the runtime on each run. The
 * binding of onnxruntime-node 1.30 copies every output once more into the result it returns (112 kB a run with the shipped
 * model, its 2160 boxes and scores): short-lived garbage that we cannot avoid and do not read.
 */
function bindBuffers(model: ModelSpec, session: InferenceSession): Pick<WarmSession, 'input' | 'run'> {
  const memory = new ArrayBuffer(tensorBytes(model.input));
  const dims = tensorDims(model.input);
  const tensor =
    model.input.type === 'float32'
      ? new Tensor('float32', new Float32Array(memory), dims)
      : new Tensor('uint8', new Uint8Array(memory), dims);
  const feeds = { [model.input.name]: tensor };
  const names = wantedOutputs(model).map(({ name }) => name);
  const fetches: Record<string, Tensor | null> = {};
  const data: Record<string, Float32Array> = {};
  for (const name of names) {
    const shape = fixedShape(session, name);
    if (shape === undefined) fetches[name] = null;
    else {
      data[name] = new Float32Array(shape.reduce((product, size) => product * size, 1));
      fetches[name] = new Tensor('float32', data[name], shape);
    }
  }
  const run = async (): Promise<OutputData> => {
    const results = await session.run(feeds, fetches);
    for (const name of names) {
      if (fetches[name] === null) data[name] = results[name]!.data as Float32Array;
    }
    return data;
  };
  return { input: new Uint8Array(memory), run };
}

/** Shape of an output when the model fixes all of it, else undefined. */
function fixedShape(session: InferenceSession, name: string): readonly number[] | undefined {
  const found = session.outputMetadata.find((metadata) => metadata.name === name);
  if (found === undefined || !found.isTensor) return undefined;
  const sizes = found.shape.filter((size) => typeof size === 'number');
  return sizes.length === found.shape.length ? sizes : undefined;
}

/** Everything in which the model is not what its manifest says; empty when it fits. */
function misfits(model: ModelSpec, session: InferenceSession): string[] {
  const problems: string[] = [];
  const { input } = model;
  const others = session.inputNames.filter((name) => name !== input.name);
  if (others.length > 0) problems.push(`it also wants inputs ${others.join(', ')}`);
  const check = (kind: string, name: string, type: string, shape: readonly Size[]): void => {
    const found = (kind === 'input' ? session.inputMetadata : session.outputMetadata).find(
      (metadata) => metadata.name === name,
    );
    if (found === undefined || !found.isTensor) {
      const there = kind === 'input' ? session.inputNames : session.outputNames;
      problems.push(`${kind} '${name}' is not there (it has ${there.join(', ')})`);
      return;
    }
    if (found.type !== type) problems.push(`${kind} '${name}' is ${found.type}, the manifest says ${type}`);
    if (!shapesFit(found.shape, shape)) {
      problems.push(`${kind} '${name}' has shape [${found.shape}], the manifest says [${shape}]`);
    }
  };
  check('input', input.name, input.type, tensorDims(input));
  for (const { name, shape } of wantedOutputs(model)) check('output', name, 'float32', shape);
  return problems;
}

function unsupported(model: ModelSpec, what: string, cause?: unknown): VedetteError {
  return new VedetteError(
    'MODEL_UNSUPPORTED',
    `model '${model.name}': ${what}`,
    { model: model.name },
    cause,
  );
}
