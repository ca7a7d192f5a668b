// Where the dynamic loader would find a shared library, and which of those that a library needs it would not find: the order
// of ld.so(8), without starting anything. The root is a parameter, so that tests show the files of other boards. Any thread.
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { readSharedLibrary } from './elf.ts';

export interface LoaderPlace {
  /** '' for this machine. */
  readonly root: string;
  readonly arch: NodeJS.Architecture;
  /** Folders of LD_LIBRARY_PATH. */
  readonly folders: readonly string[];
}

const TRIPLETS: Readonly<Record<string, string>> = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' };
/** Libraries deeper than this are not looked for: nothing of ours goes so far. */
const LIBRARIES_MAX = 200;

export function loaderPlace(env: NodeJS.ProcessEnv, root = ''): LoaderPlace {
  const folders = (env['LD_LIBRARY_PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return { root, arch: process.arch, folders };
}

/**
 * Names of libraries that `path`, or a library that it needs, needs and the loader does not find; in order, each once. `later`:
 * others that it asks for by name while it runs.
 */
export function missingLibraries(path: string, place: LoaderPlace, later: readonly string[] = []): string[] {
  const cache = loaderCache(place.root);
  const missing: string[] = [];
  const seen = new Set<string>();
  const queue = [path];
  for (let file = queue.shift(); file !== undefined && seen.size < LIBRARIES_MAX; file = queue.shift()) {
    for (const name of [...neededBy(file), ...(file === path ? later : [])]) {
      if (seen.has(name)) continue;
      seen.add(name);
      const found = find(name, dirname(file), place, cache);
      if (found === undefined) missing.push(name);
      else queue.push(found);
    }
  }
  return missing;
}

/** Nothing of a file that cannot be read: the loader will say what is wrong with it. */
function neededBy(path: string): readonly string[] {
  try {
    return readSharedLibrary(path).needed;
  } catch {
    return [];
  }
}

function find(
  name: string,
  beside: string,
  { root, arch, folders }: LoaderPlace,
  cache: ReadonlyMap<string, string>,
): string | undefined {
  const triplet = TRIPLETS[arch] ?? '';
  const usual = [`/lib/${triplet}`, `/usr/lib/${triplet}`, '/lib64', '/usr/lib64', '/lib', '/usr/lib'];
  const paths = [
    ...folders.map((folder) => join(root, folder, name)),
    join(beside, name),
    ...(cache.has(name) ? [join(root, cache.get(name) ?? '')] : []),
    ...usual.map((folder) => join(root, folder, name)),
  ];
  return paths.find((path) => existsSync(path));
}

/**
 * Names and paths in /etc/ld.so.cache (libraries of other folders that ldconfig has found). The strings stand one after the
 * other behind its tables, each a name or a path; the tables themselves are not read.
 */
function loaderCache(root: string): Map<string, string> {
  const found = new Map<string, string>();
  try {
    const text = readFileSync(join(root, '/etc/ld.so.cache'), 'latin1');
    for (const [path] of text.matchAll(/\/[\x21-\x7e]+\.so[\x21-\x7e]*/g)) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      if (!found.has(name)) found.set(name, path);
    }
  } catch {
    // No such file: a system without ldconfig.
  }
  return found;
}
