import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Preprocessor, type Region } from '../../daemon/camera/preprocess.ts';
import { boxInPicture, placementOf } from '../../daemon/core/placement.ts';
import type { ModelInput } from '../../daemon/core/types.ts';

const INPUT: ModelInput = {
  name: 'image',
  width: 320,
  height: 320,
  type: 'uint8',
  layout: 'nhwc',
  colour: 'rgb',
  mean: [0, 0, 0],
  scale: [1, 1, 1],
  resize: 'stretch',
};

/** A frame whose luma comes from a function; chroma is one colour. */
function frameOf(
  width: number,
  height: number,
  luma: (x: number, y: number) => number,
  u = 128,
  v = 128,
): Uint8Array {
  const frame = new Uint8Array((width * height * 3) / 2);
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) frame[y * width + x] = luma(x, y);
  frame.fill(u, width * height, (width * height * 5) / 4);
  frame.fill(v, (width * height * 5) / 4);
  return frame;
}

/** RGB of a pixel of the tensor of an nhwc uint8 model. */
function pixel(target: Preprocessor, x: number, y: number, width = 320): number[] {
  return [...target.bytes.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
}

describe('colour', () => {
  // Limited-range BT.601 values of the 75 % colour bars (ITU-R BT.801, EBU Tech 3213).
  test.each([
    ['black', 16, 128, 128, [0, 0, 0]],
    ['white', 235, 128, 128, [255, 255, 255]],
    ['75 % red', 65, 100, 212, [191, 0, 0]],
    ['75 % green', 112, 72, 58, [0, 191, 0]],
    ['75 % blue', 35, 212, 114, [0, 0, 191]],
  ])('%s comes out right', (_, y, u, v, expected) => {
    const target = new Preprocessor(INPUT, 640, 384);
    target.run(frameOf(640, 384, () => y, u, v));
    for (const [channel, value] of pixel(target, 100, 100).entries()) {
      expect(Math.abs(value - expected[channel]!)).toBeLessThanOrEqual(2);
    }
  });

  test('pixels of an odd width have the colour of their place, to the last', () => {
    const input: ModelInput = { ...INPUT, width: 321, height: 321 };
    const target = new Preprocessor(input, 640, 384);
    const frame = frameOf(640, 384, () => 120);
    // Red to the right of the middle.
    for (let y = 0; y < 192; y += 1)
      frame.fill(212, 640 * 384 * 1.25 + y * 320 + 160, 640 * 384 * 1.25 + y * 320 + 320);
    target.run(frame);
    for (const row of [0, 159, 320]) {
      expect(pixel(target, 158, row, 321)).toEqual([121, 121, 121]);
      expect(pixel(target, 162, row, 321)).toEqual(pixel(target, 320, row, 321));
    }
    expect(pixel(target, 320, 320, 321)[0]).toBe(255);
  });

  test('bgr swaps red and blue, nchw keeps channels apart', () => {
    const red = frameOf(640, 384, () => 65, 100, 212);
    const bgr = new Preprocessor({ ...INPUT, colour: 'bgr' }, 640, 384);
    bgr.run(red);
    expect(pixel(bgr, 5, 5)[2]).toBeGreaterThan(185);
    const planar = new Preprocessor({ ...INPUT, layout: 'nchw' }, 640, 384);
    planar.run(red);
    expect(planar.bytes[0]).toBeGreaterThan(185);
    expect(planar.bytes[320 * 320]).toBeLessThan(4);
    expect(planar.bytes[2 * 320 * 320]).toBeLessThan(4);
  });

  test('a float model gets (pixel − mean) · scale per channel', () => {
    const input: ModelInput = {
      ...INPUT,
      type: 'float32',
      mean: [127.5, 100, 0],
      scale: [1 / 127.5, 0.5, 1],
    };
    const target = new Preprocessor(input, 640, 384);
    target.run(frameOf(640, 384, () => 235));
    const floats = new Float32Array(target.bytes.buffer, target.bytes.byteOffset, 3);
    expect(floats[0]).toBeCloseTo(1, 2);
    expect(floats[1]).toBeCloseTo(77.5, 0);
    expect(floats[2]).toBeCloseTo(255, 0);
  });
});

/** Columns and rows of the tensor at which it is looked. */
const PLACES = [
  [0, 0],
  [1, 2],
  [157, 201],
  [318, 319],
  [319, 100],
] as const;

describe('resizing', () => {
  // Sizes that take the word-wise paths (4 and 2 columns a pixel) and the general one, down, and up in one direction.
  test.each([
    [1280, 720],
    [640, 384],
    [1920, 1080],
    [448, 252],
    [320, 192],
    [192, 448],
  ])('%ix%i averages exactly the source pixels that fall on a target pixel', (width, height) => {
    const luma = (x: number, y: number): number => 16 + ((x * 7 + y * 13) % 200);
    const target = new Preprocessor(INPUT, width, height);
    target.run(frameOf(width, height, luma));
    for (const [column, row] of PLACES) {
      const x0 = Math.floor((column * width) / 320);
      const x1 = Math.max(x0 + 1, Math.floor(((column + 1) * width) / 320));
      const y0 = Math.floor((row * height) / 320);
      const y1 = Math.max(y0 + 1, Math.floor(((row + 1) * height) / 320));
      let sum = 0;
      for (let y = y0; y < y1; y += 1) for (let x = x0; x < x1; x += 1) sum += luma(x, y);
      const grey = ((sum / ((x1 - x0) * (y1 - y0)) - 16) * 255) / 219;
      for (const value of pixel(target, column, row)) expect(Math.abs(value - grey)).toBeLessThanOrEqual(1.7);
    }
  });

  test.each([
    [160, 160],
    [192, 128],
    [256, 270],
    [64, 318],
  ])(
    '%ix%i, which is smaller both ways, is interpolated between the centres of its pixels',
    (width, height) => {
      const luma = (x: number, y: number): number => 16 + ((x * 37 + y * 53) % 200);
      const target = new Preprocessor(INPUT, width, height);
      target.run(frameOf(width, height, luma));
      for (const [column, row] of PLACES) {
        const [x, y] = [((column + 0.5) * width) / 320 - 0.5, ((row + 0.5) * height) / 320 - 0.5];
        const [left, top] = [Math.floor(x), Math.floor(y)];
        let sum = 0;
        for (const [atX, partX] of [[left, left + 1 - x] as const, [left + 1, x - left] as const]) {
          for (const [atY, partY] of [[top, top + 1 - y] as const, [top + 1, y - top] as const]) {
            const inside = [
              Math.min(width - 1, Math.max(0, atX)),
              Math.min(height - 1, Math.max(0, atY)),
            ] as const;
            sum += luma(...inside) * partX * partY;
          }
        }
        const grey = ((sum - 16) * 255) / 219;
        for (const value of pixel(target, column, row))
          expect(Math.abs(value - grey)).toBeLessThanOrEqual(2.5);
      }
    },
  );

  test('a letterboxed frame lies centred between grey borders', () => {
    const input: ModelInput = { ...INPUT, resize: 'letterbox' };
    const target = new Preprocessor(input, 640, 384);
    target.run(frameOf(640, 384, () => 235));
    expect(placementOf(input, 640, 384)).toEqual({ left: 0, top: 64, width: 320, height: 192 });
    expect(pixel(target, 10, 63)).toEqual([114, 114, 114]);
    expect(pixel(target, 10, 64)).toEqual([255, 255, 255]);
    expect(pixel(target, 10, 255)).toEqual([255, 255, 255]);
    expect(pixel(target, 10, 256)).toEqual([114, 114, 114]);
  });

  // Crops that take the word-wise paths, the general one, one that is not aligned to words, and one that is made larger.
  test.each([
    { x: 0, y: 0, width: 640, height: 640 },
    { x: 320, y: 80, width: 320, height: 320 },
    { x: 904, y: 238, width: 376, height: 482 },
    { x: 8, y: 2, width: 320, height: 640 },
    { x: 904, y: 238, width: 192, height: 192 },
  ])('region %j is what a frame of just that part would be', (region) => {
    const luma = (x: number, y: number): number => 16 + ((x * 7 + y * 13 + ((x * y) >> 5)) % 220);
    const frame = frameOf(1280, 720, luma, 90, 160);
    const { x, y, width, height } = region;
    const part = frameOf(width, height, (column, row) => luma(x + column, y + row), 90, 160);
    const [whole, alone] = [new Preprocessor(INPUT, 1280, 720), new Preprocessor(INPUT, width, height)];
    whole.run(frame);
    whole.run(frame, region);
    alone.run(part);
    expect(whole.bytes).toEqual(alone.bytes);
  });

  test('the borders of a letterboxed region are grey where another had picture', () => {
    const target = new Preprocessor({ ...INPUT, resize: 'letterbox' }, 640, 384);
    const frame = frameOf(640, 384, () => 235);
    target.run(frame, { x: 0, y: 0, width: 320, height: 320 });
    expect(pixel(target, 10, 10)).toEqual([255, 255, 255]);
    target.run(frame);
    expect(pixel(target, 10, 10)).toEqual([114, 114, 114]);
  });

  test('a frame of another size is refused', () => {
    expect(() => new Preprocessor(INPUT, 640, 384).run(new Uint8Array(10))).toThrow(
      /10 bytes, expected 368640/,
    );
  });
});

/** Mean of a rectangle of a plane, rounded. */
function mean(plane: Uint8Array, stride: number, columns: [number, number], rows: [number, number]): number {
  let [sum, count] = [0, 0];
  for (let y = rows[0]; y < rows[1]; y += 1) {
    for (let x = columns[0]; x < columns[1]; x += 1, count += 1) sum += plane[y * stride + x]!;
  }
  return Math.floor((sum + (count >> 1)) / count);
}

/** Source pixels of a target pixel. */
function span(index: number, from: number, to: number): [number, number] {
  const start = Math.min(from - 1, Math.floor((index * from) / to));
  return [start, Math.max(start + 1, Math.floor(((index + 1) * from) / to))];
}

/** Between two of four neighbours and then between those, weights of 256, each rounded; beyond the edge it goes on. */
function between(frame: Uint8Array, stride: number, region: Region, side: number, at: number): number {
  const place = (index: number, from: number): [number, number] => {
    const exact = Math.min(from - 1, Math.max(0, ((index + 0.5) * from) / side - 0.5));
    const start = Math.min(from - 2, Math.floor(exact));
    return [start, Math.round((exact - start) * 256)];
  };
  const mixed = (a: number, b: number, weight: number): number => a + (((b - a) * weight + 128) >> 8);
  const [x, across] = place(at % side, region.width);
  const [y, down] = place(Math.floor(at / side), region.height);
  const first = (region.y + y) * stride + region.x + x;
  const [left, right] = [first, first + 1].map((i) => mixed(frame[i]!, frame[i + stride]!, down));
  return mixed(left!, right!, across);
}

/** A pixel of the tensor by the book: a part of the frame averaged, or interpolated where it grows; BT.601 in 16.16 fixed point. */
function expectedPixel(frame: Uint8Array, size: Region, region: Region, side: number, at: number): number[] {
  const { width, height } = size;
  const [column, row, colours] = [at % side, Math.floor(at / side), (side + 1) >> 1];
  const shifted = ([start, end]: [number, number], by: number): [number, number] => [start + by, end + by];
  const grows = region.width < side && region.height < side;
  const y = grows
    ? between(frame, width, region, side, at)
    : mean(
        frame,
        width,
        shifted(span(column, region.width, side), region.x),
        shifted(span(row, region.height, side), region.y),
      );
  const [u, v] = [1, 1.25].map((plane) =>
    mean(
      frame.subarray(width * height * plane),
      width / 2,
      shifted(span(column >> 1, region.width / 2, colours), region.x / 2),
      shifted(span(row >> 1, region.height / 2, colours), region.y / 2),
    ),
  ) as [number, number];
  const bright = 76309 * (y - 16) + 32768;
  const sums = [
    bright + 104597 * (v - 128),
    bright - 25675 * (u - 128) - 53279 * (v - 128),
    bright + 132201 * (u - 128),
  ];
  return sums.map((sum) => Math.max(0, Math.min(255, sum >> 16)));
}

describe('any sizes', () => {
  const sizes = fc.record({
    width: fc.integer({ min: 8, max: 160 }).map((n) => 8 * n),
    height: fc.integer({ min: 16, max: 360 }).map((n) => 2 * n),
    side: fc.integer({ min: 17, max: 416 }),
    part: fc.tuple(fc.nat(99), fc.nat(99)),
    layout: fc.constantFrom('nhwc', 'nchw'),
    colour: fc.constantFrom('rgb', 'bgr'),
    seed: fc.integer(),
  });
  function noise(length: number, seed: number): Uint8Array {
    let state = seed | 1;
    return Uint8Array.from({ length }, () => {
      state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9;
      return state >>> 24;
    });
  }

  test('every byte of a tensor is exactly what it has to be', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(sizes, ({ width, height, side, part, layout, colour, seed }) => {
        const size = { x: 0, y: 0, width, height };
        const region = {
          x: 8 * Math.floor((part[0] * width) / 1600),
          y: 2 * Math.floor((part[1] * height) / 400),
          width: 8 * Math.ceil(width / 16),
          height: 2 * Math.ceil(height / 4),
        };
        const frame = noise((width * height * 3) / 2, seed);
        const target = new Preprocessor(
          { ...INPUT, width: side, height: side, layout, colour },
          width,
          height,
        );
        target.run(frame, region);
        for (let at = 0; at < side * side; at += 1) {
          const expected = expectedPixel(frame, size, region, side, at);
          if (colour === 'bgr') expected.reverse();
          const found = expected.map(
            (_, k) => target.bytes[layout === 'nhwc' ? 3 * at + k : k * side * side + at],
          );
          if (expected.some((value, k) => value !== found[k])) {
            throw new Error(`pixel ${at}: ${found} where ${expected} is right`);
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  test('several regions of a frame that was taken once are as each of them by itself', () => {
    const frame = noise((1280 * 720 * 3) / 2, 8);
    const target = new Preprocessor(INPUT, 1280, 720);
    target.take(frame);
    for (const width of [192, 1280, 384]) {
      const region = { x: 0, y: 0, width, height: width / 2 };
      const alone = new Preprocessor(INPUT, 1280, 720);
      alone.run(frame, region);
      target.write(region);
      expect(Buffer.compare(target.bytes, alone.bytes)).toBe(0);
    }
  });

  test('regions of many sizes do not disturb each other or the tensor', () => {
    const frame = noise((1280 * 720 * 3) / 2, 7);
    const all = new Preprocessor(INPUT, 1280, 720);
    for (let width = 64; width <= 1280; width += 64) all.run(frame, { x: 0, y: 0, width, height: width / 2 });
    all.run(frame);
    const fresh = new Preprocessor(INPUT, 1280, 720);
    fresh.run(frame);
    expect(Buffer.compare(all.bytes, fresh.bytes)).toBe(0);
  });
});

describe('boxInFrame', () => {
  test('undoes the letterbox and cuts at the edges of the frame', () => {
    const input: ModelInput = { ...INPUT, resize: 'letterbox' };
    const placement = placementOf(input, 640, 384);
    const whole = boxInPicture({ x1: 0, y1: 64 / 320, x2: 1, y2: 256 / 320 }, input, placement);
    expect(whole).toEqual({ x: 0, y: 0, width: 1, height: 1 });
    const cut = boxInPicture({ x1: 0.5, y1: 0, x2: 1.2, y2: 0.5 }, input, placement);
    expect(cut).toEqual({ x: 0.5, y: 0, width: 0.5, height: 0.5 });
  });

  test('puts what was found in a region where it is in the frame, cut at the region', () => {
    const target = new Preprocessor({ ...INPUT, resize: 'letterbox' }, 1280, 720);
    const region = { x: 640, y: 180, width: 640, height: 360 };
    // 640x360 lies 320x180 in the tensor, 70 from the top.
    expect(target.boxInFrame({ x1: 0.5, y1: 70 / 320, x2: 1.1, y2: 160 / 320 }, region)).toEqual({
      x: 0.75,
      y: 0.25,
      width: 0.25,
      height: 0.25,
    });
  });

  test('changes nothing for a stretched model', () => {
    const box = boxInPicture({ x1: 0.1, y1: 0.2, x2: 0.3, y2: 0.6 }, INPUT, placementOf(INPUT, 1280, 720));
    expect(box.x).toBeCloseTo(0.1, 10);
    expect(box.height).toBeCloseTo(0.4, 10);
  });
});
