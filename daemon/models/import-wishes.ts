// What the owner says about a model that is imported; what is left out is recognised. Types, and the normalisations that have a
// name. Pure.
import type { Activation, Background } from './head.ts';
import type { MapSize } from './ssd-anchors.ts';
import type { Task } from './tasks.ts';

export type Three = readonly [number, number, number];

/** value = (pixel − mean) · scale, pixels are 0..255. */
export interface Normalisation {
  readonly mean: Three;
  readonly scale: Three;
}

export interface ImportWishes {
  readonly task?: Task;
  readonly inputSize?: MapSize;
  readonly layout?: 'nchw' | 'nhwc';
  readonly mean?: Three;
  readonly scale?: Three;
  readonly normalise?: NormalisationName;
  readonly colour?: 'rgb' | 'bgr';
  readonly resize?: 'stretch' | 'letterbox';
  /** What was given, for messages, and the names; `coco91` marks COCO by its ids. */
  readonly labels?: { readonly from: string; readonly names: readonly string[] };
  readonly head?: HeadName;
  readonly activation?: Activation;
  readonly background?: Background;
  readonly boxForm?: 'xyxy' | 'yxyx' | 'xywh';
  /** Rows of numbers: centre and size of each box in 0..1 (SSD), or width and height in pixels by map (YOLO). */
  readonly anchors?: readonly (readonly number[])[];
  readonly classOffset?: number;
}

/** Heads that `--head` names. */
export const HEAD_NAMES = [
  'ssd-tensorflow',
  'ssd-torchvision',
  'yolov3',
  'yolov5',
  'yolov8',
  'yolox',
] as const;
export type HeadName = (typeof HEAD_NAMES)[number];

export const NORMALISATION_NAMES = ['imagenet', '-1..1', '0..1', '0..255'] as const;
export type NormalisationName = (typeof NORMALISATION_NAMES)[number];

/** The ones that public models use; ImageNet's mean and standard deviation are those of torchvision and timm. */
export const NORMALISATIONS: Readonly<Record<NormalisationName, Normalisation>> = {
  imagenet: {
    mean: [0.485 * 255, 0.456 * 255, 0.406 * 255],
    scale: [1 / (0.229 * 255), 1 / (0.224 * 255), 1 / (0.225 * 255)],
  },
  '-1..1': { mean: [127.5, 127.5, 127.5], scale: [1 / 127.5, 1 / 127.5, 1 / 127.5] },
  '0..1': { mean: [0, 0, 0], scale: [1 / 255, 1 / 255, 1 / 255] },
  '0..255': { mean: [0, 0, 0], scale: [1, 1, 1] },
};

/** Names that `--labels` takes for a list. `coco91` is COCO where the model counts by ids 1..90. */
export const LABEL_LISTS = ['coco', 'coco91', 'imagenet', 'voc'] as const;
export type LabelList = (typeof LABEL_LISTS)[number];
