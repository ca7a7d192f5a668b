// The pictures of a quantization as inputs of its model: two thirds to calibrate with, one third to control what came of it.
// They are kept at the size of the input, so that nothing is decoded twice. Any thread.
import type { ModelInput } from '../core/types.ts';
import type { Feeds } from './calibrate-observe.ts';
import type { Picture } from './picture.ts';
import { pictureTensor } from './picture-tensor.ts';
import type { KeptPictures } from './quantize-work.ts';

/** Every third picture is for control; in between, so that both have seen the same hours and lights. */
const CONTROL_EVERY = 3;
/** With fewer pictures than this the ranges are guesses. */
export const PICTURES_MIN = 8;

/** How many pictures to gather for so many to calibrate with. */
export function picturesToGather(calibrating: number): number {
  return Math.ceil((calibrating * CONTROL_EVERY) / (CONTROL_EVERY - 1));
}

/** What is kept of a picture: red, green, blue of the input's size, resized and placed as the model wants it. */
export function keptForm(input: ModelInput): ModelInput {
  return { ...input, type: 'uint8', layout: 'nhwc', colour: 'rgb', mean: [0, 0, 0], scale: [1, 1, 1] };
}

export function keptBytes({ width, height }: ModelInput): number {
  return width * height * 3;
}

export function keep(kept: KeptPictures, picture: Picture, input: ModelInput): void {
  kept.add(pictureTensor(picture, keptForm(input)).data as Uint8Array);
}

export interface SplitFeeds {
  readonly calibration: Feeds;
  readonly control: Feeds;
}

export function splitFeeds(kept: KeptPictures, input: ModelInput): SplitFeeds {
  const [calibration, control]: [number[], number[]] = [[], []];
  for (let at = 0; at < kept.count; at += 1) {
    (at % CONTROL_EVERY === CONTROL_EVERY - 1 ? control : calibration).push(at);
  }
  const feedsOf = (numbers: readonly number[]): Feeds => ({
    count: numbers.length,
    at: (index) => {
      const rgb = kept.at(numbers[index]!);
      const picture = { name: String(index), width: input.width, height: input.height, rgb };
      return { [input.name]: pictureTensor(picture, input) };
    },
  });
  return { calibration: feedsOf(calibration), control: feedsOf(control) };
}
