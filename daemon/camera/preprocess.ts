// From an I420 frame, or a rectangle of it, to the model's input tensor: resize (averaging where it shrinks, bilinear where it grows),
// colour conversion, the model's layout and normalisation. Buffers made once; camera worker thread. Figures: test/bench (`npm run bench`).
import { BORDER, boxInPicture, type Corners, type Placement, placementOf } from '../core/placement.ts';
import type { Box, ModelInput, Size } from '../core/types.ts';
import { BLUE_OF_U, GREEN_OF_U, GREEN_OF_V, LUMA_GAIN, RED_OF_V } from './bt601.ts';
import { PixelKernels } from './pixel-kernels.ts';
import { PlaneAverager, type PlaneResizer, planeResizer, scratchBytes } from './plane-resizer.ts';

/** A rectangle of the frame, pixels: `x` and `width` multiples of 8, `y` and `height` of 2. */
export interface Region extends Size {
  readonly x: number;
  readonly y: number;
}

/** Rows of colours are written in whole vectors of so many pixels. */
const VECTOR = 16;

/** What is in the tensor, as arrays over the memory of the kernels. */
interface Views {
  /** Colours as bytes: the tensor of a uint8 model. */
  readonly rgb: Uint8Array;
  /** The tensor of a float model. */
  readonly floats: Float32Array | undefined;
  readonly bytes: Uint8Array;
}

/** How a rectangle of one size becomes the tensor. */
interface Way {
  readonly source: Size;
  /** Of the luma; colours have half of it in both directions, as photos have that are stored as JPEG. */
  readonly placement: Placement;
  readonly luma: PlaneResizer;
  readonly chroma: PlaneResizer;
}

