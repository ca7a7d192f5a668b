// What each pixel of the luma plane looks like while nothing moves (a running average), how far it strays from that by itself (its
// noise floor), and which pixels differ from it now. Buffers made once; camera worker thread.
import type { Size } from '../core/types.ts';

/** Seconds in which the background takes over a change: where it is still, and where something moves before it. */
const BACKGROUND_S = 6;
const BACKGROUND_MOVING_S = 20;
/**
 * The noise floor of a pixel: what it strays by is below that most of the time, namely for this share of it (a running quantile,
 * by stochastic approximation: Robbins and Monro 1951). What is restless, a leaf, raises it; who walks by does not, however far
 * he stands out. It moves by so many codes a second, and by this share of itself.
 */
const NOISE_QUANTILE = 0.8;
const NOISE_PACE = 2;
const NOISE_PACE_SHARE = 0.3;
/** A pixel differs when it strays by so many times its noise floor, and by so many codes at least. */
const NOISE_TIMES = 3.2;
const DIFFERENCE_MIN = 3.5;
/** Noise floor before anything was learnt (luma codes). */
const NOISE_AT_FIRST = 1.5;
/** Bands of brightness that exposure is followed in: a gain changes bright pixels by more than dark ones. */
const BANDS = 4;
const BAND_SHIFT = 6;
/**
 * Lamps on the mains make the whole picture flicker: only a jump of so many times what the light jumps by as a rule, learnt over
 * so many seconds, is a sudden one.
 */
const FLICKER_TIMES = 2;
const FLICKER_S = 10;
/** A band with a smaller share of the pixels goes by the others. */
const BAND_SHARE_MIN = 0.04;
/** Differences are counted from − this to + this. */
const SPAN = 64;

export class MotionBackground {
  /** 1 where a pixel differs; 0 under masks. */
  readonly different: Uint8Array;
  /** Share of the pixels that are not masked that differ. */
  share = 0;
  /** The same with the light as it was, beyond its usual flicker. */
  changed = 0;
  readonly #mean: Float32Array;
  readonly #noise: Float32Array;
  readonly #masked: Uint8Array;
  readonly #open: number;
  readonly #counts = new Uint32Array(BANDS * 2 * SPAN);
  readonly #bandPixels = new Uint32Array(BANDS);
  /** How much brighter each band of the background is by now, and each code. */
  readonly #bandDrift = new Float32Array(BANDS);
  readonly #drift = new Float32Array(256);
  /** By how much the light of a band has jumped in this look at most, and by how much it does as a rule (luma codes). */
  #jump = 0;
  #usualJump = 0;
  /** Of DIFFERENCE_MIN and NOISE_TIMES. */
  readonly #scale: number;

