// From an I420 frame, or a rectangle of it, to the model's input tensor: resize (averaging where it shrinks, bilinear where it grows),
// colour conversion, the model's layout and normalisation. Plain loops over typed arrays with buffers made once; camera worker thread.
// Figures: test/bench (`npm run bench`).
import { BORDER, boxInPicture, type Corners, type Placement, placementOf } from '../core/placement.ts';
import type { Box, ModelInput } from '../core/types.ts';
import { BIAS, BLUE_OF_U, CLAMPED, GREEN_OF_U, GREEN_OF_V, LUMA_GAIN, RED_OF_V } from './bt601.ts';
import { FrameWords } from './frame-words.ts';
import type { Size } from './halve.ts';
import { PlaneInterpolator } from './plane-interpolator.ts';
import { PlaneResizer } from './plane-resizer.ts';

/** A rectangle of the frame, pixels: `x` and `width` multiples of 8, `y` and `height` of 2. */
export interface Region extends Size {
  readonly x: number;
  readonly y: number;
}

/** How a rectangle of one size becomes the tensor. */
interface Way {
  /** Of the luma; colours have half of it in both directions, as photos have that are stored as JPEG. */
  readonly placement: Placement;
  readonly luma: PlaneResizer | PlaneInterpolator;
  readonly chroma: PlaneResizer;
  readonly planes: readonly [Uint8Array, Uint8Array, Uint8Array];
}

/** Fills one model's input tensor from frames of one size, or from regions of them. */
export class Preprocessor {
  /** The tensor's bytes, to be handed on before the next `run`. */
  readonly bytes: Uint8Array;
  /** The whole frame. */
  readonly whole: Region;
  readonly #input: ModelInput;
  readonly #frameBytes: number;
  readonly #chromaOffset: number;
  readonly #chromaBytes: number;
  /** By width of the region; there are few sizes, and each is made when it is first wanted. */
  readonly #ways = new Map<number, Way[]>();
  readonly #rgb: Uint8Array;
  readonly #floats: Float32Array | undefined;
  readonly #words = new FrameWords();
  /** Whose borders are in the tensor. */
  #filled: Placement | undefined;

