// Where a picture lies in the square that a model looks at, and the way of a box back from there. One rule for the camera's
// frames and for photos in files. Pure.
import type { Box, ModelInput } from './types.ts';

/** Grey of letterbox borders, as in the YOLO family. */
export const BORDER = 114;

/** The part of the tensor that the picture fills: all of it when stretched, a centred part when letterboxed. Pixels. */
export interface Placement {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Of a box, in 0..1 of the model's input. */
export interface Corners {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}

/** The place of a picture of that size in the input of a model. */
export function placementOf(input: ModelInput, pictureWidth: number, pictureHeight: number): Placement {
  if (input.resize === 'stretch') return { left: 0, top: 0, width: input.width, height: input.height };
  const scale = Math.min(input.width / pictureWidth, input.height / pictureHeight);
  const width = Math.max(1, Math.round(pictureWidth * scale));
  const height = Math.max(1, Math.round(pictureHeight * scale));
  return {
    left: Math.floor((input.width - width) / 2),
    top: Math.floor((input.height - height) / 2),
    width,
    height,
  };
}

/** A box in 0..1 of the model's input, as corners, to a box in 0..1 of the picture, cut at its edges. */
export function boxInPicture(corners: Corners, input: ModelInput, placement: Placement): Box {
  const x1 = clamp01((corners.x1 * input.width - placement.left) / placement.width);
  const y1 = clamp01((corners.y1 * input.height - placement.top) / placement.height);
  const x2 = clamp01((corners.x2 * input.width - placement.left) / placement.width);
  const y2 = clamp01((corners.y2 * input.height - placement.top) / placement.height);
  return { x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1) };
}

function clamp01(value: number): number {
  return Math.min(1, Math.max(0, value));
}
