// Models of the shared material as an owner has them after `vedette models add`: in the store of a data folder, with a manifest.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sharedPath } from './needs.ts';

/** The detector for 80 classes that issue and README speak of. */
export const COCO_DETECTOR = 'models/mobilenetv2-yolo-nano-coco-320';

/** Its float or int8 file becomes model `name`. */
export function installCocoDetector(
  data: string,
  name: string,
  file: 'model.onnx' | 'model-int8.onnx',
): string {
  const folder = join(data, 'models', name);
  mkdirSync(folder, { recursive: true });
  const path = sharedPath(COCO_DETECTOR, file);
  const bytes = readFileSync(path);
  copyFileSync(path, join(folder, file));
  writeFileSync(join(folder, 'CARD.md'), '# MobileNetV2-YOLOv3-Nano\n');
  const manifest = {
    v: 1,
    name,
    version: '1',
    task: 'detect',
    file,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
    input: {
      ...{ name: 'image', type: 'uint8', layout: 'nhwc', colour: 'rgb' },
      ...{ width: 320, height: 320, resize: 'stretch' },
    },
    decoder: { type: 'boxes-scores', boxes: 'boxes', scores: 'scores', nmsIou: 0.5 },
    labels: readFileSync(sharedPath(COCO_DETECTOR, 'labels.txt'), 'utf8').trim().split('\n'),
    thresholdDefault: 0.5,
    licence: 'public-domain style',
    data: [{ name: 'COCO', licence: 'CC BY 4.0', source: 'https://cocodataset.org' }],
    source: 'dog-qiuqiu/MobileNet-Yolo',
    card: 'CARD.md',
  };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  return folder;
}
