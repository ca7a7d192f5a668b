// The size of the picture where a file leaves it open and the owner says none: what the model was made for, as far as the file tells.
// Pure.
import type { OnnxModel } from './onnx.ts';
import type { Source } from './recognise-source.ts';
import type { MapSize } from './ssd-anchors.ts';

export interface SizeOtherwise {
  readonly size: MapSize;
  /** `torchvision's SSDLite takes 320x320`. */
  readonly why: string;
}

export function sizeOtherwise({ graph, metadata }: OnnxModel, { framework, library }: Source): SizeOtherwise {
  const square = (side: number, why: string): SizeOtherwise => ({ size: { width: side, height: side }, why });
  const [, height, width] = /^\[?\s*(\d+)\s*,\s*(\d+)/.exec(metadata.get('imgsz') ?? '') ?? [];
  if (height !== undefined && width !== undefined) {
    return { size: { width: Number(width), height: Number(height) }, why: "the file's metadata says it" };
  }
  const ranks = graph.outputs.map(({ dims }) => dims?.length ?? 0);
  const names = graph.outputs.map(({ name }) => name).join(' ');
  const isDetector = /detection_|boxes|num_det/i.test(names) || graph.outputs.length >= 3;
  if (isDetector && framework === 'pytorch') return square(320, "torchvision's SSDLite takes 320x320");
  if (isDetector) return square(300, "SSD of TensorFlow's model zoo takes 300x300");
  if (library === 'ultralytics' || library === 'yolox')
    return square(640, 'models of its family take 640x640');
  if (ranks.some((rank) => rank === 4)) return square(512, '512x512 for a model that gives maps');
  if (ranks.some((rank) => rank === 3) && graph.outputs.length === 1)
    return square(640, '640x640 as the YOLO family takes');
  return square(224, 'MobileNets take 224x224');
}
