// Starts the real detector process once, to see which execution provider it comes up with, why others were not used and
// how long one inference takes, and stops it again. For `vedette doctor`. Main thread.
import type { DetectorConfig } from '../config/types.ts';
import type { ModelSpec } from '../core/types.ts';
import type { Clock } from '../platform/clock.ts';
import type { Finding } from '../platform/finding.ts';
import type { Logger } from '../platform/logger.ts';
import { INEXACT } from './ready-log.ts';
import type { RuntimeReport } from './runtime-library.ts';
import { DetectorSupervisor } from './supervisor.ts';
import type { DetectorEndpoint, DetectorState } from './wire.ts';

export interface DetectorProbe {
  readonly config: DetectorConfig;
  readonly loadModel: () => Promise<ModelSpec>;
  /** As for the supervisor: a folder of this process alone. */
  readonly runtimeDir: string;
  readonly cacheDir?: string | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the detector comes up with: ready or down. Rejects only when aborted. */
export async function probeDetector(probe: DetectorProbe, signal: AbortSignal): Promise<DetectorState> {
  const { promise, resolve, reject } = Promise.withResolvers<DetectorState>();
  const supervisor = new DetectorSupervisor({
    ...probe,
    scoreLow: 1,
    onState: (state) => {
      if (state.state !== 'starting') resolve(state);
    },
  });
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  try {
    signal.throwIfAborted();
    await supervisor.start(signal);
    return await promise;
  } finally {
    signal.removeEventListener('abort', abort);
    await supervisor.stop();
  }
}

const ADVICE: Readonly<Record<string, string>> = {
  MODEL_NOT_FOUND: 'correct detector.model; the models that come with the daemon are in the folder models/',
  MODEL_CORRUPT: 'copy or download the model again: its file is not the one its manifest speaks of',
  MODEL_MANIFEST_INVALID: 'correct the manifest.json of the model (docs/models.md)',
  MODEL_UNSUPPORTED: 'take another model, or correct its manifest.json (docs/models.md)',
};
const ADVICE_OTHERS = 'see docs/errors.md for the code; `vedette run` tries again and again';

/** What the detector comes up with, on which library, and why each provider before it, and each accelerator, is not used. */
export async function detectorFindings(probe: DetectorProbe, signal: AbortSignal): Promise<Finding[]> {
  const { ready, reason, code = '' } = await probeDetector(probe, signal);
  if (ready === undefined) {
    const advice = ADVICE[code] ?? ADVICE_OTHERS;
    return [{ level: 'fault', message: reason ?? 'the detector is down', advice, facts: { code } }];
  }
  return readyFindings(ready);
}

/** What is to be said of a detector that is ready. */
export function readyFindings(ready: DetectorEndpoint): Finding[] {
  const missed = ready.fallbacks.map(({ provider, reason: why, advice }): Finding => {
    const or = `${advice ?? 'see docs/providers.md'}; or leave it out of detector.providers`;
    return { level: 'warning', subject: provider, message: `not used: ${why}`, advice: or };
  });
  const skipped = ready.skipped.map(({ provider, reason: why }): Finding => {
    return { level: 'ok', subject: provider, message: `not used: ${why}` };
  });
  const inexact: Finding = {
    level: 'warning',
    subject: 'kernels',
    message: INEXACT.what,
    advice: INEXACT.advice,
  };
  const counted = ready.exact ? [] : [inexact];
  return [mainFinding(ready), libraryFinding(ready.runtime), ...counted, ...missed, ...skipped];
}

function libraryFinding({ problem, ...library }: RuntimeReport): Finding {
  const { version = 'of unknown version', file = '', bundled } = library;
  const subject = 'library';
  const whose = bundled ? 'the one that comes with onnxruntime-node' : file;
  const message = `ONNX Runtime ${version}, ${whose}`;
  const facts = { ...library };
  if (problem === undefined) return { level: 'ok', subject, message, facts };
  const advice = 'docs/providers.md says which libraries fit; or leave detector.library out';
  return { level: 'warning', subject, message: `${problem}; using ${message}`, advice, facts };
}

function mainFinding({ model, provider, fallbacks, threads, warmupMs }: DetectorEndpoint): Finding {
  const perS = 1000 / warmupMs;
  return {
    level: 'ok',
    message: `model '${model.name}' on ${provider}, ${threads} ${threads === 1 ? 'thread' : 'threads'}: one inference takes ${warmupMs.toFixed(1)} ms (at most ${perS.toFixed(perS < 10 ? 1 : 0)} a second)`,
    facts: { model: model.name, provider, threads, inferenceMs: warmupMs, fallbacks },
  };
}
