// Real models, imported: the answers are those of the files as they were.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { ImportWishes } from '../../daemon/models/import-wishes.ts';
import { readPhoto } from '../../daemon/models/photos.ts';
import { pictureTensor } from '../../daemon/models/picture-tensor.ts';
import { importFile, numbersOf, tryHere } from '../support/importing.ts';
import { sharedPath, testNeeding } from '../support/needs.ts';

interface Real {
  readonly file: string;
  readonly task: string;
  readonly labels: number;
  readonly wishes?: ImportWishes;
}

const REAL: readonly Real[] = [
  { file: 'mobilenetv2-yolo-nano-coco-320/model.onnx', task: 'detect', labels: 80 },
  { file: 'mobilenetv2-imagenet-224/model-int8.onnx', task: 'classify', labels: 1001 },
  { file: 'mobilenetv1-025-imagenet-128/model-int8.onnx', task: 'classify', labels: 1001 },
  { file: 'deeplabv3-mobilenetv2-pascal-513/model-int8.onnx', task: 'segment', labels: 21 },
];

for (const { file, task, labels, wishes } of REAL) {
  testNeeding({ shared: [`models/${file}`, 'training/coco/val'] })(
    `${file} gives the same for a photo after its import`,
    async () => {
      const path = sharedPath('models', file);
      const imported = await importFile(path, wishes);
      const { manifest } = imported;
      expect(manifest).toMatchObject({ task, origin: { bytes: readFileSync(path).length } });
      expect(manifest.labels).toHaveLength(labels);
      const folder = sharedPath('training/coco/val');
      const photo = readdirSync(folder).find((name) => name.endsWith('.jpg'))!;
      const tensor = pictureTensor(await readPhoto(folder, photo), manifest.input);
      const before = await tryHere(path, { image: tensor });
      const after = await tryHere(join(imported.folder, manifest.file), { [manifest.input.name]: tensor });
      expect(Object.keys(after).length).toBeGreaterThan(0);
      for (const name of Object.keys(after)) expect(numbersOf(after, name)).toEqual(numbersOf(before, name));
    },
  );
}
