// An alert whose rule names a topic goes there too, as the same message. Owns where a message goes and what its answers come
// to; outbox-sender.ts owns when. Remembers which topic has had a message that is to be offered again, so that a topic which
// is refused does not repeat it on the other every time. Main thread.
import { Digest } from './digest.ts';
import type { Shipment } from './lane.ts';
import { outboxTopic, topicOf } from './topics.ts';

/** Messages remembered that one of their topics has had; one that is forgotten is repeated there. */
const HALVES_MAX = 1024;

export interface Copy {
  readonly topic: string;
  /** The one that the configuration names, not the topic of its kind. */
  readonly extra: boolean;
}

/** What became of a message on all its topics together. */
export interface Outcome {
  /** Why it was refused, on one of them at least. */
  readonly refusal: string | undefined;
  /** Somebody had it, on either. */
  readonly heard: boolean;
}

export class RuleTopics {
  /** Topics on which somebody has heard the message of a row, for rows that another topic has refused. */
  readonly #heardOn = new Map<number, readonly string[]>();

  /** A new connection: what was sent on the last may be repeated. */
  forget(): void {
    this.#heardOn.clear();
  }

  /** Publishes a message on every topic that has not had it; `settled` is called once, when all have answered. */
  publish(
    shipment: Shipment,
    device: string,
    publish: (topic: string, answered: (refusal: string | undefined, heard: boolean) => void) => void,
    settled: (outcome: Outcome) => void,
  ): void {
    const before = this.#heardOn.get(shipment.row) ?? [];
    const copies = copiesOf(shipment, device).filter(({ topic }) => !before.includes(topic));
    const heardOn = [...before];
    let refusal: string | undefined;
    let open = copies.length;
    for (const { topic, extra } of copies) {
      publish(topic, (why, heard) => {
        if (why !== undefined) refusal ??= extra ? `on ${topic}: ${why}` : why;
        else if (heard) heardOn.push(topic);
        open -= 1;
        if (open > 0) return;
        if (refusal === undefined) this.#heardOn.delete(shipment.row);
        else this.#remember(shipment.row, heardOn);
        settled({ refusal, heard: heardOn.length > 0 });
      });
    }
  }

  #remember(row: number, heardOn: readonly string[]): void {
    if (heardOn.length === 0) return;
    this.#heardOn.set(row, heardOn);
    const oldest = this.#heardOn.keys().next();
    if (this.#heardOn.size > HALVES_MAX && !oldest.done) this.#heardOn.delete(oldest.value);
  }
}

/** Topics of a message: that of its kind, and that of its rule. */
function copiesOf(shipment: Shipment, device: string): Copy[] {
  const own = { topic: outboxTopic(device, shipment.kind), extra: false };
  if (shipment instanceof Digest) return [own];
  const topic = ruleTopicOf(shipment);
  return topic === undefined ? [own] : [own, { topic: topicOf(device, topic), extra: true }];
}

/** The topic of the rule, in the body of an alert. A body that cannot be read has none. */
export function ruleTopicOf({
  kind,
  body,
}: {
  readonly kind: string;
  readonly body: string;
}): string | undefined {
  // Most have none: a look at the text is cheaper than reading it.
  if (kind !== 'alert' || !body.includes('"topic":')) return undefined;
  try {
    const { topic } = JSON.parse(body) as { readonly topic?: unknown };
    return typeof topic === 'string' ? topic : undefined;
  } catch {
    return undefined;
  }
}