  constructor(input: ModelInput, frameWidth: number, frameHeight: number) {
    this.#input = input;
    this.whole = { x: 0, y: 0, width: frameWidth, height: frameHeight };
    this.#chromaOffset = frameWidth * frameHeight;
    this.#chromaBytes = (frameWidth / 2) * (frameHeight / 2);
    this.#frameBytes = this.#chromaOffset + 2 * this.#chromaBytes;
    this.#rgb = new Uint8Array(input.width * input.height * 3);
    if (input.type === 'float32') {
      this.#floats = new Float32Array(input.width * input.height * 3);
      this.bytes = new Uint8Array(this.#floats.buffer);
    } else {
      this.bytes = new Uint8Array(this.#rgb.buffer);
    }
    this.#wayOf(this.whole);
  }

  /** Writes a region of the frame (I420, stride = width, at a multiple of 4 in its buffer) into the tensor. */
  run(frame: Uint8Array, region: Region = this.whole): void {
    if (frame.length !== this.#frameBytes) {
      throw new RangeError(`a frame has ${frame.length} bytes, expected ${this.#frameBytes}`);
    }
    const { placement, planes, luma, chroma } = this.#wayOf(region);
    const words = this.#words.of(frame);
    const stride = this.whole.width;
    const { x, y } = region;
    const shared = (y / 2) * (stride / 2) + x / 2;
    luma.run(frame, y * stride + x, planes[0], words);
    chroma.run(frame, this.#chromaOffset + shared, planes[1], words);
    chroma.run(frame, this.#chromaOffset + this.#chromaBytes + shared, planes[2], words);
    if (this.#filled !== placement) this.#rgb.fill(BORDER);
    this.#filled = placement;
    this.#convert(placement, planes);
    if (this.#floats) this.#normalise(this.#floats);
  }

  /** A box in 0..1 of the model's input, as corners, to a box in 0..1 of the frame, cut at the edges of the region. */
  boxInFrame(corners: Corners, region: Region = this.whole): Box {
    const inside = boxInPicture(corners, this.#input, this.#wayOf(region).placement);
    const { width, height } = this.whole;
    return {
      x: (region.x + inside.x * region.width) / width,
      y: (region.y + inside.y * region.height) / height,
      width: (inside.width * region.width) / width,
      height: (inside.height * region.height) / height,
    };
  }

  #wayOf({ width, height }: Region): Way {
    let ways = this.#ways.get(width);
    if (ways === undefined) {
      ways = [];
      this.#ways.set(width, ways);
    }
    for (const way of ways) if (way.luma.source.height === height) return way;
    const way = this.#makeWay(width, height);
    ways.push(way);
    return way;
  }

  #makeWay(width: number, height: number): Way {
    const placement = placementOf(this.#input, width, height);
    const colours = { width: (placement.width + 1) >> 1, height: (placement.height + 1) >> 1 };
    const stride = this.whole.width;
    return {
      placement,
      luma: grows({ width, height }, placement)
        ? new PlaneInterpolator({ width, height }, placement, stride)
        : new PlaneResizer({ width, height }, placement, stride),
      // Repeated where they grow: with colours between those of its pixels the model finds no more.
      chroma: new PlaneResizer({ width: width / 2, height: height / 2 }, colours, stride / 2),
      planes: [
        new Uint8Array(placement.width * placement.height),
        new Uint8Array(colours.width * colours.height),
        new Uint8Array(colours.width * colours.height),
      ],
    };
  }

  /** To RGB, cut at 0 and 255; written in the model's layout and colour order. Two pixels of a row share their colour. */
  #convert({ left, top, width, height }: Placement, [luma, u, v]: Way['planes']): void {
    const planar = this.#input.layout === 'nchw';
    const pixelStep = planar ? 1 : 3;
    const channelStep = planar ? this.#input.width * this.#input.height : 1;
    const red = this.#input.colour === 'rgb' ? 0 : 2 * channelStep;
    const blue = this.#input.colour === 'rgb' ? 2 * channelStep : 0;
    const out = this.#rgb;
    const clamped = CLAMPED;
    const [gain, redOfV, greenOfU] = [LUMA_GAIN, RED_OF_V, GREEN_OF_U];
    const [greenOfV, blueOfU, bias] = [GREEN_OF_V, BLUE_OF_U, BIAS];
    for (let row = 0; row < height; row += 1) {
      let to = ((top + row) * this.#input.width + left) * pixelStep;
      let shared = (row >> 1) * ((width + 1) >> 1);
      const end = (row + 1) * width;
      for (let at = row * width; at < end; at += 2, shared += 1) {
        const du = u[shared]! - 128;
        const dv = v[shared]! - 128;
        const redTerm = bias + redOfV * dv;
        const greenTerm = bias - greenOfU * du - greenOfV * dv;
        const blueTerm = bias + blueOfU * du;
        const first = gain * (luma[at]! - 16);
        out[to + red] = clamped[(first + redTerm) >> 16]!;
        out[to + channelStep] = clamped[(first + greenTerm) >> 16]!;
        out[to + blue] = clamped[(first + blueTerm) >> 16]!;
        to += pixelStep;
        // Where the width is odd the last pixel is alone. A loop over the two takes a quarter longer.
        if (at + 1 < end) {
          const second = gain * (luma[at + 1]! - 16);
          out[to + red] = clamped[(second + redTerm) >> 16]!;
          out[to + channelStep] = clamped[(second + greenTerm) >> 16]!;
          out[to + blue] = clamped[(second + blueTerm) >> 16]!;
        }
        to += pixelStep;
      }
    }
  }

  /** (pixel − mean) · scale per channel, in the order of the tensor's channels. */
  #normalise(floats: Float32Array): void {
    const { mean, scale, layout, width, height } = this.#input;
    const planar = layout === 'nchw';
    const step = planar ? 1 : 3;
    for (let channel = 0; channel < 3; channel += 1) {
      const start = planar ? channel * width * height : channel;
      const end = planar ? start + width * height : floats.length;
      const subtract = mean[channel]!;
      const multiply = scale[channel]!;
      for (let at = start; at < end; at += step) floats[at] = (this.#rgb[at]! - subtract) * multiply;
    }
  }
}

/** In one direction alone it is a little, and averaging keeps the picture sharper. */
function grows(from: Size, to: Size): boolean {
  return from.width < to.width && from.height < to.height;
}
