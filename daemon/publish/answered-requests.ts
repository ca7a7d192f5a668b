// Requests of the last minutes and their answers, so that one that comes twice (QoS 1 may repeat, and so may a client that
// heard nothing) is carried out once and answered with the first answer. Bounded in number and bytes. Main thread.
import type { Clock } from '../platform/clock.ts';

const KEPT_MS = 10 * 60_000;
const REQUESTS_MAX = 256;
const BYTES_MAX = 4 * 1024 * 1024;

interface Kept {
  /** Verb and payload. */
  readonly request: string;
  readonly atMonoMs: number;
  /** Undefined while it is being made. */
  answer: string | undefined;
}

/** What to do with a request: carry it out, send this answer again, nothing (it is on its way), or refuse it. */
export type Verdict = 'new' | 'pending' | 'other' | { readonly answer: string };

export class AnsweredRequests {
  readonly #clock: Pick<Clock, 'monoMs'>;
  /** By id, oldest first. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(clock: Pick<Clock, 'monoMs'>) {
    this.#clock = clock;
  }

  /** `other`: the id belongs to another request. */
  look(id: string, request: string): Verdict {
    this.#forgetOld();
    const kept = this.#kept.get(id);
    if (kept === undefined) return 'new';
    if (kept.request !== request) return 'other';
    return kept.answer === undefined ? 'pending' : { answer: kept.answer };
  }

  /** A new request is being carried out. */
  begin(id: string, request: string): void {
    this.#forget(id);
    this.#kept.set(id, { request, atMonoMs: this.#clock.monoMs(), answer: undefined });
    this.#bytes += request.length;
    this.#keepToLimits();
  }

  /** Its answer. */
  end(id: string, answer: string): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    kept.answer = answer;
    this.#bytes += answer.length;
    this.#keepToLimits();
  }

  #forgetOld(): void {
    const oldestMonoMs = this.#clock.monoMs() - KEPT_MS;
    for (const [id, { atMonoMs }] of this.#kept) {
      if (atMonoMs > oldestMonoMs) return;
      this.#forget(id);
    }
  }

  #keepToLimits(): void {
    for (const id of this.#kept.keys()) {
      if (this.#kept.size <= REQUESTS_MAX && this.#bytes <= BYTES_MAX) return;
      this.#forget(id);
    }
  }

  #forget(id: string): void {
    const kept = this.#kept.get(id);
    if (kept === undefined) return;
    this.#kept.delete(id);
    this.#bytes -= kept.request.length + (kept.answer?.length ?? 0);
  }
}
