// A model that is run and decoded in this process, the way the detector process does it: for commands that look through photos.
// Main thread; a run blocks it.

import type { ModelSpec } from '../core/types.ts';
import { Decoder } from '../detector/decode.ts';
import type { ProviderChoice, ProviderFallback } from '../detector/providers.ts';
import { openSession } from '../detector/session.ts';
import { type Detect, SCORE_LOW } from '../models/eval.ts';
import type { Clock } from '../platform/clock.ts';

export interface OpenDetect extends AsyncDisposable {
  readonly detect: Detect;
  readonly provider: string;
  readonly fallbacks: readonly ProviderFallback[];
}

export interface DetectOptions {
  readonly model: ModelSpec;
  readonly providers: readonly ProviderChoice[];
  readonly threads: number;
  readonly clock: Clock;
}

/** Opens the model as the daemon would, with all that it checks. Throws MODEL_UNSUPPORTED. */
export async function openDetect(options: DetectOptions): Promise<OpenDetect> {
  const { model } = options;
  const session = await openSession(options);
  const decoder = new Decoder({
    decoder: model.decoder,
    labelCount: model.labels.length,
    scoreLow: SCORE_LOW,
  });
  return {
    provider: session.provider,
    fallbacks: session.fallbacks,
    detect: async ({ data }, into) => {
      session.input.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
      decoder.decode(await session.run(), into);
    },
    [Symbol.asyncDispose]: () => session.release(),
  };
}
