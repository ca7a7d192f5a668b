// The decoder of one camera: tried in order, judged by what it delivers. A decoder whose run brought no frame is passed
// over for the next one, with the reason; software is the last. A camera that is away condemns no decoder: when software
// brings nothing either, all are innocent again. Camera worker thread.
import type { DecoderWish, FramesConfig } from '../config/types.ts';
import {
  type DecoderName,
  type DecoderSupport,
  type Decoding,
  decodingOf,
  type HardwareDecoder,
  SOFTWARE,
} from './decoders.ts';
import type { ProgramLife } from './source.ts';

/** Which decoder is in use, and why those before it are not. */
export interface DecoderState {
  readonly name: DecoderName;
  readonly passedOver: readonly { readonly name: HardwareDecoder; readonly reason: string }[];
}

export type ProbeDecoders = (ffmpeg: string) => Promise<readonly DecoderSupport[]>;

export interface DecoderChoiceOptions {
  readonly wish: DecoderWish;
  readonly detect: FramesConfig;
  /** ffmpeg's name of the codec, e.g. 'h264'; undefined when it could not be found out. Asked only where it matters. */
  readonly codec: (ffmpeg: string) => Promise<string | undefined>;
  readonly probe: ProbeDecoders;
}

/** A decoder that has worked before is given up only after as many runs without a frame. */
const MISSES_MAX = 3;

export class DecoderChoice {
  readonly #options: DecoderChoiceOptions;
  #supports: readonly DecoderSupport[] | undefined;
  #codec: string | undefined;
  #current: DecoderName = 'software';
  #misses = 0;
  /** Decoders that delivered frames. */
  readonly #proven = new Set<DecoderName>();
  /** Why a decoder is passed over after it was tried. */
  readonly #failed = new Map<DecoderName, string>();

  constructor(options: DecoderChoiceOptions) {
    this.#options = options;
  }

  /** For the next run. Never rejects: software is always there. */
  async next(ffmpeg: string): Promise<Decoding> {
    const { detect } = this.#options;
    for (const support of await this.#candidates(ffmpeg)) {
      if (!support.usable || this.#failed.has(support.name)) continue;
      if (support.codecs !== undefined) {
        this.#codec ??= await this.#options.codec(ffmpeg);
        if (this.#codec === undefined || !support.codecs.includes(this.#codec)) continue;
      }
      this.#current = support.name;
      return decodingOf(support, this.#codec, detect);
    }
    this.#current = 'software';
    return SOFTWARE;
  }

  /** Judges the decoder of the last run. */
  ended({ frames, reason }: ProgramLife): void {
    if (frames > 0) {
      this.#misses = 0;
      this.#proven.add(this.#current);
      // What worked once and failed while the camera was away gets another chance.
      if (this.#current === 'software') for (const name of this.#proven) this.#failed.delete(name);
      return;
    }
    this.#misses += 1;
    if (this.#current === 'software') {
      this.#failed.clear();
      this.#misses = 0;
    } else if (!this.#proven.has(this.#current) || this.#misses >= MISSES_MAX) {
      this.#failed.set(this.#current, reason);
      this.#misses = 0;
    }
  }

  state(): DecoderState {
    const passedOver: { name: HardwareDecoder; reason: string }[] = [];
    for (const support of this.#supports ?? []) {
      if (support.name === this.#current) break;
      passedOver.push({ name: support.name, reason: this.#whyNot(support) });
    }
    return { name: this.#current, passedOver };
  }

  #whyNot({ name, usable, reason, codecs }: DecoderSupport): string {
    const failed = this.#failed.get(name);
    if (failed !== undefined) return `delivered no frame: ${failed}`;
    if (!usable) return reason;
    if (codecs !== undefined && this.#codec === undefined) return 'the codec of the stream is not known yet';
    if (codecs !== undefined && !codecs.includes(this.#codec!)) return `it cannot decode ${this.#codec}`;
    return 'not tried yet';
  }

  async #candidates(ffmpeg: string): Promise<readonly DecoderSupport[]> {
    const { wish, probe } = this.#options;
    if (wish === 'software') return [];
    if (this.#supports === undefined) {
      const all = await probe(ffmpeg);
      this.#supports = wish === 'auto' ? all : all.filter(({ name }) => name === wish);
    }
    return this.#supports;
  }
}
