// A small float model with weights by chance, in a data folder as an owner has it: what is tested with it are the ways of a
// command, not what a model sees.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeNode } from '../../daemon/models/graph.ts';
import type { Attribute, OnnxModel } from '../../daemon/models/onnx.ts';
import { encodeModel } from '../../daemon/models/onnx-write.ts';
import { SeededRandom } from '../../daemon/models/seeded-random.ts';
import { makeTensor, sizeOf, type Tensor } from '../../daemon/models/tensor.ts';
import { modelOf } from './graphs.ts';

const SIDE = 64;
const ints = (...value: number[]): Attribute => ({ kind: 'ints', value });

/** So much larger are some channels between the first two convolutions than the others: what quantization has to even out. */
const LARGER = 24;
const isLarge = (channel: number): boolean => channel % 5 === 2;

/** Three convolutions and the largest values of sixteen parts of the picture: 512 features. */
export function smallModel(activation: 'Relu' | 'LeakyRelu' = 'Relu'): OnnxModel {
  const random = new SeededRandom(3);
  const initializers = new Map<string, Tensor>();
  const constant = (name: string, dims: number[], size: number): string => {
    const values = Float32Array.from({ length: sizeOf(dims) }, (_, at) => {
      const [large, small] = [
        name === 'c1_w' && isLarge(Math.floor(at / 27)),
        name === 'c2_w' && isLarge(at % 16),
      ];
      return (random.next() - 0.5) * 2 * size * (large ? LARGER : small ? 1 / LARGER : 1);
    });
    initializers.set(name, makeTensor(name, 'float32', dims, values));
    return name;
  };
  const conv = (
    input: string,
    output: string,
    [from, to, kernel, stride]: [number, number, number, number],
  ) =>
    makeNode(
      'Conv',
      [
        input,
        constant(`${output}_w`, [to, from, kernel, kernel], Math.sqrt(3 / (from * kernel * kernel))),
        constant(`${output}_b`, [to], 0.1),
      ],
      [output],
      {
        kernel_shape: ints(kernel, kernel),
        strides: ints(stride, stride),
        pads: ints(...new Array(4).fill((kernel - 1) / 2)),
      },
      { name: output },
    );
  return modelOf({
    name: 'small',
    nodes: [
      conv('image', 'c1', [3, 16, 3, 2]),
      makeNode(activation, ['c1'], ['r1']),
      conv('r1', 'c2', [16, 32, 1, 1]),
      makeNode(activation, ['c2'], ['r2']),
      conv('r2', 'c3', [32, 32, 3, 2]),
      makeNode(activation, ['c3'], ['r3']),
      makeNode('MaxPool', ['r3'], ['pooled'], { kernel_shape: ints(4, 4), strides: ints(4, 4) }),
      makeNode('Flatten', ['pooled'], ['features']),
    ],
    initializers,
    inputs: [{ name: 'image', type: 'float32', dims: [1, 3, SIDE, SIDE] }],
    outputs: [{ name: 'features', type: 'float32', dims: [1, 512] }],
  });
}

/** Puts it into the store of a data folder, as model `name`. */
export function installSmallModel(data: string, name = 'small', model = smallModel()): void {
  const folder = join(data, 'models', name);
  mkdirSync(folder, { recursive: true });
  const bytes = encodeModel(model);
  writeFileSync(join(folder, 'model.onnx'), bytes);
  writeFileSync(join(folder, 'CARD.md'), '# small\n\nWeights by chance.\n');
  const manifest = {
    v: 1,
    name,
    version: '1',
    task: 'features',
    file: 'model.onnx',
    sha256: createHash('sha256').update(bytes).digest('hex'),
    bytes: bytes.length,
    input: {
      ...{ name: 'image', type: 'float32', layout: 'nchw', colour: 'rgb', width: SIDE, height: SIDE },
      ...{ resize: 'stretch', mean: [128, 128, 128], scale: [1 / 128, 1 / 128, 1 / 128] },
    },
    decoder: { type: 'features', output: 'features' },
    labels: [],
    thresholdDefault: 0.5,
    licence: 'none',
    data: [{ name: 'chance', licence: 'none', source: 'none' }],
    source: 'test',
    card: 'CARD.md',
  };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
}
