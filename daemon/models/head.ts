// What recognition finds at the end of a model and the decoding of import reads: types only.
import type { Anchors } from './ssd-anchors.ts';

/** A value of the graph with the sizes it has when the model runs. */
export interface HeadValue {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  /** Of a map: where its channels are. */
  readonly axis?: 1 | 3;
}

export type Activation = 'none' | 'softmax' | 'sigmoid';

/** Where the class is that stands for "none of these". */
export type Background = 'first' | 'last' | 'none';

/** Scores of classes, [1,N,C] or maps of the network, before or after what makes them probabilities. */
export interface ScoresPart {
  readonly scores: readonly HeadValue[];
  readonly activation: Activation;
  readonly background: Background;
  /** Background included. */
  readonly classes: number;
}

/** Offsets from default boxes. */
export interface SsdHead extends ScoresPart {
  readonly kind: 'ssd';
  /** One value [1,N,4] (or [1,N,1,4]), or one of each map. */
  readonly boxes: readonly HeadValue[];
  readonly anchors: Anchors;
  /** Order of a box's four numbers. */
  readonly order: 'yxhw' | 'xywh';
  /** What they were multiplied by: centre and size. */
  readonly weights: readonly [number, number];
  /** The logarithm of a size is cut here. */
  readonly sizeMax?: number;
}

/** Boxes that are decoded already. */
export interface BoxesHead extends ScoresPart {
  readonly kind: 'boxes';
  readonly boxes: HeadValue;
  readonly form: 'xyxy' | 'yxyx' | 'xywh';
  readonly isPixels: boolean;
}

/** One value with a row (or a column) for each box: centre, size, perhaps whether there is anything, classes. */
export interface YoloHead {
  readonly kind: 'yolo';
  readonly output: HeadValue;
  readonly hasRows: boolean;
  readonly hasObjectness: boolean;
  readonly classes: number;
  readonly isPixels: boolean;
  readonly activation: Activation;
  /** The grid is still to be added: YOLOX as its exporter leaves it. Cells of the maps, the finest first. */
  readonly strides?: readonly number[];
}

/** Maps of the network as they come from its last convolutions. */
export interface YoloMapsHead {
  readonly kind: 'yolo-maps';
  readonly version: 'v3' | 'v5' | 'v8';
  readonly maps: readonly HeadValue[];
  readonly classes: number;
  /** v3 and v5: width and height in pixels of each map's anchors. */
  readonly anchors: readonly (readonly (readonly [number, number])[])[];
  /** v8: bins of each side's distribution; 1 where it is a plain distance. */
  readonly bins: number;
}

/** Detections after suppression. */
export interface DetectionsHead {
  readonly kind: 'detections';
  readonly boxes: HeadValue;
  readonly classes: HeadValue;
  readonly scores: HeadValue;
  readonly count?: HeadValue;
  readonly order: 'yxyx' | 'xyxy';
  readonly isPixels: boolean;
  /** Number of the first label. */
  readonly classOffset: number;
}

/** Detections after suppression in one value: a row each. */
export interface RowsHead {
  readonly kind: 'rows';
  readonly output: HeadValue;
  /** Columns at which box, score and class are. */
  readonly box: number;
  readonly score: number;
  readonly class: number;
  readonly isPixels: boolean;
  readonly classOffset: number;
}

export interface ClassesHead {
  readonly kind: 'classes';
  readonly output: HeadValue;
  readonly classes: number;
  /** What is still to be done to make probabilities. */
  readonly activation: Activation;
}

export interface MaskHead {
  readonly kind: 'mask';
  readonly output: HeadValue;
  /** Axis of the classes; undefined where the value holds their numbers. */
  readonly axis?: number;
  readonly classes?: number;
}

export interface FeaturesHead {
  readonly kind: 'features';
  readonly output: HeadValue;
}

export type DetectHead = SsdHead | BoxesHead | YoloHead | YoloMapsHead | DetectionsHead | RowsHead;
export type Head = DetectHead | ClassesHead | MaskHead | FeaturesHead;

/** How class numbers of the model become indices of the labels. */
export interface ClassPlan {
  readonly labels: readonly string[];
  /** Columns of the scores that are labels, background counted; all but background where they follow one another. */
  readonly columns?: readonly number[];
}
