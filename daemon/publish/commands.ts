// The channel that takes commands and requests from the broker: who may still ask (rates), what was asked (read as hostile),
// that it is done once, and that it is answered once. Turns switches and answers requests by what is passed in; decides
// nothing of either. Main thread.
import { HOUSE_ARMED, type SwitchValue } from '../core/switches.ts';
import type { Clock } from '../platform/clock.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import type { Logger } from '../platform/logger.ts';
import { AnsweredRequests } from './answered-requests.ts';
import type { Channel, IncomingMessage, Session, Subscription } from './channel.ts';
import {
  commandText,
  ERROR_ID,
  invalid,
  isVerb,
  type RawRequest,
  readRequest,
  readSwitch,
  refusalPayload,
  showPath,
  switchOf,
  switchText,
  unknownVerb,
  VERBS,
  type Verb,
} from './command-messages.ts';
import { type Answers, answersFrom, type RequestSources } from './requests.ts';
import { type Rate, TokenBucket } from './token-bucket.ts';
import { pathOf, requestPath, responsePath, topicOf } from './topics.ts';

export interface CommandLimits {
  /** Everything that comes. */
  readonly overall: Rate;
  /** Of those: commands that turn switches, */
  readonly set: Rate;
  /** and requests, by verb. */
  readonly requests: Readonly<Record<Verb, Rate>>;
  /** Refusals that are answered. */
  readonly refusals: Rate;
}

/** A scene may turn every switch of 32 cameras at once; a subscriber that was away asks for its messages in hundreds. */
export const COMMAND_LIMITS: CommandLimits = {
  overall: { burst: 200, perS: 30 },
  set: { burst: 150, perS: 10 },
  requests: {
    events: { burst: 20, perS: 5 },
    snapshot: { burst: 5, perS: 1 },
    why: { burst: 10, perS: 1 },
    backtest: { burst: 4, perS: 0.1 },
  },
  refusals: { burst: 20, perS: 2 },
};

/** Requests being carried out at most, */
const RUNNING_MAX = 8;
/** and answers not yet acknowledged: so many, of so many characters together. */
const UNACKNOWLEDGED_MAX = 64;
const UNACKNOWLEDGED_LENGTH_MAX = 8 * 1024 * 1024;
/** One line about refusals in this time. */
const LOG_INTERVAL_MS = 10_000;

export interface CommandSwitches {
  cameras(): readonly string[];
  /** False where it has that value already. */
  set(key: string, value: SwitchValue): boolean;
  /** Publishes the state of a switch once more. */
  say(key: string): void;
}

export interface CommandsOptions {
  readonly switches: CommandSwitches;
  readonly requests: RequestSources;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits?: CommandLimits;
}

export class Commands implements Channel {
  /** Refusals that were not answered and answers that were not sent: too many at once. */
  dropped = 0;
  readonly #options: CommandsOptions;
  readonly #logger: Logger;
  readonly #answers: Answers;
  readonly #answered: AnsweredRequests;
  readonly #overall: TokenBucket;
  readonly #set: TokenBucket;
  readonly #requests: Readonly<Record<Verb, TokenBucket>>;
  readonly #refusals: TokenBucket;
  #session: Session | undefined;
  #running = 0;
  #unacknowledged = 0;
  #unacknowledgedLength = 0;
  #loggedMonoMs = Number.NEGATIVE_INFINITY;
  #unlogged = 0;

  constructor(options: CommandsOptions) {
    const { limits = COMMAND_LIMITS, clock } = options;
    this.#options = options;
    this.#logger = options.logger.child({ part: 'commands' });
    this.#answers = answersFrom(options.requests, clock);
    this.#answered = new AnsweredRequests(clock);
    this.#overall = new TokenBucket(limits.overall, clock);
    this.#set = new TokenBucket(limits.set, clock);
    const buckets = VERBS.map((verb) => [verb, new TokenBucket(limits.requests[verb], clock)]);
    this.#requests = Object.fromEntries(buckets) as Record<Verb, TokenBucket>;
    this.#refusals = new TokenBucket(limits.refusals, clock);
  }

