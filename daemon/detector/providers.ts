// Execution providers: from the owner's list to the ones to try, in order, and the reason why each one before the last
// was not used. Owns no session. Runs in the detector process.
import type { DetectorConfig } from '../config/types.ts';
import { reasonOf } from '../platform/errors.ts';
import type { Obstacle } from './accelerators.ts';

export type ProviderChoice = DetectorConfig['providers'][number];
export type Provider = Exclude<ProviderChoice, 'auto'>;

/** What the runtime says of a provider (`listSupportedBackends()` of onnxruntime-node). */
export interface ProviderSupport {
  readonly name: string;
  /** Its libraries come with the package; those of others must be installed beside it. */
  readonly bundled: boolean;
}

/** An execution provider that was wanted and could not be used. */
export interface ProviderFallback {
  readonly provider: string;
  readonly reason: string;
  /** What the owner does about it, where that is known. */
  readonly advice?: string;
}

/** All that the runtime says of a provider whose libraries are not whole; why stands in the files. */
const UNLOADED = /Failed to load shared library/;
/** Providers that 'auto' stands for, before the CPU. */
const ACCELERATORS = ['tensorrt', 'cuda'] as const;

export interface Candidate {
  readonly provider: Provider;
  /** 'auto' brought it in, not the owner: it must be worth it. */
  readonly auto: boolean;
  /** What stands in its way as far as files can tell. */
  readonly obstacle: Obstacle | undefined;
}

export interface ProviderPlan {
  /** To try, in order; the CPU is the last. */
  readonly candidates: readonly Candidate[];
  /** Those of 'auto' that this board has no device for. */
  readonly skipped: readonly ProviderFallback[];
}

/** The providers to try in order: 'auto' replaced, repetitions dropped, the CPU always last and always there. */
export function planProviders(
  choices: readonly ProviderChoice[],
  obstacleOf: (provider: Provider) => Obstacle | undefined,
): ProviderPlan {
  const plan = new Map<Provider, Candidate>();
  const skipped: ProviderFallback[] = [];
  const add = (provider: Provider, auto: boolean): void => {
    if (plan.has(provider)) return;
    const obstacle = obstacleOf(provider);
    if (!auto || obstacle?.kind !== 'absent') plan.set(provider, { provider, auto, obstacle });
    else if (!skipped.some((one) => one.provider === provider)) skipped.push(fallback(provider, obstacle));
  };
  for (const choice of choices) {
    if (choice !== 'auto') add(choice, false);
    else for (const name of [...ACCELERATORS, 'cpu'] as const) add(name, name !== 'cpu');
    // Nothing after the CPU is ever reached: it always works.
    if (plan.has('cpu')) break;
  }
  add('cpu', false);
  return { candidates: [...plan.values()], skipped };
}

function fallback(provider: Provider, { reason, advice }: Omit<Obstacle, 'kind'>): ProviderFallback {
  return { provider, reason, advice };
}

export interface Opened<T> {
  readonly session: T;
  readonly provider: Provider;
  /** The providers before it in the plan, in order. */
  readonly fallbacks: readonly ProviderFallback[];
}

export interface Opening<T> {
  /** Those that ended an earlier process are not tried again. */
  readonly outages: readonly ProviderFallback[];
  readonly open: (candidate: Candidate) => Promise<T>;
  /** An error that is the model's fault, not the provider's. */
  readonly isFinal: (error: unknown) => boolean;
}

/**
 * Opens with the first provider that works. A provider that the runtime does not know, or that ended an earlier process, is not
 * even tried. The error of the CPU, and any error for which `isFinal` is true, is thrown.
 */
export async function openWithFirst<T>(
  candidates: readonly Candidate[],
  { outages, open, isFinal }: Opening<T>,
): Promise<Opened<T>> {
  const fallbacks: ProviderFallback[] = [];
  for (const candidate of candidates) {
    const { provider, obstacle } = candidate;
    const outage = outages.find((one) => one.provider === provider);
    if (obstacle?.kind === 'unlisted' || outage !== undefined) {
      fallbacks.push(obstacle?.kind === 'unlisted' ? fallback(provider, obstacle) : outage!);
      continue;
    }
    try {
      return { session: await open(candidate), provider, fallbacks };
    } catch (error) {
      if (provider === 'cpu' || isFinal(error)) throw error;
      const explained = obstacle?.kind === 'denied' || UNLOADED.test(reasonOf(error));
      fallbacks.push(
        obstacle && explained ? fallback(provider, obstacle) : { provider, reason: plainReason(error) },
      );
    }
  }
  throw new Error('bug: a provider plan without the cpu');
}

/** What the runtime says, without the place in its source and the names of its functions. */
export function plainReason(error: unknown): string {
  const line = reasonOf(error).split('\n')[0] ?? '';
  const cuda = /(?:CUDA|CUDNN|CUBLAS) failure \d+: [^;]*/.exec(line)?.[0];
  if (cuda !== undefined) return cuda.trim();
  // "<file>:<line> <function> <condition> was false. <sentence>"
  return line.replace(/^\/\S+:\d+ .* was (?:false|true)\. /, '').trim();
}
