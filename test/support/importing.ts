// Imports small graphs for tests, tried in this process (they are ours), and runs what came out. For tests only.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TensorData } from '../../daemon/core/infer.ts';
import { Decoder } from '../../daemon/detector/decode.ts';
import { openGraph } from '../../daemon/detector/graph-session.ts';
import { openSession } from '../../daemon/detector/session.ts';
import { createDetections } from '../../daemon/detector/wire.ts';
import {
  type ImportRequest,
  type PreparedModel,
  prepareImport,
  type TryModel,
} from '../../daemon/models/import.ts';
import type { ImportWishes } from '../../daemon/models/import-wishes.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import type { OnnxModel } from '../../daemon/models/onnx.ts';
import { encodeModel } from '../../daemon/models/onnx-write.ts';
import type { Picture } from '../../daemon/models/picture.ts';
import { SeededRandom } from '../../daemon/models/seeded-random.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { tempDir } from './temp-dir.ts';

export const tryHere: TryModel = async (model, feeds) => {
  const session = await openGraph(model);
  try {
    return await session.run(feeds);
  } finally {
    await session.release();
  }
};

export interface ImportedModel extends PreparedModel {
  readonly folder: string;
  /** The outputs of the imported model over pixels in its layout. */
  run(pixels: Uint8Array): Promise<Readonly<Record<string, TensorData>>>;
}

/** Writes the model to a file and imports that. */
export async function importModel(
  model: OnnxModel,
  wishes: ImportWishes = {},
  more: Partial<ImportRequest> = {},
): Promise<ImportedModel> {
  const file = join(tempDir(), 'given.onnx');
  writeFileSync(file, encodeModel(model));
  return importFile(file, wishes, more);
}

export async function importFile(
  file: string,
  wishes: ImportWishes = {},
  more: Partial<ImportRequest> = {},
): Promise<ImportedModel> {
  const prepared = await prepareImport({ file, name: 'given', wishes, trial: tryHere, nowMs: 0, ...more });
  const folder = tempDir();
  await prepared.fill(folder);
  const path = join(folder, prepared.manifest.file);
  await prepared.prove(path, noise(64, 48));
  const { input, task } = prepared.manifest;
  if (task === 'detect') await openAsTheDaemonDoes(folder);
  return {
    ...prepared,
    folder,
    run: (pixels) => {
      const { width, height } = input;
      const dims = input.layout === 'nchw' ? [1, 3, height, width] : [1, height, width, 3];
      return tryHere(path, { [input.name]: { type: 'uint8', dims, data: pixels } });
    },
  };
}

/** The detector process takes it: no misfit of its manifest, warmed up, decoded once. */
async function openAsTheDaemonDoes(folder: string): Promise<void> {
  const model = await loadModel(folder);
  const session = await openSession({ model, providers: ['cpu'], threads: 1, clock: systemClock });
  const decoder = new Decoder({ decoder: model.decoder, labelCount: model.labels.length, scoreLow: 0.2 });
  decoder.decode(await session.run(), createDetections());
  await session.release();
}

/** Pixels by chance, always the same. */
export function pixelsOf(count: number, seed = 3): Uint8Array {
  const random = new SeededRandom(seed);
  return Uint8Array.from({ length: count }, () => random.index(256));
}

function noise(width: number, height: number): Picture {
  return { name: 'noise', width, height, rgb: pixelsOf(width * height * 3) };
}

/** An output's numbers. */
export function numbersOf(results: Readonly<Record<string, TensorData>>, name: string): number[] {
  return Array.from(results[name]!.data as ArrayLike<number | bigint>, Number);
}
