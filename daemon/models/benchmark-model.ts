// A model as a benchmark sees it: what its manifest says, whether its file is whole, int8 or float, how many weights it has.
// Reads files, runs nothing. Main thread of a command.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { VedetteError } from '../platform/errors.ts';
import type { BenchModel } from './benchmark.ts';
import type { LoadedManifest } from './manifest.ts';
import { decodeModel, type OnnxModel } from './onnx.ts';
import { readModelBytes } from './onnx-file.ts';
import { sizeOf } from './tensor.ts';

/** Operators of models whose numbers are bytes (ONNX Operators; contrib operators of ONNX Runtime). */
const INT8_OPERATORS = new Set([
  'QuantizeLinear',
  'DequantizeLinear',
  'QLinearConv',
  'QLinearMatMul',
  'ConvInteger',
  'MatMulInteger',
  'DynamicQuantizeLinear',
]);

/** `name` as detector.model would have it. Throws MODEL_NOT_FOUND, MODEL_CORRUPT or MODEL_UNSUPPORTED. */
export function benchModel(name: string, { manifest, folder }: LoadedManifest): BenchModel {
  const file = join(folder, manifest.file);
  const bytes = readModelBytes(file);
  const actual = createHash('sha256').update(bytes).digest('hex');
  if (actual !== manifest.sha256) {
    throw new VedetteError(
      'MODEL_CORRUPT',
      `model '${name}': ${file} has sha256 ${actual}, its manifest says ${manifest.sha256}; copy the model again`,
      { model: name, file, actual, sha256: manifest.sha256 },
    );
  }
  const { input, task, labels, quantization } = manifest;
  return {
    name,
    file,
    sha256: actual,
    bytes: bytes.length,
    task,
    labels,
    width: input.width,
    height: input.height,
    ...graphFacts(decodeModel(bytes)),
    ...(quantization === undefined ? {} : { floatSha256: quantization.from.sha256 }),
    ...evaluationOf(manifest),
  };
}

/** The last one of this very file; one of other photos is another measure. */
function evaluationOf({ evaluations, sha256 }: LoadedManifest['manifest']): Pick<BenchModel, 'evaluation'> {
  const last = evaluations?.findLast((one) => one.sha256 === sha256);
  if (last === undefined) return {};
  const set = `${last.sets.map(({ name }) => name).join(' and ')}, ${last.photos} photos`;
  return { evaluation: { map50: last.map50, set } };
}

function graphFacts({ graph }: OnnxModel): Pick<BenchModel, 'precision' | 'parameters'> {
  const isInt8 = graph.nodes.some(({ opType }) => INT8_OPERATORS.has(opType));
  const sizes = [...graph.initializers.values()].map(({ dims }) => sizeOf(dims));
  return {
    precision: isInt8 ? 'int8' : 'float',
    parameters: sizes.reduce((sum, size) => sum + size, 0),
  };
}
