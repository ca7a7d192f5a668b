// Engines that TensorRT builds for a model on a board: minutes of work that are kept between starts, in a folder per model and
// board. What is old goes: an engine can always be built again. A folder that cannot be written is no error: then it is built at
// every start. Detector process.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';

const ENGINES = 'engines';
/** A model, its lighter one, and those before an update of the driver. */
const FOLDERS_MAX = 6;
const BYTES_MAX = 1_000_000_000;

export interface EngineKey {
  /** SHA-256 of the model file. */
  readonly sha256: string;
  /** What else an engine is made for: GPU, driver, versions of libraries. */
  readonly board: readonly (string | undefined)[];
}

/** The folder for the engines of a model on this board: made, touched, and others swept. Undefined where that does not work. */
export function engineFolder(cacheDir: string, key: EngineKey, nowMs: number): string | undefined {
  const board = createHash('sha256').update(JSON.stringify(key.board)).digest('hex').slice(0, 8);
  const name = `${key.sha256.slice(0, 16)}-${board}`;
  const parent = join(cacheDir, ENGINES);
  try {
    mkdirSync(join(parent, name), { recursive: true, mode: 0o750 });
    utimesSync(join(parent, name), nowMs / 1000, nowMs / 1000);
    sweep(parent, name);
    return join(parent, name);
  } catch {
    return undefined;
  }
}

/** The newest are kept, as many as fit; always the one in use. */
function sweep(parent: string, inUse: string): void {
  const folders = readdirSync(parent).map((name) => ({ name, atMs: statSync(join(parent, name)).mtimeMs }));
  folders.sort((a, b) => b.atMs - a.atMs);
  let [count, bytes] = [0, 0];
  for (const { name } of folders) {
    count += 1;
    bytes += bytesIn(join(parent, name));
    const keep = name === inUse || (count <= FOLDERS_MAX && bytes <= BYTES_MAX);
    if (!keep) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

function bytesIn(folder: string): number {
  const entries = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  return entries.reduce((sum, { name }) => sum + statSync(join(folder, name)).size, 0);
}
