// A look into a model's file for the commands about models: whole or not, what the graph says, one run in a child process, held
// against the manifest. Main thread.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PortInfo } from '../core/infer.ts';
import { shapesFit, wantedOutputs } from '../detector/tensors.ts';
import type { Trials } from '../detector/trial.ts';
import type { TrialResult } from '../detector/trial-messages.ts';
import { tensorDims } from '../detector/wire.ts';
import { costProbe, multiplyAdds, type Precision, parametersOf, precisionOf } from '../models/graph-facts.ts';
import { type ConvolutionCount, countConvolutions } from '../models/integer-count.ts';
import { type LoadedManifest, verifyFile } from '../models/manifest.ts';
import type { Manifest } from '../models/manifest-schema.ts';
import type { OnnxModel } from '../models/onnx.ts';
import { readOnnx } from '../models/onnx-file.ts';
import { encodeModel } from '../models/onnx-write.ts';
import { VedetteError } from '../platform/errors.ts';

export interface ModelLook {
  readonly precision: Precision;
  readonly parameters: number;
  readonly multiplyAdds: number;
  /** In the graph that the runtime makes of it on this board's CPU. */
  readonly convolutions: ConvolutionCount;
  readonly trial: TrialResult;
}

/** Throws MODEL_NOT_FOUND or MODEL_CORRUPT of the file, MODEL_UNSUPPORTED where it does not run or is not as its manifest says. */
export async function tryModel({ manifest, folder }: LoadedManifest, trials: Trials): Promise<TrialResult> {
  const file = join(folder, manifest.file);
  await verifyFile(file, manifest);
  const trial = await trials.try(file);
  refuseMisfits(manifest, trial);
  return trial;
}

/** Everything that can be told of it; throws as `tryModel` does. */
export async function lookInto(model: LoadedManifest, trials: Trials): Promise<ModelLook> {
  const { manifest, folder } = model;
  const file = join(folder, manifest.file);
  await verifyFile(file, manifest);
  const scratch = await mkdtemp(join(tmpdir(), 'vedette-model-'));
  try {
    const optimizedFile = join(scratch, 'optimized.onnx');
    const trial = await trials.try(file, { optimizedFile });
    refuseMisfits(manifest, trial);
    const graph = readOnnx(file);
    return {
      precision: precisionOf(graph.graph),
      parameters: parametersOf(graph.graph),
      multiplyAdds: await costOf(graph, trials, join(scratch, 'probe.onnx')),
      convolutions: countConvolutions(readOnnx(optimizedFile)),
      trial,
    };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function costOf(model: OnnxModel, trials: Trials, probeFile: string): Promise<number> {
  const probe = costProbe(model);
  await writeFile(probeFile, encodeModel(probe.model));
  const { data = {} } = await trials.try(probeFile, { outputs: true });
  return multiplyAdds(probe, data);
}

/** What the daemon would find out when it starts, for every task. */
function refuseMisfits(manifest: Manifest, { inputs, outputs }: TrialResult): void {
  const { name, input } = manifest;
  const problems = inputs
    .filter((port) => port.name !== input.name)
    .map((port) => `it also wants input '${port.name}'`);
  const check = (kind: string, ports: readonly PortInfo[], wanted: WantedPort): void => {
    const found = ports.find((port) => port.name === wanted.name);
    if (found === undefined) {
      const there = ports.map((port) => port.name).join(', ');
      problems.push(`${kind} '${wanted.name}' is not there (it has ${there})`);
    } else if (
      (wanted.type !== undefined && found.type !== wanted.type) ||
      (wanted.shape !== undefined && !shapesFit(found.shape, wanted.shape))
    ) {
      const says = `${wanted.type ?? found.type} [${wanted.shape ?? found.shape}]`;
      problems.push(`${kind} '${wanted.name}' is ${found.type} [${found.shape}], the manifest says ${says}`);
    }
  };
  check('input', inputs, { name: input.name, type: input.type, shape: tensorDims(input) });
  for (const wanted of outputsOf(manifest)) check('output', outputs, wanted);
  if (problems.length === 0) return;
  throw new VedetteError('MODEL_UNSUPPORTED', `model '${name}': ${problems.join('; ')}`, {
    model: name,
    problems,
  });
}

interface WantedPort {
  readonly name: string;
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

function outputsOf({ decoder, labels }: Manifest): readonly WantedPort[] {
  if (decoder.type === 'boxes-scores' || decoder.type === 'tf-ssd') {
    return wantedOutputs({ decoder, labels }).map((wanted) => ({ ...wanted, type: 'float32' }));
  }
  return [{ name: decoder.output }];
}
