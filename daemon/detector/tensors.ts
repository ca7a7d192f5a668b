// What the manifest of a model says its tensors are, in one form for every runtime that is held against it: ONNX Runtime
// on this board, an inference server elsewhere. Pure. Runs in the detector process.
import type { ModelSpec } from '../core/types.ts';

/** A number, or a name (or -1) for a size that is not fixed. */
export type Size = number | string;

export interface WantedOutput {
  readonly name: string;
  /** Sizes with the same name must be the same number. */
  readonly shape: readonly Size[];
}

/** Name of the size that says how many boxes an answer has. */
export const BOX_COUNT = 'N';

/** The outputs that the decoder of a model reads, all float32. */
export function wantedOutputs({ decoder, labels }: Pick<ModelSpec, 'decoder' | 'labels'>): WantedOutput[] {
  if (decoder.type === 'boxes-scores') {
    return [
      { name: decoder.boxes, shape: [1, BOX_COUNT, 4] },
      { name: decoder.scores, shape: [1, BOX_COUNT, labels.length] },
    ];
  }
  return [
    { name: decoder.boxes, shape: [1, BOX_COUNT, 4] },
    { name: decoder.classes, shape: [1, BOX_COUNT] },
    { name: decoder.scores, shape: [1, BOX_COUNT] },
    { name: decoder.count, shape: [1] },
  ];
}

/** A named or free size fits any number. */
export function shapesFit(actual: readonly Size[], wanted: readonly Size[]): boolean {
  return (
    actual.length === wanted.length &&
    wanted.every((size, i) => {
      const found = actual[i];
      return isFree(size) || isFree(found) || size === found;
    })
  );
}

function isFree(size: Size | undefined): boolean {
  return typeof size !== 'number' || size === -1;
}
