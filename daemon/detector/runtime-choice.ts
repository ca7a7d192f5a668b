// With which ONNX Runtime library the next detector process is started, and which providers it had better not try: the owner's
// library once it has run the model in a trial, else the bundled one; no provider that ended a process before. What was found
// out holds until these keys or the file change. Main thread.
import { statSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { DetectorConfig } from '../config/types.ts';
import type { Clock } from '../platform/clock.ts';
import { type ErrorCode, reasonOf } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { Provider, ProviderFallback } from './providers.ts';
import { examineLibrary, libraryVariables } from './runtime-library.ts';
import { Trials } from './trial.ts';

/** The model runs on the CPU there. */
const TRIAL_LIMITS = { deadlineMs: 60_000, memoryMb: 4096 } as const;
/** The ladder changes the model, which makes no difference here. */
const OWN_KEYS = ['providers', 'library', 'startTimeoutMs', 'acceleratorTimeoutMs'] as const;
const AGAIN = 'it is tried again when detector.providers or its times change, or the daemon starts anew';
const BUNDLED = 'using the one that comes with onnxruntime-node';

export interface RuntimeChoiceOptions {
  readonly runtimeDir: string;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** How a process is started. */
export interface ChosenRuntime {
  /** Variables for the process; none for the bundled library. */
  readonly variables: Readonly<Record<string, string>>;
  /** Why it is not the owner's library. */
  readonly problem?: string;
}

export class RuntimeChoice {
  readonly #options: RuntimeChoiceOptions;
  #chosen: (ChosenRuntime & { readonly of: string }) | undefined;
  #outages: readonly ProviderFallback[] = [];

  constructor(options: RuntimeChoiceOptions) {
    this.#options = options;
  }

  /** Providers that ended a process. */
  get outages(): readonly ProviderFallback[] {
    return this.#outages;
  }

  /** Examines and tries the owner's library, once for each state of its file; says what is wrong with it once. */
  async choose({ library }: DetectorConfig, modelFile: string, signal: AbortSignal): Promise<ChosenRuntime> {
    if (library === undefined) return { variables: {} };
    const of = `${library} ${stamp(library)}`;
    if (this.#chosen?.of !== of) {
      this.#chosen = { ...(await this.#tried(library, modelFile, signal)), of };
      if (this.#chosen.problem !== undefined) this.#tell(this.#chosen.problem);
    }
    return this.#chosen;
  }

  /** A process ended while it opened this provider, or for it could not run with it: the next one leaves it out. */
  blame(provider: Provider, reason: string): void {
    const why = `it ended the detector process: ${bare(reason)}`;
    this.#outages = [...this.#outages, { provider, reason: why, advice: AGAIN }];
  }

  /** A process ended before it was ready, with the owner's library and nothing else to blame: the next one goes without. */
  blameLibrary(reason: string): void {
    if (this.#chosen === undefined || this.#chosen.problem !== undefined) return;
    const problem = `detector.library: the detector process ended with it: ${bare(reason)}`;
    this.#chosen = { variables: {}, problem, of: this.#chosen.of };
    this.#tell(problem);
  }

  /** The configuration changed: where that may make a difference, everything is tried again. */
  reconfigured(before: DetectorConfig, after: DetectorConfig): void {
    if (OWN_KEYS.every((key) => isDeepStrictEqual(before[key], after[key]))) return;
    this.#chosen = undefined;
    this.#outages = [];
  }

  async #tried(library: string, modelFile: string, signal: AbortSignal): Promise<ChosenRuntime> {
    const { clock, runtimeDir } = this.#options;
    try {
      const variables = libraryVariables(examineLibrary(library), runtimeDir);
      await using trials = new Trials({ clock, env: variables });
      await trials.try(modelFile, {}, { ...TRIAL_LIMITS, signal });
      return { variables };
    } catch (error) {
      if (signal.aborted) return { variables: {} };
      const reason = reasonOf(error);
      const about = reason.startsWith('detector.library')
        ? reason
        : `detector.library: ${library}: ${reason}`;
      return { variables: {}, problem: about };
    }
  }

  #tell(problem: string): void {
    const code: ErrorCode = 'DETECTOR_LIBRARY';
    this.#options.logger.warn({ code }, `${problem}; ${BUNDLED}`);
  }
}

/** Without who it is about and what is done about it. */
function bare(reason: string): string {
  return reason.replace(/^detector: /, '').replace(/; (?:killing and )?restarting it$/, '');
}

/** Changes when the file does. */
function stamp(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? 'not there' : `${stat.mtimeMs} ${stat.size}`;
}
