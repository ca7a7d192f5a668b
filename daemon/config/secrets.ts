// Reads the files that `passwordFile`, `keyPasswordFile` and `tokenFile` name: the first line is the secret. Relative to the
// configuration's folder; a bare name that systemd put into $CREDENTIALS_DIRECTORY (systemd.exec(5), Credentials) is
// taken from there. Knows which files hold secrets. Never shows what it read.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { readProblem } from '../platform/errors.ts';
import { showText } from '../platform/show.ts';
import type { Path } from './problems.ts';
import { FILE_KEY, isSecretKey } from './redact.ts';

export interface SecretOptions {
  readonly folder: string;
  readonly env: Readonly<NodeJS.ProcessEnv>;
}

export interface Secret {
  /** Path of the key that names the file. */
  readonly path: Path;
  readonly result: { readonly password: string } | { readonly problem: string };
}

/** Names a file that is handed on as it is. All others of FILE_KEY are read: `passwordFile` stands for `password`, and so on. */
const PRIVATE_KEY = 'keyFile';
/** A password file is a line; anything of this size is another file named by mistake. */
const FILE_BYTES_MAX = 65_536;

/** Reads every password file that the document names, wherever it stands. */
export function readSecrets(value: unknown, options: SecretOptions, path: Path = []): Secret[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, inner]): Secret[] => {
    const innerPath = [...path, key];
    // An empty name is the schema's to complain about.
    if (FILE_KEY.test(key) && key !== PRIVATE_KEY && typeof inner === 'string' && inner !== '') {
      return [{ path: innerPath, result: readPassword(inner, options) }];
    }
    return readSecrets(inner, options, innerPath);
  });
}

/**
 * Puts the passwords in the place of the files' names. Changes `config`, which may lack sections of the document in which there are
 * mistakes.
 */
export function fillSecrets(config: object, secrets: readonly Secret[]): void {
  for (const { path, result } of secrets) {
    const section = path.slice(0, -1).reduce<unknown>(within, config) as Record<string, unknown> | undefined;
    const key = String(path.at(-1));
    if (section === undefined || !Object.hasOwn(section, key)) continue;
    delete section[key];
    if ('password' in result) section[key.replace(FILE_KEY, '$1')] = result.password;
  }
}

function within(section: unknown, key: PropertyKey): unknown {
  return isSection(section) && Object.hasOwn(section, key) ? section[key] : undefined;
}

function isSection(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === 'object' && value !== null;
}

function readPassword(name: string, options: SecretOptions): Secret['result'] {
  const path = secretPath(name, options);
  try {
    const stat = statSync(path);
    // A FIFO or a device would block or never end.
    if (!stat.isFile()) return { problem: `${showText(path)} is not a file` };
    if (stat.size > FILE_BYTES_MAX) {
      return { problem: `${showText(path)} has ${stat.size} bytes (limit ${FILE_BYTES_MAX})` };
    }
    const password = /^[^\r\n]*/.exec(readFileSync(path, 'utf8').replace(/^\uFEFF/, ''))![0];
    return password === '' ? { problem: `the first line of ${showText(path)} is empty` } : { password };
  } catch (error) {
    return { problem: `${showText(path)} ${readProblem(error)}` };
  }
}

/** Where a file with a secret is: among the credentials of systemd, else relative to the configuration's folder. */
export function secretPath(name: string, { folder, env }: SecretOptions): string {
  const credentials = env['CREDENTIALS_DIRECTORY'];
  if (
    credentials !== undefined &&
    credentials !== '' &&
    !name.includes('/') &&
    name !== '.' &&
    name !== '..'
  ) {
    const path = join(credentials, name);
    if (existsSync(path)) return path;
  }
  return resolve(folder, name);
}

/**
 * Files that only the user of the daemon should read: those that the configuration in `file` names, and itself when it holds
 * a secret that the environment does not give.
 */
export function secretFilesOf(file: string, env: SecretOptions['env']): string[] {
  const found = new Set<string>();
  const options = { folder: dirname(resolve(file)), env };
  const visit = (value: unknown, isEnvironment: boolean): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      // A camera or a rule may be called `token`: what is below a name is looked at by its own keys, but for `env`.
      if (typeof inner !== 'string') visit(inner, isEnvironment || key === 'env');
      else if (isEnvironment || isSecretKey(key)) {
        if (!inner.includes('${')) found.add(file);
      } else if (FILE_KEY.test(key)) found.add(secretPath(inner, options));
    }
  };
  try {
    visit(parse(readFileSync(file, 'utf8')), false);
  } catch {
    // No YAML, or not readable: the configuration's own findings say so.
  }
  return [...found];
}