  subscriptions(device: string): readonly Subscription[] {
    const on = (path: string, onMessage: (message: IncomingMessage) => void): Subscription => {
      return { filter: topicOf(device, path), qos: 1, retainAsPublished: true, onMessage };
    };
    return [
      on(`${HOUSE_ARMED}/set`, (message) => this.#onSet(message)),
      on('camera/+/+/set', (message) => this.#onSet(message)),
      on(requestPath('+'), (message) => this.#onRequest(message)),
    ];
  }

  opened(session: Session): void {
    this.#session = session;
    this.#unacknowledged = 0;
    this.#unacknowledgedLength = 0;
  }

  closed(): void {
    this.#session = undefined;
  }

  #onSet({ topic, payload, retain }: IncomingMessage): void {
    const path = pathOf(topic) ?? '';
    // A label may be called so: the retained topic of its count comes back to us. Not a command, and not to be answered.
    if (/^camera\/[^/]+\/label\/set$/.test(path) || deletes(payload, retain)) return;
    try {
      this.#admit(retain, this.#set, 'commands');
      const text = commandText(payload);
      const { switches } = this.#options;
      const wanted = switchOf(path, switches.cameras());
      const value = readSwitch(wanted, text);
      if (switches.set(wanted.key, value)) {
        this.#logger.info({ switch: wanted.key }, `${wanted.key} is ${switchText(value)}, by MQTT`);
      } else {
        // Who asked is answered all the same.
        switches.say(wanted.key);
      }
    } catch (error) {
      this.#refuse(path, undefined, error);
    }
  }

  #onRequest({ topic, payload, retain }: IncomingMessage): void {
    const path = pathOf(topic) ?? '';
    const verb = path.slice(requestPath('').length);
    if (deletes(payload, retain)) return;
    let request: RawRequest | undefined;
    try {
      const text = commandText(payload, verb);
      request = readRequest(text);
      this.#admit(retain);
      if (!isVerb(verb)) throw unknownVerb(verb);
      this.#carryOut(verb, request, text);
    } catch (error) {
      this.#refuse(path, request?.id, error);
    }
  }

  /** Checks everything that can be checked at once; the answer comes later. */
  #carryOut<V extends Verb>(verb: V, raw: RawRequest, text: string): void {
    const request = raw.read(verb);
    const { id } = request;
    const verdict = this.#answered.look(id, `${verb} ${text}`);
    if (verdict === 'pending') return;
    if (verdict === 'other') throw invalid(`id: '${id}' was that of another request, a short while ago`);
    if (verdict !== 'new') return this.#respond(id, requestPath(verb), verdict.answer);
    takeFrom(this.#requests[verb], `requests '${verb}'`);
    if (this.#running >= RUNNING_MAX) {
      throw limited(`${this.#running} requests are being carried out, no more at a time: try again later`);
    }
    this.#answered.begin(id, `${verb} ${text}`);
    this.#running += 1;
    void this.#answer(id, requestPath(verb), () => this.#answers[verb](request));
  }

  async #answer(id: string, path: string, make: () => Promise<string>): Promise<void> {
    let answer: string;
    try {
      answer = await make();
    } catch (error) {
      this.#tell(path, asRefusal(error));
      answer = refusalPayload(asRefusal(error), { path, id, nowMs: this.#options.clock.nowMs() });
    }
    this.#running -= 1;
    this.#answered.end(id, answer);
    this.#respond(id, path, answer);
  }

  /** Who gets no answer asks for ever: what the broker does not take is said in fewer words. */
  #respond(id: string, path: string, answer: string): void {
    this.#publish(responsePath(id), answer, (refusal) => {
      const error = limited(`${refusal}; ask for less at a time`);
      const instead = refusalPayload(error, { path, id, nowMs: this.#options.clock.nowMs() });
      if (instead.length < answer.length) this.#publish(responsePath(id), instead);
    });
  }

  /** Throws where the message may not be looked at: what is kept by the broker, or more than is taken. */
  #admit(retain: boolean, bucket?: TokenBucket, what = ''): void {
    takeFrom(this.#overall, 'commands and requests');
    if (bucket !== undefined) takeFrom(bucket, what);
    if (!retain) return;
    const message = 'a retained message is no command, it would come again at every connect: delete it';
    throw new VedetteError('COMMAND_RETAINED', message);
  }

  #refuse(path: string, id: string | undefined, thrown: unknown): void {
    const error = asRefusal(thrown);
    this.#tell(path, error);
    if (!this.#refusals.take()) {
      this.dropped += 1;
      return;
    }
    const nowMs = this.#options.clock.nowMs();
    this.#publish(responsePath(id ?? ERROR_ID), refusalPayload(error, { path, id, nowMs }));
  }

  #tell(path: string, error: VedetteError): void {
    const nowMs = this.#options.clock.monoMs();
    if (nowMs - this.#loggedMonoMs < LOG_INTERVAL_MS) {
      this.#unlogged += 1;
      return;
    }
    const more =
      this.#unlogged === 0 ? '' : `; ${this.#unlogged} others were refused since the last such line`;
    this.#loggedMonoMs = nowMs;
    this.#unlogged = 0;
    this.#logger.warn({ code: error.code }, `${showPath(path)} refused: ${error.message}${more}`);
  }

  /** Who has asked may be gone, and so may the broker: nothing waits for this. */
  #publish(path: string, answer: string, onRefused?: (refusal: string) => void): void {
    const session = this.#session;
    const { length } = answer;
    const isRoom =
      this.#unacknowledged < UNACKNOWLEDGED_MAX &&
      this.#unacknowledgedLength + length <= UNACKNOWLEDGED_LENGTH_MAX;
    if (session === undefined || !isRoom) {
      this.dropped += 1;
      return;
    }
    this.#unacknowledged += 1;
    this.#unacknowledgedLength += length;
    session.connection.publish(topicOf(session.device, path), answer, false, (refusal) => {
      this.#unacknowledged -= 1;
      this.#unacknowledgedLength -= length;
      if (refusal === undefined) return;
      const words = `the answer cannot be sent: ${refusal}`;
      this.#tell(path, limited(words));
      onRefused?.(words);
    });
  }
}

/** Whether a message takes a retained one away, as a refusal may have asked for (only MQTT 5 shows it). */
function deletes(payload: Buffer, retain: boolean): boolean {
  return retain && payload.length === 0;
}

function takeFrom(bucket: TokenBucket, what: string): void {
  if (bucket.take()) return;
  const { burst, perS } = bucket.rate;
  throw limited(
    `too many ${what}: ${burst} at once, then ${perS} a second; try again in ${bucket.waitMs} ms`,
  );
}

function limited(message: string): VedetteError {
  return new VedetteError('COMMAND_LIMITED', message);
}

/** What is no word of ours is a bug, or the store: its own words are for the log of whoever threw it. */
function asRefusal(error: unknown): VedetteError {
  return error instanceof VedetteError ? error : new VedetteError('INTERNAL', reasonOf(error));
}
