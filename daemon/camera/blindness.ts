// Whether a camera still shows what it should: its picture is not frozen, not covered, out of focus or washed out, and it looks
// where it used to. Compares each picture with what the view has been like so far; says what is wrong once it has been so for as
// long as the configuration says, and that it is over when it has been for a moment. docs/blindness.md says how and why. Nothing
// is allocated per frame; camera worker thread.
import type { CameraConfig } from '../config/types.ts';
import type { SightFault } from '../core/camera-status.ts';
import type { Size } from '../core/types.ts';
import { FrameWords } from './frame-words.ts';
import { Sharpness } from './sharpness.ts';
import { ViewStructure } from './view-structure.ts';

/** Pictures are judged so often (milliseconds); whether they change, all of them are asked. */
const JUDGE_MS = 1000;
/** What is wrong is over when it has not been so for this long. */
const OVER_MS = 2000;
/** Seconds in which a view is learnt, at first, and over which it changes with the hours of the day. */
const LEARN_S = 5;
const USUAL_S = 120;
/** After so long a moved camera is where it belongs (seconds). */
const ACCEPT_S = 600;
/** Nothing can be made out when so many parts of the view have lost what they had: their edges or their detail, */
const LOST = 0.6;
/** of their edges all but this, covered or washed out, or there are none at all (codes a pixel); */
const EDGES_LEFT = 0.22;
const STRENGTH_MIN = 1.5;
/** of their detail all but this, out of focus, while most of them have still more of their edges: else it is dark. */
const DETAIL_LEFT = 0.45;
const EDGES_THERE = 0.35;
/** A camera that was turned away has its detail in other parts: less than this is left of all together, out of focus. */
const DETAIL_LEFT_IN_ALL = 0.6;
/** Less of the view than this is where and as it was. */
const ALIKE_MIN = 0.25;
/** Rows that are compared to see whether anything has changed. */
const CHANGE_ROWS = 7;
/** After so long without a picture the camera was away: nothing is known of that time. They come every 5 s at the least. */
const AWAY_MS = 10_000;
/** A picture that comes so rarely has to be the same so many times. */
const SAME_MIN = 3;

export interface SightWatchOptions {
  /** The luma plane. */
  readonly plane: Size;
  readonly frame: Size;
  /** Frames come from a lens: it never shows the very same twice. */
  readonly live: boolean;
  readonly config: CameraConfig['sight'];
}

/** Since when something is so, and since when it is not, in milliseconds with pictures. */
class Spell {
  active = false;
  /** Milliseconds that it has been so without a break. */
  lastedMs = 0;
  #sinceMs: number | undefined;
  #clearMs: number | undefined;

  /** Active once it has been so for `limitMs`; undefined: never. */
  judge(isSo: boolean, seenMs: number, limitMs: number | undefined): void {
    if (isSo) {
      this.#clearMs = undefined;
      this.#sinceMs ??= seenMs;
      this.lastedMs = seenMs - this.#sinceMs;
      if (limitMs !== undefined && this.lastedMs >= limitMs) this.active = true;
      return;
    }
    this.#sinceMs = undefined;
    this.#clearMs ??= seenMs;
    if (seenMs - this.#clearMs >= OVER_MS) this.end();
  }

  end(): void {
    this.active = false;
    this.lastedMs = 0;
    this.#sinceMs = undefined;
  }
}

export class SightWatch {
  readonly #options: SightWatchOptions;
  readonly #structure: ViewStructure;
  readonly #words = new FrameWords();
  readonly #sharpness: Sharpness;
  readonly #frozen = new Spell();
  readonly #blind = new Spell();
  readonly #moved = new Spell();
  #judgedMonoMs = Number.NEGATIVE_INFINITY;
  #lookedMonoMs = 0;
  /** Time with pictures: it stands still while the camera is away, so that nothing lasts then. */
  #seenMs = 0;
  #hash = 0;
  #same = 0;
  #changedMs = 0;
  /** Seconds that the view has been learnt for. */
  #learntS = 0;
  /** Shares of the parts of the view: without their edges, without their detail, as ever. */
  #edgesLost = 0;
  #detailLost = 0;
  #alike = 1;

  constructor(options: SightWatchOptions) {
    this.#options = options;
    this.#structure = new ViewStructure(options.plane);
    this.#sharpness = new Sharpness(options.frame);
  }

