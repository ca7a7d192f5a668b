// Starts the real detector process once, to see which execution provider it comes up with, why others were not used and
// how long one inference takes, and stops it again. For `vedette doctor`. Main thread.
import type { DetectorConfig } from '../config/types.ts';
import type { ModelSpec } from '../core/types.ts';
import type { Clock } from '../platform/clock.ts';
import type { Finding } from '../platform/finding.ts';
import type { Logger } from '../platform/logger.ts';
import { DetectorSupervisor } from './supervisor.ts';
import type { DetectorEndpoint, DetectorState } from './wire.ts';

export interface DetectorProbe {
  readonly config: DetectorConfig;
  readonly loadModel: () => Promise<ModelSpec>;
  /** As for the supervisor: a folder of this process alone. */
  readonly runtimeDir: string;
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

/**
 * The detector as configured, then, where the choice is left to the daemon ('auto'), every accelerator once: why it is not
 * used, or that it would work if it were named.
 */
export async function detectorFindings(probe: DetectorProbe, signal: AbortSignal): Promise<Finding[]> {
  const { ready, reason, code = '' } = await probeDetector(probe, signal);
  if (ready === undefined) {
    const advice = ADVICE[code] ?? ADVICE_OTHERS;
    return [{ level: 'fault', message: reason ?? 'the detector is down', advice, facts: { code } }];
  }
  const findings = [mainFinding(ready)];
  for (const { provider, reason: missed } of ready.fallbacks) {
    const advice = `install what it needs, or take ${provider} out of detector.providers`;
    findings.push({ level: 'warning', subject: provider, message: `not used: ${missed}`, advice });
  }
  if (probe.config.providers.includes('auto'))
    findings.push(...(await acceleratorFindings(probe, ready, signal)));
  return findings;
}

function mainFinding({ model, provider, fallbacks, threads, warmupMs }: DetectorEndpoint): Finding {
  const perS = 1000 / warmupMs;
  return {
    level: 'ok',
    message: `model '${model.name}' on ${provider}, ${threads} ${threads === 1 ? 'thread' : 'threads'}: one inference takes ${warmupMs.toFixed(1)} ms (at most ${perS.toFixed(perS < 10 ? 1 : 0)} a second)`,
    facts: { model: model.name, provider, threads, inferenceMs: warmupMs, fallbacks },
  };
}

async function acceleratorFindings(
  probe: DetectorProbe,
  used: DetectorEndpoint,
  signal: AbortSignal,
): Promise<Finding[]> {
  const config: DetectorConfig = { ...probe.config, providers: ['tensorrt', 'cuda', 'cpu'] };
  const { ready } = await probeDetector({ ...probe, config }, signal);
  if (ready === undefined) return [];
  const told = new Set([used.provider, ...used.fallbacks.map(({ provider }) => provider)]);
  const missed = ready.fallbacks.filter(({ provider }) => !told.has(provider));
  const findings = missed.map(({ provider, reason }): Finding => {
    return { level: 'ok', subject: provider, message: `not used: ${reason}` };
  });
  if (!told.has(ready.provider)) {
    const message = `works, and one inference takes ${ready.warmupMs.toFixed(1)} ms; 'auto' does not choose it`;
    const advice = `to use it, set detector.providers: [${ready.provider}]`;
    findings.push({ level: 'ok', subject: ready.provider, message, advice });
  }
  return findings;
}
