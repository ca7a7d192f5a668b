// What was found out about a model that is being imported, each with its reason, and what could not be: all of that is said at
// once, by the flags that answer it. Pure.
import { VedetteError } from '../platform/errors.ts';

/** A question that only the owner can answer. */
export interface Question {
  /** With what it takes: `--labels <file | coco | …>`. */
  readonly flag: string;
  /** What is unknown and why. */
  readonly why: string;
}

export class Findings {
  readonly #facts: string[] = [];
  readonly #questions: Question[] = [];

  get facts(): readonly string[] {
    return this.#facts;
  }

  /** `layout is NCHW: the input has shape [1,3,224,224]`. */
  say(fact: string): void {
    if (!this.#facts.includes(fact)) this.#facts.push(fact);
  }

  ask(flag: string, why: string): void {
    this.#questions.push({ flag, why });
  }

  /** Throws MODEL_UNCLEAR with every question; `file` is named. */
  finish(file: string): void {
    if (this.#questions.length === 0) return;
    const asked = this.#questions.map(({ flag, why }) => `${flag}: ${why}`).join('; ');
    throw new VedetteError('MODEL_UNCLEAR', `${file}: the file alone does not tell; say ${asked}`, {
      file,
      questions: this.#questions,
      found: this.#facts,
    });
  }
}
