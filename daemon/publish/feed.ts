// The perception feed: what each camera saw in each frame, at once or not at all. Nothing of it is stored, resent or queued:
// without a connection, or with one that is too slow, the message is not made. Main thread.
import type { Observation } from '../core/types.ts';
import type { Clock } from '../platform/clock.ts';
import { type Channel, isSlow, type Session } from './channel.ts';
import { detectionsCbor, detectionsJson } from './detections.ts';
import type { Extras } from './properties.ts';
import { detectionsCborPath, detectionsPath, topicOf } from './topics.ts';

/** Of what happened so long ago nobody wants to hear; and every frame is a message on the same topic. */
const EXTRAS: Extras = { frequent: true, expiryS: 5 };

export interface FeedSettings {
  readonly detections: boolean;
  readonly detectionsFormat: 'json' | 'cbor' | 'both';
}

interface Topics {
  readonly json: string;
  readonly cbor: string;
}

export class PerceptionFeed implements Channel {
  /** Messages not sent: the connection was too slow, or they were larger than the broker takes. */
  dropped = 0;
  readonly #clock: Pick<Clock, 'monoMs'>;
  readonly #json: boolean;
  readonly #cbor: boolean;
  /** By camera. */
  readonly #topics = new Map<string, Topics>();
  #session: Session | undefined;

  constructor({ detections, detectionsFormat }: FeedSettings, clock: Pick<Clock, 'monoMs'>) {
    this.#clock = clock;
    this.#json = detections && detectionsFormat !== 'cbor';
    this.#cbor = detections && detectionsFormat !== 'json';
  }

  opened(session: Session): void {
    this.#session = session;
    this.#topics.clear();
  }

  closed(): void {
    this.#session = undefined;
  }

  observe(observation: Observation): void {
    const session = this.#session;
    if (session === undefined) return;
    if (isSlow(session)) {
      this.dropped += Number(this.#json) + Number(this.#cbor);
      return;
    }
    const { json, cbor } = this.#topicsOf(observation.camera, session);
    if (this.#json) this.#send(session, json, detectionsJson(observation, this.#clock.monoMs()));
    if (this.#cbor) this.#send(session, cbor, detectionsCbor(observation, this.#clock.monoMs()));
  }

  #send({ connection }: Session, topic: string, payload: string | Buffer): void {
    if (!connection.publishOnce(topic, payload, false, EXTRAS)) this.dropped += 1;
  }

  #topicsOf(camera: string, { device }: Session): Topics {
    let topics = this.#topics.get(camera);
    if (topics === undefined) {
      topics = {
        json: topicOf(device, detectionsPath(camera)),
        cbor: topicOf(device, detectionsCborPath(camera)),
      };
      this.#topics.set(camera, topics);
    }
    return topics;
  }
}
