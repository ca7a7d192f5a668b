// What a test needs from outside the repository: programs and the shared material. A missing one skips the test and
// says so; where CI=true it is an error instead, so that nothing is skipped there unseen.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'vitest';
import { findProgram } from '../../daemon/platform/child.ts';

/** Root of the repository. */
export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** Folder of shared test material: $VEDETTE_SHARED, else the folder `shared` beside the repository. */
export function sharedDir(): string {
  return process.env['VEDETTE_SHARED'] ?? resolve(ROOT, '../shared');
}

/** A file below the shared folder. */
export function sharedPath(...parts: string[]): string {
  return join(sharedDir(), ...parts);
}

export interface Needs {
  /** Programs on PATH (Debian's /usr/sbin included), e.g. 'mosquitto'. */
  readonly programs?: readonly string[];
  /** Paths below the shared folder. */
  readonly shared?: readonly string[];
  /** Modules of the system's Python, which come as Debian packages, e.g. 'jinja2'. */
  readonly pythonModules?: readonly string[];
}

/** Path of a program, looking into /usr/sbin too, where Debian puts mosquitto. */
export function programPath(name: string): string | undefined {
  const inSbin = join('/usr/sbin', name);
  return findProgram(name) ?? (existsSync(inSbin) ? inSbin : undefined);
}

function pythonHas(module: string): boolean {
  return spawnSync('/usr/bin/python3', ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0;
}

/** `test`, or a visible skip that names what is missing (an error where CI=true). */
export function testNeeding(needs: Needs): typeof test {
  const missing = [
    ...(needs.programs ?? []).filter((name) => programPath(name) === undefined),
    ...(needs.pythonModules ?? []).filter((name) => !pythonHas(name)).map((name) => `python3-${name}`),
    ...(needs.shared ?? []).filter((path) => !existsSync(sharedPath(path))).map((path) => `shared/${path}`),
  ];
  if (missing.length === 0) return test;
  if (process.env['CI'] === 'true')
    throw new Error(`these tests need ${missing.join(', ')}, and CI skips nothing`);
  console.warn(`skipped: needs ${missing.join(', ')}`);
  return test.skip as typeof test;
}
