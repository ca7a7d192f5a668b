// Loads a configuration: YAML text, environment, schema, password files, the caller's semantic checks. All or nothing:
// either a whole Config or one CONFIG_INVALID with every problem, each with line and column. Main thread, at start and
// on reload; reads files synchronously.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { readProblem, VedetteError } from '../platform/errors.ts';
import { systemTimeZone } from '../platform/time-zone.ts';
import { readDocument } from './document.ts';
import { type Finding, invalidConfig, type Path, type Problem, showPath } from './problems.ts';
import { fillSecrets, readSecrets, type SecretOptions, secretPath } from './secrets.ts';
import type { Config } from './types.ts';
import { offsetOf, validate } from './validate.ts';

/** What only the caller can check, e.g. that a rule's zone exists. Paths as in the document. */
export type SemanticChecks = (config: Config) => readonly { readonly path: Path; readonly message: string }[];

export interface LoadOptions {
  readonly env: Readonly<NodeJS.ProcessEnv>;
  readonly semanticChecks?: SemanticChecks;
}

export interface ParseOptions extends LoadOptions {
  /** As shown in problems. */
  readonly fileName: string;
  /** Relative paths in the configuration start here. */
  readonly folder: string;
}

const FILE_NAME = 'vedette.yaml';
/** The service's. */
export const SYSTEM_PATH = '/etc/vedette/vedette.yaml';
const FILE_BYTES_MAX = 1_048_576;

/**
 * Where a configuration is looked for, in this order. $VEDETTE_CONFIG alone when it is set: a slip in it must not
 * silently start the daemon with another configuration.
 */
export function defaultConfigPaths(env: Readonly<NodeJS.ProcessEnv>): string[] {
  const named = env['VEDETTE_CONFIG'];
  if (named) return [named];
  const folder = env['CONFIGURATION_DIRECTORY']?.split(':')[0];
  return [...(folder ? [join(folder, FILE_NAME)] : []), FILE_NAME, SYSTEM_PATH];
}

/** The first path that exists, else the first that this user may not look at. Throws CONFIG_NOT_FOUND naming all that were tried. */
export function findConfig(paths: readonly string[]): string {
  const found = paths.find((path) => existsSync(path)) ?? paths.find(isHidden);
  if (found !== undefined) return found;
  const [first] = paths;
  const message =
    paths.length === 1
      ? `there is no configuration file ${first}`
      : `no configuration file: tried ${paths.join(', ')}; write one, name one with --config, or try: vedette demo`;
  throw new VedetteError('CONFIG_NOT_FOUND', message, { paths });
}

/** This user may not look (the service's folder, without sudo): reading it then says why, and "not there" might be a lie. */
function isHidden(path: string): boolean {
  try {
    statSync(path);
    return false;
  } catch (error) {
    return !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
  }
}

/** Loads a file. Throws CONFIG_NOT_FOUND, or CONFIG_INVALID with `data.problems` (Problem[]) in the order of the file. */
export function loadConfig(path: string, options: LoadOptions): { config: Config } {
  const fileName = basename(path);
  const text = readText(path, fileName);
  return parseConfig(text, { ...options, fileName, folder: dirname(resolve(path)) });
}

/** Like loadConfig, of text. Reads the password files that the text names. */
export function parseConfig(text: string, options: ParseOptions): { config: Config } {
  const { fileName, folder, env, semanticChecks } = options;
  const document = readDocument(text, env);
  const toProblem = ({ path, message, at }: Finding): Problem => ({
    file: fileName,
    ...document.locate(at),
    path: showPath(path),
    message,
  });
  const refuse = (findings: readonly Finding[]): VedetteError =>
    invalidConfig(fileName, findings.map(toProblem));
  if (document.broken) throw refuse(document.findings);
  const shape = rootProblem(document.value);
  if (shape !== undefined) throw refuse([{ path: [], at: document.root.valueAt, message: shape }]);

  const secrets = readSecrets(document.value, { folder, env });
  const secretFindings = secrets.flatMap(({ path, result }) =>
    'problem' in result ? [{ path, message: result.problem, at: offsetOf(document, path) }] : [],
  );
  const { config, findings, damaged } = validate(document);
  if (config !== undefined) {
    fillSecrets(config, secrets);
    resolvePaths(config, { folder, env });
    config.location.timeZone ??= systemTimeZone();
  }
  const semantic = config === undefined ? [] : (semanticChecks?.(config) ?? []);
  const semanticFindings = semantic
    .filter(({ path }) => !isConsequence(path, damaged))
    .map(({ path, message }) => ({ path, message, at: offsetOf(document, path) }));
  const all = [...document.findings, ...findings, ...secretFindings, ...semanticFindings];
  if (config === undefined || all.length > 0) throw refuse(all);
  return { config };
}

/**
 * True for a semantic problem that may only come from something that was left out: rules speak about cameras, their schedules
 * about the place.
 */
function isConsequence([section, , key]: Path, damaged: ReadonlySet<string>): boolean {
  if (damaged.has(String(section))) return true;
  return section === 'rules' && (damaged.has('cameras') || (key === 'schedule' && damaged.has('location')));
}

function rootProblem(value: unknown): string | undefined {
  if (value === null || value === undefined) return 'the file is empty; it must have at least one camera';
  const isMapping = typeof value === 'object' && !Array.isArray(value);
  return isMapping ? undefined : 'the file must be a mapping (key: value)';
}

/** Paths of videos, programs, models and certificates are relative to the configuration, wherever the daemon was started. */
function resolvePaths(config: Config, { folder, env }: SecretOptions): void {
  const { detector } = config;
  const { tls } = config.mqtt;
  for (const key of ['caFile', 'certFile', 'keyFile'] as const) {
    const name = tls[key];
    if (name !== undefined) tls[key] = secretPath(name, { folder, env });
  }
  // Without a slash it is the name of a model that comes with the daemon.
  for (const key of ['model', 'lighter'] as const) {
    const model = detector[key];
    if (model?.includes('/')) detector[key] = resolve(folder, model);
  }
  if (detector.library !== undefined) detector.library = resolve(folder, detector.library);
  const { remote } = detector;
  if (remote?.caFile !== undefined) remote.caFile = secretPath(remote.caFile, { folder, env });
  for (const { source } of Object.values(config.cameras)) {
    if (source.type === 'file' || source.type === 'folder') source.path = resolve(folder, source.path);
    if (source.type === 'libcamera' && source.tuningFile !== undefined) {
      source.tuningFile = resolve(folder, source.tuningFile);
    }
    // Without a slash it is looked for on PATH.
    if (source.type === 'command' && source.command[0]?.includes('/')) {
      source.command[0] = resolve(folder, source.command[0]);
    }
  }
}

function readText(path: string, fileName: string): string {
  const whole = (message: string, cause?: unknown): VedetteError =>
    invalidConfig(fileName, [{ file: fileName, line: 1, column: 1, path: '', message }], cause);
  let bytes: Buffer;
  try {
    const stat = statSync(path);
    if (stat.isDirectory()) throw whole('is a folder, not a file');
    if (stat.size > FILE_BYTES_MAX) throw whole(`has ${stat.size} bytes (limit ${FILE_BYTES_MAX})`);
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof VedetteError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return findConfig([path]);
    // Whole, because a file of this name may lie in several places.
    throw whole(`${resolve(path)} ${readProblem(error)}`, error);
  }
  if (bytes.length > FILE_BYTES_MAX) throw whole(`has ${bytes.length} bytes (limit ${FILE_BYTES_MAX})`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw whole('is not UTF-8 text', error);
  }
}
