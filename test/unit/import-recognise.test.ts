// What is read from a graph without running it: where it comes from, its input, what it does to pixels; and what is refused.
import { expect, test } from 'vitest';
import { Findings } from '../../daemon/models/findings.ts';
import { GraphIndex } from '../../daemon/models/graph.ts';
import { checkImportable } from '../../daemon/models/import-check.ts';
import type { ImportWishes } from '../../daemon/models/import-wishes.ts';
import { COCO, COCO_IDS, labelsOf, VOC } from '../../daemon/models/labels.ts';
import { chainOf, type InputFacts, recogniseInput } from '../../daemon/models/recognise-input.ts';
import { namesIn, recogniseLabels } from '../../daemon/models/recognise-labels.ts';
import { recogniseNormalisation } from '../../daemon/models/recognise-normalisation.ts';
import { recogniseSource } from '../../daemon/models/recognise-source.ts';
import { errorOf } from '../support/errors.ts';
import { GraphBuilder } from '../support/graphs.ts';

const OTHERWISE = { size: { width: 224, height: 224 }, why: 'MobileNets take 224x224' };
const NO_CHAIN = { gain: [1, 1, 1], bias: [0, 0, 0], steps: [] };

function inputOf(
  dims: (number | string | undefined)[],
  wishes: ImportWishes = {},
): InputFacts & { facts: readonly string[] } {
  const builder = new GraphBuilder();
  builder.conv(builder.input([1, 3, 8, 8]), { from: 3, to: 4 });
  builder.model.graph.inputs[0]!.dims = dims;
  const findings = new Findings();
  return { ...recogniseInput(builder.model, wishes, findings, OTHERWISE), facts: findings.facts };
}

test('the layout is told by where the three channels are, the reason is said', () => {
  expect(inputOf([1, 3, 224, 192])).toMatchObject({ layout: 'nchw', size: { width: 192, height: 224 } });
  expect(inputOf([1, 224, 192, 3])).toMatchObject({ layout: 'nhwc', size: { width: 192, height: 224 } });
  expect(inputOf([1, 224, 192, 3]).facts).toContain("layout is NHWC: input 'x' has shape [1,224,192,3]");
  expect(inputOf([3, 320, 320])).toMatchObject({ layout: 'nchw', rank: 3 });
});

test('sizes that are left open are those asked for, else what such models take', () => {
  const open = inputOf(['batch', 3, 'height', undefined]);
  expect(open.size).toEqual({ width: 224, height: 224 });
  expect(open.facts.join('\n')).toContain('MobileNets take 224x224 (--input-size for another)');
  expect(
    inputOf([undefined, 3, undefined, undefined], { inputSize: { width: 320, height: 256 } }).size,
  ).toEqual({ width: 320, height: 256 });
});

test('an input that can be no picture is refused with what it is', async () => {
  expect((await errorOf(() => inputOf([1, 1, 28, 28]), 'MODEL_UNSUPPORTED')).message).toContain(
    'has 1 channels [1,1,28,28]; pictures have 3',
  );
  expect((await errorOf(() => inputOf([8, 3, 64, 64]), 'MODEL_UNSUPPORTED')).message).toContain(
    'takes 8 pictures at once',
  );
  expect((await errorOf(() => inputOf([1, 3]), 'MODEL_UNSUPPORTED')).message).toContain(
    'a picture has 4 dimensions',
  );
  expect((await errorOf(() => inputOf([1, 3, 4096, 4096]), 'MODEL_UNSUPPORTED')).message).toContain(
    'sides may be 16 to 2048',
  );
  const fixed = (): unknown => inputOf([1, 3, 64, 64], { inputSize: { width: 96, height: 96 } });
  expect((await errorOf(fixed, 'MODEL_UNSUPPORTED')).message).toContain('--input-size says 96');
  const builder = new GraphBuilder();
  builder.input([1, 3, 8, 8], 'float32', 'image');
  builder.input([1, 2], 'float32', 'im_info');
  const two = (): unknown => recogniseInput(builder.model, {}, new Findings(), OTHERWISE);
  expect((await errorOf(two, 'MODEL_UNSUPPORTED')).message).toContain("takes 2 inputs ('image', 'im_info')");
});

test('graphs that cannot be imported say every reason', async () => {
  const builder = new GraphBuilder({ opset: 6 });
  builder.node('TRT_Thing', [builder.input([1, 3, 8, 8])]);
  builder.model.graph.nodes[0]!.domain = 'trt.plugins';
  const { message } = await errorOf(() => checkImportable(builder.output('v1')), 'MODEL_UNSUPPORTED');
  expect(message).toContain('operator set 6 (at least 7)');
  expect(message).toContain('operators that ONNX Runtime does not have: trt.plugins.TRT_Thing');
  expect(message).toContain('no convolution');
});

