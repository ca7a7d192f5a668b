// The ONNX Runtime library: the one that comes with onnxruntime-node, or one of the owner's (detector.library). Says whether
// the owner's can be taken, how a process is started so that it uses it, and which one this process really uses. Loads
// nothing: the version of its symbols and of those that the binding wants stand in the files. Main thread and detector process.
import { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, delimiter, dirname, join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { readSharedLibrary, type SharedLibrary } from '../platform/elf.ts';
import { readProblem, reasonOf, VedetteError } from '../platform/errors.ts';
import { loaderPlace, missingLibraries } from '../platform/loader.ts';

/** The name by which the binding asks the loader for it. */
const SONAME = 'libonnxruntime.so.1';
const BINDING = 'onnxruntime_binding.node';
/** libonnxruntime.so, .so.1, .so.1.30.0; not the libraries of its providers. */
const LIBRARY_NAME = /^libonnxruntime\.so(?:\.\d+)*$/;
/** The one version that all symbols of a build carry. */
const VERSION = /^VERS_(\d+(?:\.\d+)*)$/;
/** Loaded before everything else in a process that is to use a binding of the owner's. */
const BINDING_LOADER = fileURLToPath(new URL('runtime-binding.ts', import.meta.url));
/** Name of the variable with the path of that binding. */
export const BINDING_VARIABLE = 'VEDETTE_RUNTIME_BINDING';
const LINKS = 'onnxruntime';

export interface RuntimeLibrary {
  readonly file: string;
  /** For example 1.30.0. */
  readonly version: string;
  /** A binding beside it, built with it: taken instead of that of the package. */
  readonly binding: string | undefined;
}

export interface UsedLibrary {
  readonly file: string;
  /** Undefined where its symbols carry none. */
  readonly version: string | undefined;
  /** It is the one that came with onnxruntime-node. */
  readonly bundled: boolean;
}

/** The library in use as it is shown, and why it is not the owner's, where that was wanted. */
export interface RuntimeReport extends Partial<UsedLibrary> {
  readonly problem?: string;
}

/** The binding that comes with the package, for this machine. */
export function packagedBinding(): string {
  const bin = join(packageFolder(), 'bin');
  const api = readdirSync(bin).find((name) => name.startsWith('napi-')) ?? '';
  return join(bin, api, process.platform, process.arch, BINDING);
}

function packageFolder(): string {
  return dirname(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')));
}

/**
 * Looks at a library, given by itself or by its folder. Throws DETECTOR_LIBRARY with the reason when this machine, or the
 * binding that would load it, cannot use it.
 */
export function examineLibrary(path: string): RuntimeLibrary {
  const file = libraryFile(path);
  const library = readLibrary(file);
  if (library.soname !== SONAME) {
    throw unusable(file, `calls itself ${library.soname ?? 'nothing'}, not ${SONAME}: it is another library`);
  }
  const version = versionOf(library);
  if (version === undefined) throw unusable(file, 'does not say which version of ONNX Runtime it is');
  const own = join(dirname(file), BINDING);
  const binding = statSync(own, { throwIfNoEntry: false })?.isFile() ? own : undefined;
  const wanted = readLibrary(binding ?? packagedBinding()).wanted.get(SONAME) ?? [];
  const lacking = wanted.filter((name) => !library.versions.includes(name));
  if (lacking.length > 0) {
    const versions = lacking.map((name) => VERSION.exec(name)?.[1] ?? name).join(', ');
    const whose = binding === undefined ? 'the onnxruntime-node of this installation' : binding;
    throw unusable(file, `is ONNX Runtime ${version}; ${whose} fits ${versions} only`);
  }
  const missing = missingLibraries(file, loaderPlace(process.env));
  if (missing.length > 0) throw unusable(file, `needs ${missing.join(', ')}, which the loader does not find`);
  return { file, version, binding };
}

function libraryFile(path: string): string {
  try {
    if (!statSync(path).isDirectory()) return realpathSync(path);
    const names = readdirSync(path).filter((name) => LIBRARY_NAME.test(name));
    const name = names.find((one) => one === SONAME) ?? names.sort().at(-1);
    if (name === undefined) throw unusable(path, `is a folder without a ${SONAME}`);
    return join(path, name);
  } catch (error) {
    if (error instanceof VedetteError) throw error;
    throw unusable(path, readProblem(error), error);
  }
}

function readLibrary(file: string): SharedLibrary {
  let library: SharedLibrary;
  try {
    library = readSharedLibrary(file);
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    throw unusable(file, code === undefined ? reasonOf(error) : readProblem(error), error);
  }
  const { arch, machine } = library;
  if (arch !== process.arch) {
    throw unusable(
      file,
      `is for ${arch ?? `another processor (ELF machine ${machine})`}, this is ${process.arch}`,
    );
  }
  return library;
}

function versionOf({ versions }: SharedLibrary): string | undefined {
  return versions.map((name) => VERSION.exec(name)?.[1]).find((version) => version !== undefined);
}

/**
 * Variables with which a Node process uses the library. Where its file has another name than the one that is asked for, links to
 * it and to the libraries of its providers are made in `linksIn`, a folder of this process alone.
 */
export function libraryVariables(
  { file, binding }: RuntimeLibrary,
  linksIn: string,
  env: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  const folder = basename(file) === SONAME ? dirname(file) : linked(file, linksIn);
  const paths = [folder, dirname(file), env['LD_LIBRARY_PATH'] ?? ''];
  const variables = { LD_LIBRARY_PATH: [...new Set(paths)].filter((path) => path !== '').join(delimiter) };
  if (binding === undefined) return variables;
  const loading = `--import=${pathToFileURL(BINDING_LOADER).href}`;
  const options = [env['NODE_OPTIONS'] ?? '', loading].join(' ').trim();
  return { ...variables, NODE_OPTIONS: options, [BINDING_VARIABLE]: binding };
}

function linked(file: string, linksIn: string): string {
  const folder = join(linksIn, LINKS);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  symlinkSync(file, join(folder, SONAME));
  for (const name of readdirSync(dirname(file))) {
    if (name.startsWith('libonnxruntime_')) symlinkSync(join(dirname(file), name), join(folder, name));
  }
  return folder;
}

/** The library that this process has loaded: the kernel's word. Undefined before the first session. */
export function usedLibrary(): UsedLibrary | undefined {
  const maps = readFileSync('/proc/self/maps', 'utf8');
  const file = /^(?:\S+ +){5}(\/.*\/libonnxruntime\.so[\d.]*)$/m.exec(maps)?.[1];
  if (file === undefined) return undefined;
  const bundled = file.startsWith(realpathSync(packageFolder()) + sep);
  try {
    return { file, version: versionOf(readSharedLibrary(file)), bundled };
  } catch {
    // Replaced or removed since it was loaded.
    return { file, version: undefined, bundled };
  }
}

function unusable(file: string, why: string, cause?: unknown): VedetteError {
  return new VedetteError('DETECTOR_LIBRARY', `detector.library: ${file} ${why}`, { file }, cause);
}
