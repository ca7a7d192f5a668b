// What is logged when a detector is ready: with which model on which provider, and why none before it is used. Main thread.
import type { ErrorCode } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { ControlMessage } from './control.ts';

export type ReadyMessage = Extract<ControlMessage, { readonly type: 'ready' }>;

/** What an owner is told whose model counts wrong on this processor. */
export const INEXACT = {
  what: 'this processor cuts off sums of the model (x64 without VNNI), and the runtime has no exact kernels for it: scores may be lower than they should be',
  advice: 'quantize it from its float form with `vedette models quantize` (docs/int8.md)',
};

export interface Readiness {
  readonly generation: number;
  readonly model: string;
  readonly message: ReadyMessage;
}

export function tellReady(logger: Logger, { generation, model, message }: Readiness): void {
  const { type: _type, rssBytes: _rssBytes, ...facts } = message;
  const { provider, fallbacks, exact } = facts;
  logger.info({ generation, model, ...facts }, `detector: ready with model '${model}' on ${provider}`);
  const code: ErrorCode = 'PROVIDER_UNAVAILABLE';
  for (const { provider: missed, reason } of fallbacks) {
    logger.warn({ code, provider: missed }, `detector: ${missed} not used: ${reason}; using ${provider}`);
  }
  if (!exact) logger.warn({ model }, `detector: ${INEXACT.what}; ${INEXACT.advice}`);
}
