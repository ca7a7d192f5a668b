// Facts and traces on their way to history.db, beside the observations of HistoryFeed. Facts are few, and a backtest goes
// wrong without them: they stay until they are written, as many as FACTS_MAX, and a file that begins anew is told again all
// that stands. Traces are worth as much as observations: what finds no room is dropped and counted. Main thread.
import type { TrackTrace } from '../core/trace-types.ts';
import type { Fact, Moment } from '../core/types.ts';
import type { HistoryBatch, HistoryStatus, LearnedFact, TraceRow } from './history-messages.ts';

/** Facts that may wait: every camera of a large house flaps some times while the disk is away. */
const FACTS_MAX = 512;
/** Characters of traces that may wait. */
const TRACES_LENGTH_MAX = 1024 * 1024;

export class HistoryNotes {
  /** The last of each kind and camera, or fault. */
  readonly #standing = new Map<string, LearnedFact>();
  #facts: LearnedFact[] = [];
  #factsSent: readonly LearnedFact[] = [];
  /** The file may not know what stands. */
  #tellAll = false;
  #traces: TraceRow[] = [];
  #tracesLength = 0;
  #tracesSent = 0;
  #factsDropped = 0;
  #tracesDropped = 0;

  get dropped(): { readonly factsDropped: number; readonly tracesDropped: number } {
    return { factsDropped: this.#factsDropped, tracesDropped: this.#tracesDropped };
  }

  get empty(): boolean {
    return this.#facts.length + this.#traces.length === 0;
  }

  learned(fact: Fact, moment: Moment): void {
    const learned = { fact, moment };
    this.#standing.set(subjectOf(fact), learned);
    this.#facts.push(learned);
    this.#keepToLimit();
  }

  traced(traces: readonly TrackTrace[]): void {
    for (const trace of traces) {
      const row = rowOf(trace);
      if (this.#tracesLength + row.body.length > TRACES_LENGTH_MAX) {
        this.#tracesDropped += 1;
        continue;
      }
      this.#traces.push(row);
      this.#tracesLength += row.body.length;
    }
  }

  /** All that waits; it stays in hand until `heard` or `lost` says what became of it. */
  take(): Pick<HistoryBatch, 'facts' | 'traces'> {
    const facts = this.#tellAll ? this.#withStanding() : this.#facts;
    const traces = this.#traces;
    this.#tellAll = false;
    this.#factsSent = facts;
    this.#tracesSent = traces.length;
    this.#facts = [];
    this.#traces = [];
    this.#tracesLength = 0;
    return { facts, traces };
  }

  heard({ kept, problem, damage }: HistoryStatus): void {
    // A file that was begun anew meanwhile knows nothing; nor does one of an owner who wants none, and may want one later.
    const isWanted = problem !== '';
    if (damage !== undefined || (!kept && !isWanted)) this.#tellAll = true;
    if (!kept && isWanted) {
      this.#facts = [...this.#factsSent, ...this.#facts];
      this.#tracesDropped += this.#tracesSent;
      this.#keepToLimit();
    }
    this.#factsSent = [];
    this.#tracesSent = 0;
  }

  /** What was taken is written or not, nobody knows: a fact that is there twice does no harm. */
  lost(): void {
    this.#facts = [...this.#factsSent, ...this.#facts];
    this.#factsSent = [];
    this.#tracesDropped += this.#tracesSent;
    this.#tracesSent = 0;
    this.#keepToLimit();
  }

  /** What stands, then what waits, each once and in the order in which it became so. */
  #withStanding(): LearnedFact[] {
    const waiting = new Set(this.#facts);
    const standing = [...this.#standing.values()].filter((learned) => !waiting.has(learned));
    return [...standing, ...this.#facts].sort((a, b) => a.moment.monoMs - b.moment.monoMs);
  }

  #keepToLimit(): void {
    const over = this.#facts.length - FACTS_MAX;
    if (over <= 0) return;
    this.#facts.splice(0, over);
    this.#factsDropped += over;
    this.#tellAll = true;
  }
}

function subjectOf(fact: Fact): string {
  return fact.kind === 'fault' ? `fault ${fact.fault}` : `${fact.kind} ${fact.camera}`;
}

function rowOf(trace: TrackTrace): TraceRow {
  const { camera, track, eventId, startedAtMs, atMs, endedAtMs } = trace;
  return { camera, track, eventId, startedAtMs, atMs, endedAtMs, body: JSON.stringify(trace) };
}
