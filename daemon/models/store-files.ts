// How files of the store of models come and go so that a model is whole at every moment: written beside, synced, renamed; the
// manifest last, because it names the others. Main thread of a command.
import { lstat, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, parse } from 'node:path';
import { syncPath } from '../platform/durable-files.ts';
import { VedetteError } from '../platform/errors.ts';
import { type LoadedManifest, MANIFEST, readManifest } from './manifest.ts';

/** Folders that are being built or taken away begin with it; a name of a model cannot. */
export const STAGING = '.staging-';
/** As platform/whole-file.ts names what it writes. */
const TEMPORARY = /^\..+\.\d+\.tmp$/;
/** A model file of ours carries the beginning of its hash, so that old and new can lie side by side. */
const OWN_FILE = /-[0-9a-f]{12}\.onnx$/;

/** What lies at a path; a link is not followed. */
export async function kindOf(path: string): Promise<'nothing' | 'folder' | 'link' | 'file'> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (found === undefined) return 'nothing';
  if (found.isSymbolicLink()) return 'link';
  return found.isDirectory() ? 'folder' : 'file';
}

/** Gives a model that is being built the name it is installed under, and its file a name of its own. */
export async function takeName({ manifest, folder }: LoadedManifest, name: string): Promise<LoadedManifest> {
  const stem = parse(manifest.file).name.replace(/-[0-9a-f]{12}$/, '');
  const file = `${stem.slice(0, 100)}-${manifest.sha256.slice(0, 12)}.onnx`;
  await rename(join(folder, manifest.file), join(folder, file));
  await writeFile(join(folder, MANIFEST), `${JSON.stringify({ ...manifest, name, file }, null, 2)}\n`);
  return readManifest(folder);
}

/** Puts a model that was built in `staging` into its place; one that is there is exchanged when its manifest is. */
export async function bringIn(staging: string, place: string): Promise<void> {
  const names = await readdir(staging);
  for (const name of names) await syncPath(join(staging, name));
  await syncPath(staging);
  const kind = await kindOf(place);
  if (kind === 'nothing') {
    await rename(staging, place);
    await syncPath(dirname(place));
    return;
  }
  if (kind !== 'folder') {
    throw new VedetteError('MODEL_STORE', `${place} is a ${kind}, not a folder: move it away first`, {
      place,
    });
  }
  const old = await readManifest(place).catch(() => undefined);
  for (const name of names) {
    if (name !== MANIFEST) await rename(join(staging, name), join(place, name));
  }
  await syncPath(place);
  await rename(join(staging, MANIFEST), join(place, MANIFEST));
  await syncPath(place);
  for (const name of [old?.manifest.file, old?.manifest.card]) {
    if (name !== undefined && !names.includes(name)) await rm(join(place, name), { force: true });
  }
}

/** Removes what a command that was killed left in a model's folder; nothing that the owner put there. */
export async function sweepModel(folder: string): Promise<void> {
  const { manifest } = await readManifest(folder).catch(() => ({ manifest: undefined }));
  if (manifest === undefined) return;
  for (const name of await readdir(folder)) {
    const isLeft = TEMPORARY.test(name) || (OWN_FILE.test(name) && name !== manifest.file);
    if (isLeft) await rm(join(folder, name), { force: true });
  }
}
