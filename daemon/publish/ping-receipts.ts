// Receipts for messages of QoS 0, for a broker of MQTT 5 that takes nothing else: packets of one connection are handled in
// order, so the answer to a ping says that the broker has read everything before it. Weaker than a PUBACK, which says that
// it also took the message; better than none. Main thread.

export class PingReceipts {
  readonly #ping: () => void;
  /** Written before the ping that is on its way. */
  #asked: (() => void)[] = [];
  /** Written after it. */
  #waiting: (() => void)[] = [];
  /** Pings sent and not answered, the client's own for the keep-alive too. */
  #pings = 0;
  /** Answers to come before that of our ping. */
  #answersBefore = 0;

  constructor(ping: () => void) {
    this.#ping = ping;
  }

  /** A message has been written: `received` is called when a later ping has been answered. */
  add(received: () => void): void {
    this.#waiting.push(received);
    if (this.#asked.length === 0) this.#ask();
  }

  /** A ping was written, whoever wanted it. */
  sent(): void {
    this.#pings += 1;
  }

  /** An answer came; they come in order. */
  answered(): void {
    this.#pings = Math.max(0, this.#pings - 1);
    this.#answersBefore -= 1;
    if (this.#asked.length === 0 || this.#answersBefore > 0) return;
    const received = this.#asked;
    this.#asked = [];
    for (const one of received) one();
    if (this.#waiting.length > 0 && this.#asked.length === 0) this.#ask();
  }

  #ask(): void {
    this.#asked = this.#waiting;
    this.#waiting = [];
    this.#ping();
    this.#answersBefore = this.#pings;
  }
}
