// A model file brought into the store, for `vedette models add` and `pull`: recognised, proven in a child process on a picture of
// the built-in scene, installed. Main thread.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Trials } from '../detector/trial.ts';
import { type ImportRequest, prepareImport, type TryModel } from '../models/import.ts';
import type { LoadedManifest } from '../models/manifest.ts';
import type { ModelStore } from '../models/store.ts';
import { VedetteError } from '../platform/errors.ts';
import type { CommandContext } from './context.ts';
import { scenePicture } from './scene-picture.ts';

export interface ImportWork extends Omit<ImportRequest, 'trial' | 'nowMs'> {
  /** A model of this name is replaced when the new one is proven. */
  readonly replace: boolean;
}

export interface ImportedModel extends LoadedManifest {
  /** What was found in the file, with reasons. */
  readonly facts: readonly string[];
}

/** Throws what prepareImport and ModelStore.install throw; nothing is changed then. */
export async function importIntoStore(
  store: ModelStore,
  { replace, ...request }: ImportWork,
  { clock, signal }: Pick<CommandContext, 'clock' | 'signal'>,
): Promise<ImportedModel> {
  // Before the work: it may take half a minute on a small board.
  if (!replace) await store.checkFree(request.name);
  await using trials = new Trials({ clock, signal });
  const scratch = await mkdtemp(join(tmpdir(), 'vedette-import-'));
  try {
    const trial: TryModel = async (model, feeds) => {
      const file = typeof model === 'string' ? model : join(scratch, 'trial.onnx');
      if (typeof model !== 'string') await writeFile(file, model);
      const { data = {} } = await trials.try(file, { feeds, outputs: true }).catch((error: unknown) => {
        throw withoutPlace(error, file);
      });
      return data;
    };
    const { fill, prove, facts } = await prepareImport({ ...request, trial, nowMs: clock.nowMs() });
    const installed = await store.install(request.name, fill, {
      replace,
      prove: async ({ manifest, folder }) => prove(join(folder, manifest.file), await scenePicture()),
    });
    return { ...installed, facts };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The reason without the path of a temporary file. */
function withoutPlace(error: unknown, file: string): unknown {
  const place = `${file}: `;
  if (!(error instanceof VedetteError) || !error.message.startsWith(place)) return error;
  return new VedetteError(error.code, error.message.slice(place.length), {}, error);
}
