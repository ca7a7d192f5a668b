// Default boxes of SSD against values worked out by hand from the papers' formulas, not by the same code.
import { expect, test } from 'vitest';
import {
  TENSORFLOW_SSD,
  TORCHVISION_SSDLITE,
  tensorflowAnchors,
  torchvisionAnchors,
} from '../../daemon/models/ssd-anchors.ts';

const MAPS_300 = [19, 10, 5, 3, 2, 1].map((side) => ({ width: side, height: side }));
const MAPS_320 = [20, 10, 5, 3, 2, 1].map((side) => ({ width: side, height: side }));

function box(anchors: Float64Array, at: number): number[] {
  return Array.from(anchors.subarray(at * 4, at * 4 + 4), (value) => Math.round(value * 1e6) / 1e6);
}

test('the 1917 boxes of SSD on a MobileNet at 300: three of the finest map, six of each other', () => {
  const anchors = tensorflowAnchors(MAPS_300, { width: 300, height: 300 }, TENSORFLOW_SSD);
  expect(anchors.length / 4).toBe(19 * 19 * 3 + (100 + 25 + 9 + 4 + 1) * 6);
  expect(anchors.length / 4).toBe(1917);
  // The first place of 19: 0.5/19. Scales 0.1 square, then 0.2 with ratios 2 and 1/2.
  expect(box(anchors, 0)).toEqual([0.026316, 0.026316, 0.1, 0.1]);
  expect(box(anchors, 1)).toEqual([0.026316, 0.026316, 0.282843, 0.141421]);
  expect(box(anchors, 2)).toEqual([0.026316, 0.026316, 0.141421, 0.282843]);
  // The next place of the row, and the first of the second row.
  expect(box(anchors, 3)).toEqual([0.078947, 0.026316, 0.1, 0.1]);
  expect(box(anchors, 19 * 3)).toEqual([0.026316, 0.078947, 0.1, 0.1]);
  // The second map: scale 0.35 for ratios 1, 2, 1/2, 3, 1/3, then a square of sqrt(0.35 · 0.5).
  const second = 19 * 19 * 3;
  expect(box(anchors, second)).toEqual([0.05, 0.05, 0.35, 0.35]);
  expect(box(anchors, second + 1)).toEqual([0.05, 0.05, 0.494975, 0.247487]);
  expect(box(anchors, second + 2)).toEqual([0.05, 0.05, 0.247487, 0.494975]);
  expect(box(anchors, second + 3)).toEqual([0.05, 0.05, 0.606218, 0.202073]);
  expect(box(anchors, second + 4)).toEqual([0.05, 0.05, 0.202062, 0.606248]);
  expect(box(anchors, second + 5)).toEqual([0.05, 0.05, 0.41833, 0.41833]);
  // The last map of one place: scale 0.95, its square between 0.95 and 1.
  expect(box(anchors, 1911)).toEqual([0.5, 0.5, 0.95, 0.95]);
  expect(box(anchors, 1916)).toEqual([0.5, 0.5, 0.974679, 0.974679]);
});

test('the 3234 boxes of torchvision at 320: six at each place, sizes cut at the picture', () => {
  const anchors = torchvisionAnchors(MAPS_320, TORCHVISION_SSDLITE);
  expect(anchors.length / 4).toBe(3234);
  expect(box(anchors, 0)).toEqual([0.025, 0.025, 0.2, 0.2]);
  // sqrt(0.2 · 0.35), then 2:1, 1:2, 3:1, 1:3 of scale 0.2.
  expect(box(anchors, 1)).toEqual([0.025, 0.025, 0.264575, 0.264575]);
  expect(box(anchors, 2)).toEqual([0.025, 0.025, 0.282843, 0.141421]);
  expect(box(anchors, 3)).toEqual([0.025, 0.025, 0.141421, 0.282843]);
  expect(box(anchors, 4)).toEqual([0.025, 0.025, 0.34641, 0.11547]);
  expect(box(anchors, 5)).toEqual([0.025, 0.025, 0.11547, 0.34641]);
  expect(box(anchors, 6)).toEqual([0.075, 0.025, 0.2, 0.2]);
  // The last map: 0.95 · sqrt(2) is more than all of the picture.
  expect(box(anchors, 3228)).toEqual([0.5, 0.5, 0.95, 0.95]);
  expect(box(anchors, 3230)).toEqual([0.5, 0.5, 1, 0.671751]);
});

test("TensorFlow's boxes are parts of the shorter side: square ones are square in a picture that is not", () => {
  const wide = tensorflowAnchors([{ width: 4, height: 2 }], { width: 640, height: 320 }, TENSORFLOW_SSD);
  // 0.1 of 320 pixels is 32: 0.05 of the width. Then 0.2 of ratio 2: 0.282843 of 320 wide, 0.141421 of it high.
  expect(box(wide, 0)).toEqual([0.125, 0.25, 0.05, 0.1]);
  expect(box(wide, 1)).toEqual([0.125, 0.25, 0.141421, 0.141421]);
  expect(box(wide, 2)).toEqual([0.125, 0.25, 0.070711, 0.282843]);
  const high = tensorflowAnchors([{ width: 1, height: 3 }], { width: 100, height: 300 }, TENSORFLOW_SSD);
  expect(box(high, 0)).toEqual([0.5, 0.166667, 0.1, 0.033333]);
  expect(box(high, 1)).toEqual([0.5, 0.166667, 0.282843, 0.04714]);
});

test('maps that are not square place their boxes by their own sides', () => {
  const anchors = torchvisionAnchors([{ width: 4, height: 2 }], TORCHVISION_SSDLITE);
  expect(anchors.length / 4).toBe(48);
  expect(box(anchors, 6)).toEqual([0.375, 0.25, 0.2, 0.2]);
  expect(box(anchors, 24)).toEqual([0.125, 0.75, 0.2, 0.2]);
});