test('layers within control flow are refused; a loop without layers, as around a suppression, is not', async () => {
  const build = (inner: string): (() => void) => {
    const builder = new GraphBuilder();
    const body = new GraphBuilder();
    body.node(inner, ['outer']);
    const last = builder.conv(builder.input([1, 3, 8, 8]), { from: 3, to: 4 });
    const loop = builder.node('Loop', [last]);
    builder.model.graph.nodes
      .at(-1)!
      .attributes.set('body', { kind: 'graph', value: body.output('v1').graph });
    body.model.graph.initializers.set('outer', {
      name: 'outer',
      type: 'float32',
      dims: [],
      raw: new Uint8Array(4),
      rest: [],
    });
    return () => checkImportable(builder.output(loop));
  };
  expect((await errorOf(build('Conv'), 'MODEL_UNSUPPORTED')).message).toContain(
    "layers within control flow: Loop 'Loop_v",
  );
  expect(build('Identity')).not.toThrow();
});

test('what a graph does to its pixels is followed to the first layer, channel by channel', () => {
  const builder = new GraphBuilder();
  const input = builder.input([1, 8, 8, 3], 'uint8');
  const cast = builder.node('Cast', [input], { to: 1 });
  const less = builder.node('Sub', [
    builder.node('Div', [cast, builder.constant([255], [])]),
    builder.constant([0.5, 0.25, 0], [1, 1, 1, 3]),
  ]);
  const planar = builder.node('Transpose', [builder.node('Mul', [less, builder.constant([2, 4, 8])])], {
    perm: [0, 3, 1, 2],
  });
  builder.conv(planar, { from: 3, to: 4 });
  const { graph } = builder.model;
  const chain = chainOf(graph, new GraphIndex(graph), input);
  expect(chain.steps).toEqual(['Div', 'Sub', 'Mul']);
  expect(chain.gain.map((each) => each * 255)).toEqual([2, 4, 8]);
  expect(chain.bias).toEqual([-1, -1, 0]);
});

test('what a quantized input can hold tells the normalisation', () => {
  const named = (low: number, high: number): string => {
    const findings = new Findings();
    const input = {
      name: 'x',
      type: 'float32',
      layout: 'nchw',
      rank: 4,
      size: OTHERWISE.size,
      chain: { ...NO_CHAIN, range: [low, high] },
    } as const;
    recogniseNormalisation(
      { input, source: { framework: 'unknown' }, task: 'classify', isYolo: false, takesPixels: false },
      {},
      findings,
    );
    findings.finish('x.onnx');
    return findings.facts[0]!;
  };
  expect(named(-1, 0.992)).toContain('become -1..1: its first QuantizeLinear holds -1 to 0.99');
  expect(named(-2.1, 2.6)).toContain("ImageNet's numbers");
  expect(named(0, 1)).toContain('become 0..1');
  expect(named(0, 255)).toContain('0..255');
});

test('a scaling that suits neither 0..1 nor 0..255 is no reason to guess, whoever made the graph', async () => {
  const findings = new Findings();
  const chain = { ...NO_CHAIN, gain: [40, 40, 40], steps: ['Mul'] };
  const input = { name: 'x', type: 'float32', layout: 'nchw', rank: 4, size: OTHERWISE.size, chain } as const;
  const question = {
    input,
    source: { framework: 'pytorch' },
    task: 'classify',
    isYolo: false,
    takesPixels: false,
  } as const;
  recogniseNormalisation(question, {}, findings);
  const { message } = await errorOf(() => findings.finish('x.onnx'), 'MODEL_UNCLEAR');
  expect(message).toContain('the graph begins with Mul, which suits neither 0..1 nor 0..255');
});

test('a graph that subtracts a mean of pixels takes pixels; one that adds it, or scales what is left, tells nothing', async () => {
  const said = (gain: number, bias: readonly number[]): Findings => {
    const findings = new Findings();
    const chain = { gain: [gain, gain, gain], bias, steps: ['Sub'] };
    const input = {
      name: 'x',
      type: 'float32',
      layout: 'nchw',
      rank: 4,
      size: OTHERWISE.size,
      chain,
    } as const;
    recogniseNormalisation(
      { input, source: { framework: 'pytorch' }, task: 'classify', isYolo: false, takesPixels: false },
      {},
      findings,
    );
    return findings;
  };
  expect(said(1, [-123.68, -116.78, -103.94]).facts).toEqual([
    'pixels become floats of 0..255: the graph begins with Sub, which subtracts a mean of pixels (123.68, 116.78, 103.94)',
  ]);
  expect(said(1, [-127.5, -127.5, -127.5]).facts[0]).toContain('floats of 0..255');
  expect(said(1, [-0.485, -0.456, -0.406]).facts[0]).toContain('become 0..1');
  expect(said(4.4, [-2.1, -2, -1.8]).facts[0]).toContain('become 0..1');
  expect(said(1 / 127.5, [-1, -1, -1]).facts[0]).toContain('floats of 0..255');
  for (const unclear of [said(1, [123, 117, 104]), said(2, [-255, -255, -255])]) {
    expect(unclear.facts).toEqual([]);
    await errorOf(() => unclear.finish('x.onnx'), 'MODEL_UNCLEAR');
  }
});

