// Notices that somebody has taken our retained topics away while we are connected: another board that had our name and was
// given its own, or a tool that empties a broker. Hears our own `status`, is told of the discovery message, and has everything
// published again, after a pause: whoever clears is not done at once. Two that do this cannot keep each other at it, since
// what they publish is never what they react to. Main thread.
import { Backoff } from '../platform/backoff.ts';
import type { Clock, Timer } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Channel, Session, Subscription } from './channel.ts';
import type { DaemonStatus } from './payloads.ts';
import { STATUS_PATH, topicOf } from './topics.ts';

/** Pause before everything is published again; longer each time, for one who clears and clears, */
export const AGAIN_MS_MIN = 2000;
export const AGAIN_MS_MAX = 300_000;
/** until nothing was cleared for so long. */
export const PEACE_MS = 2 * AGAIN_MS_MAX;

const ONLINE: DaemonStatus = 'online';

export interface WipeWatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly publishAgain: (session: Session) => void;
}

export class WipeWatch implements Channel {
  readonly #options: WipeWatchOptions;
  readonly #backoff = new Backoff({ minMs: AGAIN_MS_MIN, maxMs: AGAIN_MS_MAX });
  #session: Session | undefined;
  #pause: Timer | undefined;
  #wipedMonoMs = Number.NEGATIVE_INFINITY;

  constructor(options: WipeWatchOptions) {
    this.#options = options;
  }

  subscriptions(device: string): readonly Subscription[] {
    const filter = topicOf(device, STATUS_PATH);
    const onMessage: Subscription['onMessage'] = ({ retain, payload }) => {
      // A retained word is of before we were connected.
      if (!retain && payload.toString('utf8', 0, 16) !== ONLINE) this.wiped(filter);
    };
    return [{ filter, qos: 1, onMessage }];
  }

  opened(session: Session): void {
    this.#session = session;
  }

  /** From now on it is we who say something else. */
  leaving(): void {
    this.closed();
  }

  closed(): void {
    this.#session = undefined;
    this.#pause?.stop();
    this.#pause = undefined;
  }

  /** A topic of ours says what we do not say. */
  wiped(topic: string): void {
    const { clock, logger, publishAgain } = this.#options;
    const session = this.#session;
    if (session === undefined || this.#pause !== undefined) return;
    const nowMs = clock.monoMs();
    if (nowMs - this.#wipedMonoMs > PEACE_MS) this.#backoff.reset();
    this.#wipedMonoMs = nowMs;
    if (this.#backoff.attempts === 0) {
      logger.warn(
        { part: 'publisher', code: 'MQTT_CONNECT', topic },
        `${topic} was changed by somebody else (a board that had this device.name?): all retained topics are published again`,
      );
    }
    this.#pause = clock.after(this.#backoff.nextMs(), () => {
      this.#pause = undefined;
      publishAgain(session);
    });
  }
}
