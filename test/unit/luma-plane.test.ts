import { expect, test } from 'vitest';
import { LumaPlane } from '../../daemon/camera/luma-plane.ts';

function frameOf(width: number, height: number, luma: (x: number, y: number) => number): Uint8Array {
  const frame = new Uint8Array((width * height * 3) / 2).fill(128);
  for (let y = 0; y < height; y += 1) for (let x = 0; x < width; x += 1) frame[y * width + x] = luma(x, y);
  return frame;
}

// Whole words (4, 8, 12, 24 pixels to one) and single bytes (1, 2).
test.each([
  [1280, 720, 160, 90],
  [1920, 1080, 160, 90],
  [640, 384, 160, 96],
  [704, 576, 176, 144],
  [3840, 2160, 160, 90],
  [320, 192, 160, 96],
  [128, 96, 128, 96],
])('%ix%i becomes %ix%i, each pixel the mean of those it stands for', (width, height, across, down) => {
  // The rows of a pair are alike, so that it does not matter that every other is read.
  const frame = frameOf(width, height, (x, y) => 16 + ((x * 3 + (y >> 1) * 5) % 200));
  const plane = new LumaPlane({ width, height });
  plane.shrink(frame);
  expect([plane.width, plane.height, plane.pixels.length]).toEqual([across, down, across * down]);
  const side = width / across;
  for (const [column, row] of [
    [0, 0],
    [across - 1, down - 1],
    [across >> 1, down >> 2],
  ] as const) {
    let sum = 0;
    for (let y = row * side; y < (row + 1) * side; y += 1)
      for (let x = column * side; x < (column + 1) * side; x += 1) sum += frame[y * width + x]!;
    expect(Math.abs(plane.pixels[row * across + column]! - sum / (side * side))).toBeLessThanOrEqual(0.6);
  }
});

test('white stays white and black black, whatever the factor', () => {
  for (const width of [64, 192, 320, 448, 640, 1280, 1920, 3840]) {
    const plane = new LumaPlane({ width, height: width / 2 });
    for (const code of [0, 16, 235, 255]) {
      plane.shrink(frameOf(width, width / 2, () => code));
      expect(new Set(plane.pixels)).toEqual(new Set([code]));
    }
  }
});
