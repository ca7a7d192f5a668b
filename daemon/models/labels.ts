// Names of the classes of the data sets that public models are trained on, in the order of their outputs. Facts only. Pure.
// Sources of the order: COCO 2014/2017 annotations (instances_*.json), the PASCAL VOC 2012 development kit.
import { LABEL_LISTS, type LabelList } from './import-wishes.ts';
import { IMAGENET } from './labels-imagenet.ts';

/** The 80 classes of COCO, in the order of their ids. */
export const COCO: readonly string[] = [
  ...['person', 'bicycle', 'car', 'motorcycle', 'airplane', 'bus', 'train', 'truck', 'boat', 'traffic light'],
  ...['fire hydrant', 'stop sign', 'parking meter', 'bench', 'bird', 'cat', 'dog', 'horse', 'sheep', 'cow'],
  ...[
    'elephant',
    'bear',
    'zebra',
    'giraffe',
    'backpack',
    'umbrella',
    'handbag',
    'tie',
    'suitcase',
    'frisbee',
  ],
  ...[
    'skis',
    'snowboard',
    'sports ball',
    'kite',
    'baseball bat',
    'baseball glove',
    'skateboard',
    'surfboard',
  ],
  ...['tennis racket', 'bottle', 'wine glass', 'cup', 'fork', 'knife', 'spoon', 'bowl', 'banana', 'apple'],
  ...['sandwich', 'orange', 'broccoli', 'carrot', 'hot dog', 'pizza', 'donut', 'cake', 'chair', 'couch'],
  ...['potted plant', 'bed', 'dining table', 'toilet', 'tv', 'laptop', 'mouse', 'remote', 'keyboard'],
  ...['cell phone', 'microwave', 'oven', 'toaster', 'sink', 'refrigerator', 'book', 'clock', 'vase'],
  ...['scissors', 'teddy bear', 'hair drier', 'toothbrush'],
];

/** Ids of 1..90 that COCO never gave to a class. */
const COCO_GAPS: ReadonlySet<number> = new Set([12, 26, 29, 30, 45, 66, 68, 69, 71, 83]);
/** Ids of COCO go to 90, though it has 80 classes. */
export const COCO_ID_MAX = 90;
/** Ids of the classes in the order of COCO. */
export const COCO_IDS: readonly number[] = Array.from({ length: COCO_ID_MAX }, (_, at) => at + 1).filter(
  (id) => !COCO_GAPS.has(id),
);

/** The 20 classes of PASCAL VOC. */
export const VOC: readonly string[] = [
  ...['aeroplane', 'bicycle', 'bird', 'boat', 'bottle', 'bus', 'car', 'cat', 'chair', 'cow', 'diningtable'],
  ...['dog', 'horse', 'motorbike', 'person', 'pottedplant', 'sheep', 'sofa', 'train', 'tvmonitor'],
];

/** What class 0 is where a list begins with what is none of its classes. */
export const BACKGROUND = 'background';

export function isLabelList(name: string): name is LabelList {
  return (LABEL_LISTS as readonly string[]).includes(name);
}

/** The names of a list, background excluded. */
export function labelsOf(list: LabelList): readonly string[] {
  if (list === 'imagenet') return IMAGENET;
  return list === 'voc' ? VOC : COCO;
}
