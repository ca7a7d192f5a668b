// What the daemon knows and tells of the remote inference server: one log line per change, the state for health, and a
// warning when pictures go to another machine unencrypted. Asks nothing itself: the detector process does. Main thread.
import { isIP } from 'node:net';
import type { DetectorConfig } from '../config/types.ts';
import type { ErrorCode } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import type { RemoteReport } from './control.ts';

export type RemoteHealth = Omit<RemoteReport, 'type'>;
type RemoteConfig = DetectorConfig['remote'];

export class RemoteWatch {
  readonly #logger: Logger;
  #url: string | undefined;
  #health: RemoteHealth | undefined;
  /** What was logged last: the state, or why it is local since the server answered last. */
  #told: RemoteReport['state'] | undefined;
  #warnedOf: string | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** A process starts with this configuration. */
  begin(config: RemoteConfig): void {
    if (config?.url !== this.#url) this.#told = undefined;
    this.#url = config?.url;
    this.#health =
      config === undefined
        ? undefined
        : { state: 'local', reason: 'the detector is starting', remoteMs: 0, fallbacks: 0 };
    if (config === undefined || !isOpenWay(config.url) || this.#warnedOf === config.url) return;
    this.#warnedOf = config.url;
    const code: ErrorCode = 'DETECTOR_REMOTE_OPEN';
    this.#logger.warn(
      { code, url: config.url },
      `detector.remote.url: pictures${config.token === undefined ? '' : ' and the token'} go to ${config.url} unencrypted: whoever is on the way can see and change them; use https://`,
    );
  }

  /** What the process says: a change of state is logged, a new reason for the same state only shown in health. */
  take({ type: _type, ...health }: RemoteReport): void {
    this.#health = health;
    const { state, reason, remoteMs } = health;
    if (state === this.#told) return;
    this.#told = state;
    const url = this.#url;
    if (state === 'remote') {
      this.#logger.info({ url, remoteMs }, `detector: ${url} is asked first (${remoteMs} ms an inference)`);
      return;
    }
    const code: ErrorCode = 'DETECTOR_REMOTE';
    this.#logger.warn(
      { code, url },
      `detector: ${url} ${reason}; the local model answers, trying the server again`,
    );
  }

  /** For health; undefined without detector.remote. */
  health(): RemoteHealth | undefined {
    return this.#health;
  }
}

/** Whether what goes there can be read on the way: plain HTTP to anything but this machine. */
export function isOpenWay(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const isHere = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  return protocol === 'http:' && !isHere;
}