  /** `masked`: 1 where motion does not count. `sensitivity` 0..1. */
  constructor({ width, height }: Size, masked: Uint8Array, sensitivity: number) {
    this.different = new Uint8Array(width * height);
    this.#mean = new Float32Array(width * height);
    this.#noise = new Float32Array(width * height).fill(NOISE_AT_FIRST);
    this.#masked = masked;
    this.#open = Math.max(
      1,
      masked.reduce((open, mask) => open + 1 - mask, 0),
    );
    this.#scale = 4 ** (0.5 - sensitivity);
  }

  /** This is the background now; what was learnt of noise stays. */
  begin(pixels: Uint8Array): void {
    this.#mean.set(pixels);
    this.different.fill(0);
    this.share = 0;
  }

  /**
   * Compares with the background, after that was brought to the light of now: what a cloud or the iris of the camera changes is
   * the median change of the pixels of one brightness, and no motion.
   */
  compare(pixels: Uint8Array): void {
    this.#followLight(pixels);
    const [mean, noise, masked, different] = [this.#mean, this.#noise, this.#masked, this.different];
    const drift = this.#drift;
    const least = DIFFERENCE_MIN * this.#scale;
    const times = NOISE_TIMES * this.#scale;
    const flicker = FLICKER_TIMES * this.#usualJump;
    let count = 0;
    let changed = 0;
    for (let i = 0; i < pixels.length; i += 1) {
      const before = mean[i]!;
      const now = Math.max(0, Math.min(255, before + drift[before & 255]!));
      mean[i] = now;
      if (masked[i] === 1) continue;
      const surplus = noise[i]! - NOISE_AT_FIRST / 2;
      const limit = surplus > 0 ? least + times * surplus : least;
      const pixel = pixels[i]!;
      if (Math.abs(pixel - before) >= limit + flicker) changed += 1;
      const differs = Math.abs(pixel - now) >= limit ? 1 : 0;
      different[i] = differs;
      count += differs;
    }
    this.share = count / this.#open;
    this.changed = changed / this.#open;
  }

  /** Learns from what `compare` has looked at, `seconds` after the last time; `hasty` while it is calibrated. */
  learn(pixels: Uint8Array, seconds: number, hasty: boolean): void {
    const [mean, noise, different] = [this.#mean, this.#noise, this.different];
    const still = shareOf(seconds, hasty ? 0.5 : BACKGROUND_S);
    const moving = hasty ? still : shareOf(seconds, BACKGROUND_MOVING_S);
    const pace = hasty ? 3 * seconds : seconds;
    this.#usualJump += (this.#jump - this.#usualJump) * shareOf(seconds, hasty ? 1 : FLICKER_S);
    for (let i = 0; i < pixels.length; i += 1) {
      const floor = noise[i]!;
      const before = mean[i]!;
      const difference = pixels[i]! - before;
      const surplus = Math.abs(difference) - floor;
      const change = pace * (NOISE_PACE + NOISE_PACE_SHARE * floor);
      const up = NOISE_QUANTILE * change;
      const down = up - change;
      noise[i] = floor + Math.min(up, Math.max(down, surplus));
      mean[i] = before + difference * (different[i] === 0 ? still : moving);
    }
  }

  /** How the light has changed since the background was learnt, for each of its codes: between bands in a straight line. */
  #followLight(pixels: Uint8Array): void {
    const [mean, masked, counts, bandPixels] = [this.#mean, this.#masked, this.#counts, this.#bandPixels];
    const [bandDrift, drift] = [this.#bandDrift, this.#drift];
    counts.fill(0);
    bandPixels.fill(0);
    // Every other pixel does for a median.
    for (let i = 0; i < pixels.length; i += 2) {
      if (masked[i] === 1) continue;
      const before = mean[i]!;
      const band = before >> BAND_SHIFT;
      const difference = (pixels[i]! - before + SPAN + 0.5) | 0;
      const bin = difference < 0 ? 0 : difference >= 2 * SPAN ? 2 * SPAN - 1 : difference;
      const at = band * 2 * SPAN + bin;
      counts[at] = counts[at]! + 1;
      bandPixels[band] = bandPixels[band]! + 1;
    }
    const whole = this.#medianOf(0, BANDS);
    this.#jump = 0;
    for (let band = 0; band < BANDS; band += 1) {
      const isKnown = bandPixels[band]! * 2 >= BAND_SHARE_MIN * this.#open;
      const change = isKnown ? this.#medianOf(band, band + 1) : whole;
      bandDrift[band] = change;
      this.#jump = Math.max(this.#jump, Math.abs(change));
    }
    for (let code = 0; code < 256; code += 1) {
      const along = Math.min(BANDS - 1, Math.max(0, code / 2 ** BAND_SHIFT - 0.5));
      const band = Math.min(BANDS - 2, Math.floor(along));
      // Two constants: an array to take apart would be an allocation for each code.
      const low = bandDrift[band]!;
      const high = bandDrift[band + 1]!;
      drift[code] = low + (along - band) * (high - low);
    }
  }

  /** Of the differences of bands from `first` to before `end`; of fewer than one, 0. */
  #medianOf(first: number, end: number): number {
    let total = 0;
    for (let band = first; band < end; band += 1) total += this.#bandPixels[band]!;
    let seen = 0;
    for (let bin = 0; bin < 2 * SPAN; bin += 1) {
      for (let band = first; band < end; band += 1) seen += this.#counts[band * 2 * SPAN + bin]!;
      if (2 * seen > total) return bin - SPAN;
    }
    return 0;
  }
}

/** Share of a change that is taken over after `seconds` by an average over `overS`. */
function shareOf(seconds: number, overS: number): number {
  return 1 - Math.exp(-seconds / overS);
}
