// Execution providers: from the owner's list to the ones to try, in order, and the reason why each one before the last
// was not used. Owns no session. Runs in the detector process.
import type { DetectorConfig } from '../config/types.ts';
import { reasonOf } from '../platform/errors.ts';
import type { ProviderFallback } from './wire.ts';

export type ProviderChoice = DetectorConfig['providers'][number];
export type Provider = Exclude<ProviderChoice, 'auto'>;

/** What the runtime says of a provider (`listSupportedBackends()` of onnxruntime-node). */
export interface ProviderSupport {
  readonly name: string;
  /** Its libraries come with the package; those of others must be installed beside it. */
  readonly bundled: boolean;
}

/** Providers that 'auto' stands for, before the CPU; only those that come with the runtime are tried. */
const ACCELERATORS = ['tensorrt', 'cuda'] as const;

/** The providers to try in order: 'auto' replaced, repetitions dropped, the CPU always last and always there. */
export function planProviders(
  choices: readonly ProviderChoice[],
  supported: readonly ProviderSupport[],
): Provider[] {
  const plan = new Set<Provider>();
  for (const choice of choices) {
    if (choice !== 'auto') plan.add(choice);
    else {
      for (const name of ACCELERATORS) {
        if (supported.some((support) => support.name === name && support.bundled)) plan.add(name);
      }
      plan.add('cpu');
    }
    // Nothing after the CPU is ever reached: it always works.
    if (plan.has('cpu')) break;
  }
  return [...plan.add('cpu')];
}

export interface Opened<T> {
  readonly session: T;
  readonly provider: Provider;
  /** The providers before it in the plan, in order. */
  readonly fallbacks: readonly ProviderFallback[];
}

/**
 * Opens with the first provider that works. A provider that the runtime does not know is not even tried. The error of
 * the CPU, and any error for which `isFinal` is true (the model's fault, not the provider's), is thrown.
 */
export async function openWithFirst<T>(
  plan: readonly Provider[],
  supported: readonly ProviderSupport[],
  open: (provider: Provider) => Promise<T>,
  isFinal: (error: unknown) => boolean,
): Promise<Opened<T>> {
  const fallbacks: ProviderFallback[] = [];
  for (const provider of plan) {
    if (!supported.some((support) => support.name === provider)) {
      const reason = `not in this build of onnx runtime (${process.platform}-${process.arch})`;
      fallbacks.push({ provider, reason });
      continue;
    }
    try {
      return { session: await open(provider), provider, fallbacks };
    } catch (error) {
      if (provider === 'cpu' || isFinal(error)) throw error;
      fallbacks.push({ provider, reason: reasonOf(error).split('\n')[0] ?? '' });
    }
  }
  throw new Error('bug: a provider plan without the cpu');
}
