import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { drawBox } from '../../daemon/camera/draw.ts';
import { JpegEncoder } from '../../daemon/camera/jpeg.ts';
import type { Canvas } from '../../daemon/camera/rgb.ts';
import { cropRegion } from '../../daemon/camera/snapshots.ts';
import { decodeJpeg, plainFrame, type Rgb } from '../support/pictures.ts';

const SIZE = { width: 128, height: 96 };

function expectColour(picture: Rgb, x: number, y: number, colour: readonly number[], within = 4): void {
  for (const [index, value] of picture.at(x, y).entries()) {
    expect(Math.abs(value - colour[index]!), `${picture.at(x, y)} at ${x}, ${y}`).toBeLessThanOrEqual(within);
  }
}

describe('a JPEG of a frame', () => {
  // Y, U, V of BT.601 limited range, from the standard's own table of colour bars at full amplitude.
  test.each([
    ['black', [16, 128, 128], [0, 0, 0]],
    ['white', [235, 128, 128], [255, 255, 255]],
    ['red', [81, 90, 240], [255, 0, 0]],
    ['green', [145, 54, 34], [0, 255, 0]],
    ['blue', [41, 240, 110], [0, 0, 255]],
    ['a value out of range', [255, 255, 0], [76, 255, 255]],
  ] as const)('shows %s as it is', (_, yuv, rgb) => {
    const picture = decodeJpeg(new JpegEncoder(SIZE, 95).encode(plainFrame(SIZE, yuv)));
    expect([picture.width, picture.height]).toEqual([128, 96]);
    for (const [x, y] of [
      [0, 0],
      [127, 95],
      [64, 48],
    ] as const) {
      expectColour(picture, x, y, rgb);
    }
  });

  test('leaves the frame as it was, also when something is drawn', () => {
    const frame = plainFrame(SIZE, [100, 120, 140]);
    const before = frame.slice();
    new JpegEncoder(SIZE, 80).encode(frame, { draw: ({ pixels }) => pixels.fill(0) });
    expect(frame).toEqual(before);
  });

  test('of a region is that part, in its own memory', () => {
    const frame = plainFrame(SIZE, [16, 128, 128]);
    const region = { x: 40, y: 20, width: 32, height: 48 };
    for (let y = 20; y < 68; y += 1) frame.fill(235, y * 128 + 40, y * 128 + 72);
    const encoder = new JpegEncoder(SIZE, 95);
    const jpeg = encoder.encode(frame, { region });
    encoder.encode(plainFrame(SIZE, [81, 90, 240]));
    const picture = decodeJpeg(jpeg);
    expect([picture.width, picture.height]).toEqual([32, 48]);
    for (const x of [0, 31]) for (const y of [0, 47]) expectColour(picture, x, y, [255, 255, 255]);
    expect(jpeg.buffer.byteLength).toBe(jpeg.length);
  });
});

describe('the region of a crop', () => {
  test('is even, inside the frame, and holds the object with a margin', () => {
    const part = fc.double({ min: 0, max: 1, noNaN: true });
    const size = { width: 640, height: 360 };
    fc.assert(
      fc.property(part, part, part, part, (x1, y1, x2, y2) => {
        const box = {
          x: Math.min(x1, x2),
          y: Math.min(y1, y2),
          width: Math.abs(x1 - x2),
          height: Math.abs(y1 - y2),
        };
        const region = cropRegion(box, size);
        for (const value of Object.values(region)) expect(value % 2).toBe(0);
        const right = region.x + region.width;
        const bottom = region.y + region.height;
        expect(region.x).toBeGreaterThanOrEqual(0);
        expect(region.y).toBeGreaterThanOrEqual(0);
        expect(right).toBeLessThanOrEqual(size.width);
        expect(bottom).toBeLessThanOrEqual(size.height);
        expect(region.x).toBeLessThanOrEqual(box.x * size.width);
        expect(region.y).toBeLessThanOrEqual(box.y * size.height);
        expect(right).toBeGreaterThanOrEqual((box.x + box.width) * size.width - 1e-6);
        expect(bottom).toBeGreaterThanOrEqual((box.y + box.height) * size.height - 1e-6);
        expect(Math.min(region.width, region.height)).toBeGreaterThanOrEqual(32);
      }),
    );
  });
});

describe('a drawn box', () => {
  const GREEN = 0x00ff80;
  function canvas(): Canvas {
    return { pixels: new Uint32Array(SIZE.width * SIZE.height).fill(7), ...SIZE };
  }
  /** The rows of a part of the canvas, '#' where it is black. */
  function rows({ pixels }: Canvas, left: number, top: number, width: number, height: number): string[] {
    return Array.from({ length: height }, (_, y) =>
      Array.from({ length: width }, (_, x) =>
        pixels[(top + y) * SIZE.width + left + x] === 0 ? '#' : '.',
      ).join(''),
    );
  }

  test('is an outline with its text on a strip above', () => {
    const target = canvas();
    drawBox(target, { x: 0.25, y: 0.5, width: 0.5, height: 0.25 }, 'Ox 1');
    const { pixels } = target;
    const at = (x: number, y: number): number => pixels[y * SIZE.width + x]!;
    expect([at(32, 48), at(95, 48), at(32, 71), at(95, 71), at(60, 48), at(32, 60)]).toEqual(
      new Array(6).fill(GREEN),
    );
    expect([at(33, 49), at(31, 60), at(96, 60), at(60, 72)]).toEqual([7, 7, 7, 7]);
    expect(rows(target, 32, 39, 24, 9)).toEqual([
      '........................',
      '..###..#...#.........#..',
      '.#...#.#...#........##..',
      '.#...#..#.#..........#..',
      '.#...#...#...........#..',
      '.#...#..#.#..........#..',
      '.#...#.#...#.........#..',
      '..###..#...#........###.',
      '........................',
    ]);
  });

  test('that reaches beyond the picture, with a text too long for it, writes nothing outside', () => {
    const part = fc.double({ min: -0.5, max: 1.5, noNaN: true });
    fc.assert(
      fc.property(part, part, part, part, fc.string({ maxLength: 60 }), (x, y, width, height, text) => {
        const guard = 64;
        const all = new Uint32Array(SIZE.width * SIZE.height + 2 * guard).fill(7);
        const pixels = all.subarray(guard, guard + SIZE.width * SIZE.height);
        drawBox({ pixels, ...SIZE }, { x, y, width: Math.abs(width), height: Math.abs(height) }, text);
        expect(all.subarray(0, guard).every((value) => value === 7)).toBe(true);
        expect(all.subarray(-guard).every((value) => value === 7)).toBe(true);
      }),
    );
  });
});
