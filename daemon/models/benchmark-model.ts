// A model as a benchmark sees it: what its manifest says, whether its file is whole, int8 or float, how many weights it has.
// Reads files, runs nothing. Main thread of a command.
import { join } from 'node:path';
import type { BenchModel } from './benchmark.ts';
import { parametersOf, precisionOf } from './graph-facts.ts';
import { type LoadedManifest, verifyFile } from './manifest.ts';
import { readOnnx } from './onnx-file.ts';

/** `name` as detector.model would have it. Throws MODEL_NOT_FOUND, MODEL_CORRUPT or MODEL_UNSUPPORTED. */
export async function benchModel(name: string, { manifest, folder }: LoadedManifest): Promise<BenchModel> {
  const file = join(folder, manifest.file);
  await verifyFile(file, manifest);
  const { graph } = readOnnx(file);
  const { input, task, labels, quantization, sha256, bytes } = manifest;
  return {
    name,
    file,
    sha256,
    bytes,
    task,
    labels,
    width: input.width,
    height: input.height,
    precision: precisionOf(graph),
    parameters: parametersOf(graph),
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
