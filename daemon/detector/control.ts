// What the supervisor tells the detector process when it starts it (one JSON argument) and what the process reports back
// (JSON lines on file descriptor 3). Types and a line reader, no I/O. Main thread and detector process.
import type { DetectorConfig } from '../config/types.ts';
import type { ModelSpec } from '../core/types.ts';
import type { Provider, ProviderChoice, ProviderFallback } from './providers.ts';
import type { UsedLibrary } from './runtime-library.ts';

/** The one argument of daemon/detector/process.ts, as JSON. */
export interface ProcessOptions {
  readonly model: ModelSpec;
  readonly providers: readonly ProviderChoice[];
  /** Providers that ended an earlier process: not tried again. */
  readonly outages: readonly ProviderFallback[];
  /** For what can be made again: engines of accelerators. */
  readonly cacheDir?: string;
  readonly threads: number;
  readonly socketPath: string;
  readonly slotsPath: string;
  readonly scoreLow: number;
  readonly generation: number;
  /** detector.deadlineMs: with a remote server, each request is answered before. */
  readonly deadlineMs: number;
  /** Without its token, which comes in the environment: arguments can be read by every user of the board. */
  readonly remote?: Omit<NonNullable<DetectorConfig['remote']>, 'token'>;
}

/** Name of the variable with the token of the remote server. */
export const TOKEN_VARIABLE = 'VEDETTE_REMOTE_TOKEN';

/** How it stands with the remote server: on every change, and as often as `stats`. */
export interface RemoteReport {
  readonly type: 'remote';
  /** Who is asked first now. */
  readonly state: 'remote' | 'local';
  /** Why it is not the server. */
  readonly reason?: string;
  /** Median of its last inferences, the network included; 0 before the first (milliseconds). */
  readonly remoteMs: number;
  /** Inferences of this process that the local model answered instead. */
  readonly fallbacks: number;
}

export type ControlMessage =
  /** Before a provider is opened: an accelerator may take minutes. */
  | { readonly type: 'opening'; readonly provider: Provider }
  | {
      readonly type: 'ready';
      readonly provider: Provider;
      readonly fallbacks: readonly ProviderFallback[];
      readonly skipped: readonly ProviderFallback[];
      readonly library?: UsedLibrary | undefined;
      readonly exact: boolean;
      readonly threads: number;
      readonly loadMs: number;
      readonly warmupMs: number;
      readonly rssBytes: number;
    }
  /** It will not be ready, or it was and is good for nothing any more. */
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'stats'; readonly runs: number; readonly rssBytes: number }
  | RemoteReport;

/** A control line is shorter than this; the rest of a longer one is thrown away. */
const LINE_CHARS_MAX = 65_536;

/** Splits the control stream into messages, however it is chunked; a line that is none is left out. */
export class ControlReader {
  #rest = '';
  readonly #onMessage: (message: ControlMessage) => void;

  constructor(onMessage: (message: ControlMessage) => void) {
    this.#onMessage = onMessage;
  }

  push(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = (lines.pop() ?? '').slice(0, LINE_CHARS_MAX);
    for (const line of lines) {
      const message = parseLine(line);
      if (message !== undefined) this.#onMessage(message);
    }
  }
}

function parseLine(line: string): ControlMessage | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const known =
      typeof value === 'object' &&
      value !== null &&
      'type' in value &&
      ['opening', 'ready', 'failed', 'stats', 'remote'].includes(String(value.type));
    return known ? (value as ControlMessage) : undefined;
  } catch {
    // Something else wrote to the descriptor: not for us.
    return undefined;
  }
}
