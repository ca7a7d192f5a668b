// Weights and multiply-adds of real models, against what their papers say, and the kind of their numbers.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { Trials } from '../../daemon/detector/trial.ts';
import { costProbe, multiplyAdds, parametersOf, precisionOf } from '../../daemon/models/graph-facts.ts';
import { readOnnx } from '../../daemon/models/onnx-file.ts';
import { encodeModel } from '../../daemon/models/onnx-write.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { sharedPath, testNeeding } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';

const testShared = testNeeding({ shared: ['models'] });

/** Parameters and multiply-adds in millions. Sandler et al. 2018, table 4; Howard et al. 2017, table 9. */
testShared.each([
  ['mobilenetv2-imagenet-224', 3.4, 300],
  ['mobilenetv1-025-imagenet-128', 0.5, 14],
] as const)('%s has the weights and the work of its paper', async (name, parameters, work) => {
  const model = readOnnx(sharedPath('models', name, 'model-int8.onnx'));
  const probe = costProbe(model);
  const file = join(tempDir(), 'probe.onnx');
  writeFileSync(file, encodeModel(probe.model));
  const trials = new Trials({ clock: systemClock });
  onTestFinished(() => trials.close());
  const { data } = await trials.try(file, { outputs: true });
  expect(Math.abs(parametersOf(model.graph) / 1e6 - parameters)).toBeLessThan(0.1);
  expect(Math.round((multiplyAdds(probe, data!) / 1e6 / work) * 100) / 100).toBeCloseTo(1, 1);
});

testShared('a model is float before it is quantized and int8 after', () => {
  const path = (file: string): string => sharedPath('models/mobilenetv2-yolo-nano-coco-320', file);
  expect(precisionOf(readOnnx(path('model.onnx')).graph)).toBe('float');
  expect(precisionOf(readOnnx(path('model-int8.onnx')).graph)).toBe('int8');
});
