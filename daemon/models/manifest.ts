// Model manifests: from a name or a path to a verified ModelSpec. Reads manifest.json and hashes the model file; never
// runs a model. Everything the daemon knows of a model comes from here, nothing is guessed from the file. Any thread.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sanitise } from '../core/names.ts';
import type { ModelSpec } from '../core/types.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { DECODERS, decodes, type Manifest, manifestSchema, NAME } from './manifest-schema.ts';
import { TASKS } from './tasks.ts';

export const MANIFEST = 'manifest.json';
/** The models that come with Vedette. */
export const BUNDLED_MODELS = fileURLToPath(new URL('../../models', import.meta.url));
const MANIFEST_BYTES_MAX = 1_000_000;

export interface LoadedManifest {
  readonly manifest: Manifest;
  /** Absolute path of the folder. */
  readonly folder: string;
}

export interface LoadOptions {
  /** Where bare names are looked up, one after the other; default: among the bundled models. */
  readonly folders?: readonly string[];
}

/** Where bare names are looked up: the owner's models, in the data folder, before the bundled ones. */
export function modelFolders(dataDir: string): readonly string[] {
  return [installedModels(dataDir), BUNDLED_MODELS];
}

/** Folder of the models that the owner has installed. */
export function installedModels(dataDir: string): string {
  return join(dataDir, 'models');
}

/**
 * Loads and verifies a model. A bare name is a folder in one of `folders`, anything else the path of a folder or of its
 * manifest.json. Throws MODEL_NOT_FOUND, MODEL_MANIFEST_INVALID (every problem at once), MODEL_UNSUPPORTED (a task or
 * decoder this version does not know) or MODEL_CORRUPT (size or hash differ).
 */
export async function loadModel(nameOrPath: string, options: LoadOptions = {}): Promise<ModelSpec> {
  const { manifest, folder } = await readManifest(nameOrPath, options);
  const { name, input: modelInput, decoder: modelDecoder, labels } = manifest;
  if (modelDecoder.type !== 'boxes-scores' && modelDecoder.type !== 'tf-ssd') throw noDetector(manifest);
  const file = join(folder, manifest.file);
  await verifyFile(file, manifest);
  const thresholds = Object.fromEntries(
    labels.map((label) => [label, manifest.thresholds[label] ?? manifest.thresholdDefault]),
  );
  const saturationFree = manifest.quantization?.saturationFree ?? false;
  return {
    name,
    task: 'detect',
    file,
    input: modelInput,
    decoder: modelDecoder,
    labels,
    thresholds,
    saturationFree,
  };
}

/** The checked manifest, without a look at the model file. Throws like loadModel, but never MODEL_CORRUPT. */
export async function readManifest(nameOrPath: string, options: LoadOptions = {}): Promise<LoadedManifest> {
  const folders = options.folders ?? [BUNDLED_MODELS];
  const folder = await folderOf(nameOrPath, folders);
  const path = join(folder, MANIFEST);
  let content: string;
  try {
    const { size } = await stat(path);
    if (size > MANIFEST_BYTES_MAX) throw invalid(path, [`has ${size} bytes (limit ${MANIFEST_BYTES_MAX})`]);
    content = await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof VedetteError) throw error;
    throw await notFound(nameOrPath, path, folders, error);
  }
  return { manifest: parseManifest(content, path), folder };
}

/** Names of the models in these folders, sorted; also of those whose manifest is damaged. */
export async function listModels(folders: readonly string[] = [BUNDLED_MODELS]): Promise<string[]> {
  const names = new Set<string>();
  for (const folder of folders) {
    for (const name of await readdir(folder).catch(() => [])) {
      if (NAME.test(name) && (await isThere(join(folder, name, MANIFEST)))) names.add(name);
    }
  }
  return [...names].sort();
}

async function folderOf(nameOrPath: string, folders: readonly string[]): Promise<string> {
  if (NAME.test(nameOrPath) && nameOrPath !== MANIFEST) {
    const candidates = folders.map((folder) => join(folder, nameOrPath));
    for (const candidate of candidates) if (await isThere(join(candidate, MANIFEST))) return candidate;
    return candidates[0]!;
  }
  const path = resolve(nameOrPath);
  return basename(path) === MANIFEST ? dirname(path) : path;
}

/** Also what may not be read: that is not passed over for another one of the same name. */
async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    ({ code }: NodeJS.ErrnoException) => code !== 'ENOENT' && code !== 'ENOTDIR',
  );
}

function parseManifest(content: string, path: string): Manifest {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch (error) {
    throw invalid(path, [`is not JSON: ${reasonOf(error)}`], error);
  }
  refuseUnknown(value, path);
  const result = manifestSchema.safeParse(value, { reportInput: true });
  const problems = [
    ...(result.error?.issues ?? []).map(
      (issue) => `${issue.path.join('.')}: ${issue.message}${seen(issue.input)}`,
    ),
    ...crossProblems(value as Record<string, unknown>),
  ];
  if (result.success && problems.length === 0) return result.data;
  throw invalid(path, problems);
}

