// What is logged when a detector is ready: with which model on which provider, and why none before it is used. Main thread.
import type { ErrorCode } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { ControlMessage } from './control.ts';

export type ReadyMessage = Extract<ControlMessage, { readonly type: 'ready' }>;

export interface Readiness {
  readonly generation: number;
  readonly model: string;
  readonly message: ReadyMessage;
}

export function tellReady(logger: Logger, { generation, model, message }: Readiness): void {
  const { provider, fallbacks, skipped, library, threads, loadMs, warmupMs } = message;
  const facts = { generation, model, provider, fallbacks, skipped, library, threads, loadMs, warmupMs };
  logger.info(facts, `detector: ready with model '${model}' on ${provider}`);
  const code: ErrorCode = 'PROVIDER_UNAVAILABLE';
  for (const { provider: missed, reason } of fallbacks) {
    logger.warn({ code, provider: missed }, `detector: ${missed} not used: ${reason}; using ${provider}`);
  }
}