  /** What is wrong by now, the worst of it. */
  get fault(): SightFault | undefined {
    if (this.#frozen.active) return 'frozen';
    if (this.#blind.active) return 'blind';
    return this.#moved.active ? 'moved' : undefined;
  }

  /** Why, with its numbers; for a fault. */
  get reason(): string {
    const { frozenS, blindS, movedS } = this.#options.config;
    if (this.#frozen.active) return `the picture has not changed for ${frozenS} s`;
    if (this.#blind.active) {
      const { strength } = this.#structure;
      if (!this.#isLearnt)
        return `there has been nothing to be made out for ${blindS} s (${strength.toFixed(1)} codes of contrast)`;
      const [edges, detail] = [percent(this.#edgesLost), percent(this.#detailLost)];
      return `nothing can be made out for ${blindS} s (${edges} of the view have lost their edges, ${detail} their detail)`;
    }
    return `it has shown another view for ${movedS} s (${percent(this.#alike)} of the usual one is there)`;
  }

  /** Whether the next look will judge the picture, so that its luma plane has to be one of it. */
  isDue(monoMs: number): boolean {
    return monoMs - this.#judgedMonoMs >= JUDGE_MS;
  }

  /** Looks at the next frame (I420, stride = width) and its luma plane. */
  look(frame: Uint8Array, pixels: Uint8Array, monoMs: number): void {
    const { live, config } = this.#options;
    const passedMs = monoMs - this.#lookedMonoMs;
    this.#lookedMonoMs = monoMs;
    if (passedMs <= AWAY_MS) this.#seenMs += passedMs;
    if (live && config.frozenS > 0) this.#watchChange(this.#words.of(frame));
    const sinceMs = monoMs - this.#judgedMonoMs;
    if (!this.isDue(monoMs)) return;
    this.#judgedMonoMs = monoMs;
    this.#compare(frame, pixels);
    const isBlind = this.#isFlat() || this.#isUnsharp();
    this.#blind.judge(isBlind, this.#seenMs, limitMs(config.blindS));
    // An empty or frozen picture says nothing of where the camera looks.
    if (isBlind || this.#frozen.active) return;
    const isMoved = this.#alike < ALIKE_MIN;
    this.#moved.judge(isMoved, this.#seenMs, limitMs(config.movedS));
    if (this.#moved.lastedMs >= ACCEPT_S * 1000) this.#begin();
    else if (!isMoved) this.#learn(Math.min(1, sinceMs / 1000));
  }

  #compare(frame: Uint8Array, pixels: Uint8Array): void {
    this.#structure.look(pixels);
    this.#structure.compare();
    this.#sharpness.look(frame);
    const known = this.#isLearnt;
    this.#edgesLost = known ? this.#structure.lost(EDGES_LEFT) : 0;
    this.#detailLost = known ? this.#sharpness.lost(DETAIL_LEFT) : 0;
    this.#alike = known ? this.#structure.alike() : 1;
  }

  /** Hardly any edges, whatever their light. */
  #isFlat(): boolean {
    return this.#structure.strength < STRENGTH_MIN || this.#edgesLost > LOST;
  }

  /** The large is there, the fine is not. */
  #isUnsharp(): boolean {
    if (this.#detailLost <= LOST || this.#sharpness.share > DETAIL_LEFT_IN_ALL) return false;
    return this.#structure.lost(EDGES_THERE) < LOST;
  }

  get #isLearnt(): boolean {
    return this.#learntS >= LEARN_S;
  }

  /** What it shows now is what it should show. */
  #begin(): void {
    this.#moved.end();
    this.#learntS = 0;
    this.#learn(0);
  }

  /** First a plain mean, then a running one. */
  #learn(seconds: number): void {
    const isFirst = this.#learntS === 0;
    this.#learntS += seconds;
    const part = isFirst ? 1 : Math.min(1, seconds / Math.min(this.#learntS, USUAL_S));
    this.#structure.learn(part);
    this.#sharpness.learn(part);
  }

  /** A sensor's noise differs in every picture: the very same bytes again are no new picture. */
  #watchChange(words: Uint32Array): void {
    const { width, height } = this.#options.frame;
    const stride = width >> 2;
    // FNV-1a (Fowler, Noll and Vo), a word at a time.
    let hash = 0x811c9dc5;
    for (let row = 0; row < height; row += CHANGE_ROWS) {
      for (let at = row * stride, end = at + stride; at < end; at += 1)
        hash = Math.imul(hash ^ words[at]!, 0x01000193);
    }
    this.#same = hash === this.#hash ? this.#same + 1 : 0;
    this.#hash = hash;
    if (this.#same === 0) this.#changedMs = this.#seenMs;
    const isLong = this.#seenMs - this.#changedMs >= this.#options.config.frozenS * 1000;
    // The time has passed by then.
    this.#frozen.judge(isLong && this.#same >= SAME_MIN, this.#seenMs, 0);
  }
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

/** 0 in the configuration: never. */
function limitMs(seconds: number): number | undefined {
  return seconds === 0 ? undefined : seconds * 1000;
}
