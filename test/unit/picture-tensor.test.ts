import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ModelInput } from '../../daemon/core/types.ts';
import type { Picture } from '../../daemon/models/picture.ts';
import { pictureTensor } from '../../daemon/models/picture-tensor.ts';

function inputOf(wish: Partial<ModelInput> = {}): ModelInput {
  return {
    name: 'image',
    width: 4,
    height: 4,
    type: 'uint8',
    layout: 'nhwc',
    colour: 'rgb',
    mean: [0, 0, 0],
    scale: [1, 1, 1],
    resize: 'stretch',
    ...wish,
  };
}

/** A picture of a formula. */
function pictureOf(
  width: number,
  height: number,
  at: (x: number, y: number) => readonly [number, number, number],
): Picture {
  const rgb = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) rgb.set(at(x, y), (y * width + x) * 3);
  }
  return { name: 'formula', width, height, rgb };
}

/** The red of a tensor in nhwc. */
function reds(picture: Picture, input: ModelInput): number[] {
  return [...pictureTensor(picture, input).data].filter((_, at) => at % 3 === 0);
}

describe('resizing', () => {
  test('a picture of the size of the input stays as it is', () => {
    const picture = pictureOf(4, 4, (x, y) => [x * 10, y * 10, x + y]);
    expect(pictureTensor(picture, inputOf()).data).toEqual(picture.rgb);
  });

  test('shrinking averages all pixels by the area that they cover', () => {
    // 6 columns to 4: each target column covers one and a half.
    const picture = pictureOf(6, 4, (x) => [x * 30, 0, 0]);
    const column = [(0 + 0.5 * 30) / 1.5, (0.5 * 30 + 60) / 1.5, (90 + 0.5 * 120) / 1.5];
    expect(reds(picture, inputOf()).slice(0, 4)).toEqual(
      [...column, (0.5 * 120 + 150) / 1.5].map((value) => Math.round(value)),
    );
  });

  test('growing is bilinear with the centres of the pixels at half', () => {
    const picture = pictureOf(2, 1, (x) => [x * 100, 0, 0]);
    expect(reds(picture, inputOf())).toEqual(Array.from({ length: 4 }, () => [0, 25, 75, 100]).flat());
  });

  test('one direction may shrink while the other grows', () => {
    const picture = pictureOf(8, 2, (x, y) => [x * 10 + y * 100, 0, 0]);
    const across = [5, 25, 45, 65];
    const down = [0, 25, 75, 100];
    expect(reds(picture, inputOf())).toEqual(down.flatMap((y) => across.map((x) => x + y)));
  });

  test('a plain picture stays plain and the mean of any other stays about the same', () => {
    const side = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(side, side, fc.integer({ min: 0, max: 255 }), (width, height, value) => {
        const plain = pictureOf(width, height, () => [value, value, value]);
        expect(new Set(reds(plain, inputOf({ width: 16, height: 16 })))).toEqual(new Set([value]));
      }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 8, max: 40 }),
        fc.uint8Array({ minLength: 40, maxLength: 40 }),
        (width, values) => {
          const picture = pictureOf(width, 8, (x, y) => [values[(x * 7 + y * 3) % 40]!, 0, 0]);
          const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length;
          const before = mean([...picture.rgb].filter((_, at) => at % 3 === 0));
          expect(Math.abs(mean(reds(picture, inputOf({ width: 8, height: 8 }))) - before)).toBeLessThan(1);
        },
      ),
    );
  });
});

describe('layout', () => {
  const picture = pictureOf(4, 4, (x, y) => [x, 100 + y, 200]);

  test('planes, blue first, are in the order that the model wants', () => {
    const { data, dims } = pictureTensor(picture, inputOf({ layout: 'nchw', colour: 'bgr' }));
    expect(dims).toEqual([1, 3, 4, 4]);
    expect([...data.slice(0, 16)]).toEqual(Array.from({ length: 16 }, () => 200));
    expect([...data.slice(32, 36)]).toEqual([0, 1, 2, 3]);
  });

  test('mean and scale are those of the channels of the tensor, in its own order', () => {
    const wish = { type: 'float32', colour: 'bgr', mean: [200, 100, 0], scale: [1, 0.5, 2] } as const;
    const { data, type, dims } = pictureTensor(picture, inputOf(wish));
    expect([type, dims]).toEqual(['float32', [1, 4, 4, 3]]);
    const at = (2 * 4 + 3) * 3;
    expect([...data.slice(at, at + 3)]).toEqual([0, 1, 6]);
  });

  test('a letterboxed picture keeps its shape, between borders of grey that are normalised as well', () => {
    const wide = pictureOf(8, 4, () => [10, 20, 30]);
    const input = inputOf({
      type: 'float32',
      mean: [14, 14, 14],
      scale: [0.1, 0.1, 0.1],
      resize: 'letterbox',
    });
    const { data } = pictureTensor(wide, input);
    const rows = Array.from({ length: 4 }, (_, y) => [...data.slice(y * 12, y * 12 + 3)]);
    const near = (row: readonly number[]): number[] => row.map((value) => Math.round(value * 1e5) / 1e5);
    expect(rows.map(near)).toEqual([
      [10, 10, 10],
      [-0.4, 0.6, 1.6],
      [-0.4, 0.6, 1.6],
      [10, 10, 10],
    ]);
  });

  test('a tensor is used again, nothing of the picture before is left in it', () => {
    const input = inputOf({ resize: 'letterbox' });
    const first = pictureTensor(
      pictureOf(4, 4, () => [255, 255, 255]),
      input,
    );
    const wide = pictureOf(8, 2, () => [1, 2, 3]);
    const again = pictureTensor(wide, input, first);
    expect(again).toBe(first);
    expect(again.data).toEqual(pictureTensor(wide, input).data);
  });
});