/** Fills one model's input tensor from frames of one size, or from regions of them. */
export class Preprocessor {
  /** The whole frame. */
  readonly whole: Region;
  readonly #input: ModelInput;
  readonly #frameBytes: number;
  readonly #kernels = new PixelKernels();
  /** By width of the region; there are few sizes, and each is made when it is first wanted. */
  readonly #ways = new Map<number, Way[]>();
  /** Addresses in the memory of the kernels. */
  readonly #at: {
    readonly [what in 'frame' | 'luma' | 'u' | 'v' | 'scratch' | 'row' | 'rgb' | 'floats']: number;
  };
  #views: Views;
  /** Whose borders are in the tensor. */
  #filled: Placement | undefined;

  constructor(input: ModelInput, frameWidth: number, frameHeight: number) {
    this.#input = input;
    this.whole = { x: 0, y: 0, width: frameWidth, height: frameHeight };
    this.#frameBytes = (frameWidth * frameHeight * 3) / 2;
    const pixels = input.width * input.height;
    const colours = ((input.width + 1) >> 1) * ((input.height + 1) >> 1);
    const isFloat = input.type === 'float32';
    this.#at = {
      frame: this.#kernels.take(this.#frameBytes),
      luma: this.#kernels.take(pixels),
      u: this.#kernels.take(colours),
      v: this.#kernels.take(colours),
      scratch: this.#kernels.take(scratchBytes(frameWidth)),
      row: this.#kernels.take(3 * wholeVectors(input.width)),
      rgb: this.#kernels.take(3 * pixels),
      floats: this.#kernels.take(isFloat ? 12 * pixels : 0),
    };
    this.#wayOf(this.whole);
    this.#views = this.#viewed();
  }

  /** The tensor's bytes, to be handed on before the next `run` or `write`. */
  get bytes(): Uint8Array {
    return this.#views.bytes;
  }

  /** Takes a frame (I420, stride = width), and writes a region of it into the tensor. */
  run(frame: Uint8Array, region: Region = this.whole): void {
    this.take(frame);
    this.write(region);
  }

  /** Takes a frame into the memory of the kernels, for as many `write`s as there are regions. */
  take(frame: Uint8Array): void {
    if (frame.length !== this.#frameBytes) {
      throw new RangeError(`a frame has ${frame.length} bytes, expected ${this.#frameBytes}`);
    }
    this.#kernels.bytes.set(frame, this.#at.frame);
  }

  /** Writes a region of the frame taken last into the tensor. */
  write(region: Region): void {
    const { placement, luma, chroma } = this.#wayOf(region);
    const at = this.#at;
    const { x, y } = region;
    const { width, height } = this.whole;
    const colours = at.frame + width * height + (y / 2) * (width / 2) + x / 2;
    // Tables of another way may have made the memory grow: it lies elsewhere then.
    if (this.#views.bytes.length === 0) this.#views = this.#viewed();
    luma.run(at.frame + y * width + x, at.luma);
    chroma.run(colours, at.u);
    chroma.run(colours + (width * height) / 4, at.v);
    const { rgb, floats } = this.#views;
    if (this.#filled !== placement) rgb.fill(BORDER);
    this.#filled = placement;
    this.#convert(placement);
    if (floats !== undefined) this.#normalise(rgb, floats);
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

  #viewed(): Views {
    const { rgb: at, floats: floatsAt } = this.#at;
    const { buffer } = this.#kernels.bytes;
    const length = 3 * this.#input.width * this.#input.height;
    const rgb = new Uint8Array(buffer, at, length);
    if (this.#input.type !== 'float32') return { rgb, floats: undefined, bytes: rgb };
    const floats = new Float32Array(buffer, floatsAt, length);
    return { rgb, floats, bytes: new Uint8Array(buffer, floatsAt, 4 * length) };
  }

  #wayOf({ width, height }: Region): Way {
    let ways = this.#ways.get(width);
    if (ways === undefined) {
      ways = [];
      this.#ways.set(width, ways);
    }
    for (const way of ways) if (way.source.height === height) return way;
    const way = this.#makeWay({ width, height });
    ways.push(way);
    return way;
  }

  #makeWay(source: Size): Way {
    const placement = placementOf(this.#input, source.width, source.height);
    const { kernels, scratch } = { kernels: this.#kernels, scratch: this.#at.scratch };
    const stride = this.whole.width;
    return {
      source,
      placement,
      luma: planeResizer({ kernels, source, target: placement, stride, scratch }),
      // Repeated where they grow: with colours between those of its pixels the model finds no more.
      chroma: new PlaneAverager({
        kernels,
        source: { width: source.width / 2, height: source.height / 2 },
        target: { width: (placement.width + 1) >> 1, height: (placement.height + 1) >> 1 },
        stride: stride / 2,
        scratch,
      }),
    };
  }

  /** To RGB, cut at 0 and 255; written in the model's layout and colour order. Two pixels of a row share their colour. */
  #convert({ left, top, width, height }: Placement): void {
    const planar = this.#input.layout === 'nchw';
    const swap = this.#input.colour === 'rgb' ? 0 : 1;
    const channelBytes = this.#input.width * this.#input.height;
    // A row by itself first: whole vectors would reach over its end in the tensor.
    const { luma, u, v, row: whole, rgb } = this.#at;
    const apart = planar ? wholeVectors(width) : 0;
    const { run, bytes } = this.#kernels;
    for (let row = 0; row < height; row += 1) {
      const colours = (row >> 1) * ((width + 1) >> 1);
      run.colour(
        luma + row * width,
        u + colours,
        v + colours,
        width,
        whole,
        apart,
        LUMA_GAIN,
        RED_OF_V,
        GREEN_OF_U,
        GREEN_OF_V,
        BLUE_OF_U,
        swap,
      );
      const pixel = (top + row) * this.#input.width + left;
      if (!planar) bytes.copyWithin(rgb + 3 * pixel, whole, whole + 3 * width);
      for (let channel = 0; planar && channel < 3; channel += 1) {
        const from = whole + channel * apart;
        bytes.copyWithin(rgb + channel * channelBytes + pixel, from, from + width);
      }
    }
  }

  /** (pixel − mean) · scale per channel, in the order of the tensor's channels. */
  #normalise(rgb: Uint8Array, floats: Float32Array): void {
    const { mean, scale, layout, width, height } = this.#input;
    const planar = layout === 'nchw';
    const step = planar ? 1 : 3;
    for (let channel = 0; channel < 3; channel += 1) {
      const start = planar ? channel * width * height : channel;
      const end = planar ? start + width * height : floats.length;
      const subtract = mean[channel]!;
      const multiply = scale[channel]!;
      for (let at = start; at < end; at += step) floats[at] = (rgb[at]! - subtract) * multiply;
    }
  }
}

function wholeVectors(width: number): number {
  return VECTOR * Math.ceil(width / VECTOR);
}