test('everything that is unknown is asked for at once, by its flag', async () => {
  const findings = new Findings();
  findings.say('layout is NCHW: because');
  const input = {
    name: 'x',
    type: 'float32',
    layout: 'nchw',
    rank: 4,
    size: OTHERWISE.size,
    chain: NO_CHAIN,
  } as const;
  recogniseNormalisation(
    { input, source: { framework: 'unknown' }, task: 'classify', isYolo: false, takesPixels: false },
    {},
    findings,
  );
  recogniseLabels(
    {
      classes: 7,
      background: 'unknown',
      keepsBackground: true,
      metadata: new Map(),
      what: 'of the whole picture',
    },
    {},
    findings,
  );
  const error = await errorOf(() => findings.finish('some.onnx'), 'MODEL_UNCLEAR');
  expect(error.message).toContain('some.onnx: the file alone does not tell');
  expect(error.message).toContain('--normalise <imagenet | -1..1 | 0..1 | 0..255>, or --mean and --scale');
  expect(error.message).toContain(
    '--labels <file | coco | coco91 | imagenet | voc>: the names of its 7 classes',
  );
  expect(error.data['found']).toEqual(['layout is NCHW: because']);
});

test('labels come from the owner, the file or the count, with or without a class for none of them', () => {
  const ask = (
    classes: number,
    names?: readonly string[],
    keepsBackground = false,
    metadata = new Map<string, string>(),
  ) => {
    const wishes = names === undefined ? {} : { labels: { from: 'a.txt', names } };
    return recogniseLabels(
      { classes, background: 'first', keepsBackground, metadata, what: 'of its boxes' },
      wishes,
      new Findings(),
    );
  };
  expect(ask(3, ['a', 'b'])).toEqual({ plan: { labels: ['a', 'b'] }, background: 'first' });
  expect(ask(2, ['a', 'b'])).toEqual({ plan: { labels: ['a', 'b'] }, background: 'none' });
  expect(ask(3, ['background', 'a', 'b'])).toEqual({ plan: { labels: ['a', 'b'] }, background: 'first' });
  expect(ask(3, ['a', 'b'], true)).toEqual({
    plan: { labels: ['background', 'a', 'b'] },
    background: 'none',
  });
  expect(ask(5, ['a', 'b'])).toBeUndefined();
  expect(ask(2, ['a', 'a'])).toBeUndefined();
  expect(ask(2, undefined, false, new Map([['names', "{0: 'x', 1: 'y'}"]]))?.plan.labels).toEqual(['x', 'y']);
  expect(ask(21)?.plan.labels).toEqual(VOC);
  expect(ask(91)?.plan).toEqual({ labels: COCO, columns: COCO_IDS });
  expect(ask(1000, undefined, true)?.plan.labels[0]).toBe('tench');
  expect(ask(1000)).toBeUndefined();
  expect(namesIn(new Map([['names', "{1: 'x'}"]]))).toBeUndefined();
});

test('the lists of labels have as many different names as their data sets have classes', () => {
  expect(new Set(COCO).size).toBe(80);
  expect(COCO_IDS).toHaveLength(80);
  expect([COCO_IDS[0], COCO_IDS[11], COCO_IDS[79]]).toEqual([1, 13, 90]);
  expect(new Set(VOC).size).toBe(20);
  expect(new Set(labelsOf('imagenet')).size).toBe(1000);
  expect([0, 281, 463, 817, 999].map((at) => labelsOf('imagenet')[at])).toEqual([
    'tench',
    'tabby',
    'bucket',
    'sports car',
    'toilet tissue',
  ]);
});

test('the framework is told by the producer, else by how its constants and values are called', () => {
  const source = (producer: string, constant: string): string => {
    const builder = new GraphBuilder();
    const value = builder.conv(builder.input([1, 3, 8, 8]), { from: 3, to: 4 });
    builder.model.producer = producer;
    const [weights] = builder.model.graph.initializers.values();
    builder.model.graph.initializers.set(constant, { ...weights!, name: constant });
    builder.output(value);
    const { framework, library = '' } = recogniseSource(builder.model, new Findings());
    return `${framework} ${library}`.trim();
  };
  expect(source('pytorch', 'features.0.0.weight')).toBe('pytorch torchvision');
  expect(source('onnx.quantize', 'conv_stem.weight')).toBe('pytorch timm');
  expect(source('tf2onnx', 'w')).toBe('tensorflow');
  expect(source('', 'MobilenetV1/Conv2d_0/Conv2D')).toBe('tensorflow');
  expect(source('', 'mobilenetv20_features_conv0_weight')).toBe('mxnet');
  expect(source('', 'w')).toBe('unknown');
});
