// Files that survive a power cut: folders that are there for good, contents flushed before a file gets its name. Any thread.
import { mkdir, open, rename, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';

const FOLDER_MODE = 0o750;
const FILE_MODE = 0o640;

/** Makes a folder and what is missing above it, so that a power cut does not take them away again. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await syncPath(dirname(made));
}

/** A new file with these bytes, on the disk when this resolves. */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, 'w', FILE_MODE);
  await file.writeFile(bytes);
  await file.datasync();
}

/** Gives a file that another program has written its name, once it is on the disk. */
export async function nameDurably(from: string, to: string): Promise<void> {
  {
    await using file = await open(from, 'r+');
    await file.chmod(FILE_MODE);
    await file.datasync();
  }
  await makeFolder(dirname(to));
  await rename(from, to);
  await syncPath(dirname(to));
}

/** What was written to a file, or renamed into a folder or away, stays so. */
export async function syncPath(path: string): Promise<void> {
  await using handle = await open(path, 'r');
  await handle.sync();
}

/** What the disk of a folder has left for who is not root, MB. */
export async function freeMb(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return Math.floor((bavail * bsize) / 1e6);
}
