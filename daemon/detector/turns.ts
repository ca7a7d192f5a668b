// Whose request the detector runs next: weighted fair turns. Worst-case fair weighted fair queueing (WF2Q: Bennett and
// Zhang, INFOCOM 1996) with runs of one length: a virtual clock tells how many turns a camera of weight 1 is entitled to
// so far; a request is due between the start and the finish of its share; of those that have started the one that
// finishes first is run. Smooth weighted round-robin (nginx) is shorter, but what it keeps for a camera that comes and goes
// is counted in the weights of whoever was there then. Pure, nothing is allocated per turn. Detector process.

/** One client's place; its fields belong to Turns. */
export class Turn<Client> {
  readonly client: Client;
  waiting = 0;
  weight = 1;
  /** Virtual times between which its oldest waiting request (without one: its last) is due. */
  start = 0;
  finish = 0;

  constructor(client: Client) {
    this.client = client;
  }
}

/** Rounding of the virtual clock, which a year moves to 10^9 at most. */
const ROUNDING = 1e-6;

/**
 * While a client waits it gets of n runs at least n × weight ÷ (weights of all there are) − 1, whatever the others do; when
 * always the same wait, each gets n × weight ÷ (their weights), give or take one. Being away earns nothing; a client that
 * comes back early waits first until its last run is paid for.
 */
export class Turns<Client> {
  readonly #turns: Turn<Client>[] = [];
  #now = 0;
  /** Whose request was run last, or runs now. */
  #last: Turn<Client> | undefined;

  join(client: Client): Turn<Client> {
    const turn = new Turn(client);
    this.#turns.push(turn);
    return turn;
  }

  /** Its waiting requests are forgotten. Safe to call twice. */
  leave(turn: Turn<Client>): void {
    const index = this.#turns.indexOf(turn);
    if (index >= 0) this.#turns.splice(index, 1);
  }

  /** One more request waits; `weight` ≥ 1 holds from its next run on. */
  ask(turn: Turn<Client>, weight: number): void {
    turn.weight = weight;
    turn.waiting += 1;
    if (turn.waiting > 1) return;
    // Who asks again while its run is the last has never stopped waiting: it keeps what it is owed.
    this.#due(turn, turn === this.#last ? turn.finish : Math.max(this.#now, turn.finish));
  }

  /** The client whose oldest request is to be run now; undefined when none waits. */
  next(): Client | undefined {
    const turn = this.#pick();
    this.#last = turn;
    if (turn === undefined) return undefined;
    // Nobody has started: all that wait still pay for earlier runs, and the clock need not wait with them.
    this.#now = Math.max(this.#now, turn.start);
    turn.waiting -= 1;
    this.#advance();
    if (turn.waiting > 0) this.#due(turn, turn.finish);
    return turn.client;
  }

  #due(turn: Turn<Client>, start: number): void {
    turn.start = start;
    turn.finish = start + 1 / turn.weight;
  }

  /** Of those that have started the first to finish; if none has, the first to start. */
  #pick(): Turn<Client> | undefined {
    let best: Turn<Client> | undefined;
    for (const turn of this.#turns) {
      if (turn.waiting > 0 && (best === undefined || this.#isBefore(turn, best))) best = turn;
    }
    return best;
  }

  #isBefore(one: Turn<Client>, other: Turn<Client>): boolean {
    const started = one.start <= this.#now + ROUNDING;
    if (started !== other.start <= this.#now + ROUNDING) return started;
    const earlier = started ? other.finish - one.finish : other.start - one.start;
    // Of equals not the one that had the last run.
    return earlier > ROUNDING || (earlier > -ROUNDING && other === this.#last);
  }

  /** One run, shared out: the clock goes the slower the more weight waits or still pays for its last run. */
  #advance(): void {
    let run = 1;
    while (run > 0) {
      let weights = 0;
      let firstPaid = Number.POSITIVE_INFINITY;
      for (const { waiting, weight, finish } of this.#turns) {
        if (waiting === 0 && finish <= this.#now) continue;
        weights += weight;
        if (waiting === 0) firstPaid = Math.min(firstPaid, finish);
      }
      if (weights === 0) return;
      const now = Math.min(firstPaid, this.#now + run / weights);
      run = now === firstPaid ? run - (now - this.#now) * weights : 0;
      this.#now = now;
    }
  }
}