/** What one key says about another. Looks at the raw value, so that it speaks even when something else is wrong too. */
function crossProblems(value: Record<string, unknown> | null): string[] {
  const problems: string[] = [];
  const labels: unknown[] = Array.isArray(value?.['labels']) ? value['labels'] : [];
  labels.forEach((label, index) => {
    if (labels.indexOf(label) < index) problems.push(`labels.${index}: is there twice${seen(label)}`);
  });
  if (value?.['task'] === 'detect') problems.push(...topicProblems(labels));
  const shown = `${labels.slice(0, 12).join(', ')}${labels.length > 12 ? ', …' : ''}`;
  const thresholds = value?.['thresholds'];
  for (const label of typeof thresholds === 'object' ? Object.keys(thresholds ?? {}) : []) {
    if (!labels.includes(label)) problems.push(`thresholds.${label}: is not one of the labels (${shown})`);
  }
  const { task, decoder } = (value ?? {}) as { task?: unknown; decoder?: { type?: unknown } };
  const known = TASKS.find((one) => one === task);
  const decoderType = String(decoder?.type);
  if (known !== undefined && DECODERS.includes(decoderType) && !decodes(known, decoderType)) {
    problems.push(`decoder.type: is not one of task '${known}' (got "${decoderType}")`);
  }
  if (known !== undefined && known !== 'features' && labels.length === 0) {
    problems.push(`labels: a model with task '${known}' needs at least one`);
  }
  const { type, mean = [0, 0, 0], scale = [1, 1, 1] } = (value?.['input'] ?? {}) as Record<string, unknown>;
  const plain = JSON.stringify([mean, scale]) === '[[0,0,0],[1,1,1]]';
  if (type === 'uint8' && !plain) {
    problems.push(
      'input.mean: mean and scale are for float32 inputs, a uint8 input takes pixels as they are',
    );
  }
  return problems;
}

/** Topics, entities and counts go by the label's name for topics: two labels of one name would be one. */
function topicProblems(labels: readonly unknown[]): string[] {
  const first = new Map<string, string>();
  return labels.flatMap((label, index) => {
    if (typeof label !== 'string') return [];
    const name = sanitise(label);
    const other = first.get(name) ?? label;
    first.set(name, other);
    if (other === label) return [];
    const message = `has the name '${name}' in topics, as has ${JSON.stringify(other)}; rename one of them`;
    return [`labels.${index}: ${message}${seen(label)}`];
  });
}

/** A task or decoder of a later version is no mistake in the manifest: say what this version knows. */
function refuseUnknown(value: unknown, path: string): void {
  const { task, decoder: found } = (value ?? {}) as { task?: unknown; decoder?: { type?: unknown } };
  const type = typeof found === 'object' && found !== null ? found.type : undefined;
  const unknown = [
    ...(typeof task === 'string' && !TASKS.some((known) => known === task)
      ? [`task '${task.slice(0, 80)}' (known: ${TASKS.join(', ')})`]
      : []),
    ...(typeof type === 'string' && !DECODERS.includes(type)
      ? [`decoder '${type.slice(0, 80)}' (known: ${DECODERS.join(', ')})`]
      : []),
  ];
  if (unknown.length === 0) return;
  throw new VedetteError(
    'MODEL_UNSUPPORTED',
    `${path}: this version does not know ${unknown.join(' and ')}`,
    {
      path,
    },
  );
}

/** The daemon finds objects; what a picture shows as a whole, or each of its pixels, gives it nothing to follow. */
function noDetector({ name, task }: Manifest): VedetteError {
  return new VedetteError(
    'MODEL_UNSUPPORTED',
    `model '${name}': its task is '${task}', the detector runs models whose task is 'detect'`,
    { model: name, task },
  );
}

/** ' (got …)' for a value that can be shown in a line. */
function seen(value: unknown): string {
  if (value === undefined) return '';
  const shown = JSON.stringify(value) ?? '';
  return shown.length > 80 ? ` (got ${shown.slice(0, 80)}…)` : ` (got ${shown})`;
}

/** Size first, then the hash, read in pieces: the file may be larger than the board's free memory. */
export async function verifyFile(file: string, { name, sha256, bytes }: Manifest): Promise<void> {
  let actualBytes = 0;
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(file)) {
      hash.update(chunk as Buffer);
      actualBytes += (chunk as Buffer).length;
    }
  } catch (error) {
    throw new VedetteError(
      'MODEL_NOT_FOUND',
      `model '${name}': ${file} cannot be read (${reasonOf(error)}); its manifest names it`,
      { model: name, file },
      error,
    );
  }
  const actual = hash.digest('hex');
  if (actualBytes === bytes && actual === sha256) return;
  throw new VedetteError(
    'MODEL_CORRUPT',
    `model '${name}': ${file} has ${actualBytes} bytes and sha256 ${actual}, its manifest says ${bytes} bytes and ${sha256}; copy the model again`,
    { model: name, file, actualBytes, bytes, actual, sha256 },
  );
}

async function notFound(
  nameOrPath: string,
  path: string,
  folders: readonly string[],
  cause: unknown,
): Promise<VedetteError> {
  const names = await listModels(folders);
  const there =
    names.length === 0 ? `there are none in ${folders.join(' or ')}` : `there are ${names.join(', ')}`;
  return new VedetteError(
    'MODEL_NOT_FOUND',
    `model '${nameOrPath}': ${path} cannot be read (${reasonOf(cause)}); ${there}`,
    { model: nameOrPath, path, names },
    cause,
  );
}

/** Problems that are named; of a file that is something else there can be thousands. */
const PROBLEMS_MAX = 30;

function invalid(path: string, problems: readonly string[], cause?: unknown): VedetteError {
  const named = problems.slice(0, PROBLEMS_MAX).map((problem) => problem.slice(0, 300));
  const more = problems.length - named.length;
  return new VedetteError(
    'MODEL_MANIFEST_INVALID',
    `${path}: ${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`,
    { path, problems },
    cause,
  );
}
