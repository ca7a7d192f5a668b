// Which models the configuration names, for the commands about models. A board without a configuration is no mistake here.
import { basename, dirname, resolve } from 'node:path';
import { VedetteError } from '../platform/errors.ts';

export interface ModelUse {
  /** 'detector.model'. */
  readonly key: string;
  /** A name, or an absolute path of a folder or of its manifest.json. */
  readonly model: string;
}

export interface ModelUses {
  /** Undefined where there is none. */
  readonly file: string | undefined;
  readonly uses: readonly ModelUse[];
  /** Why the configuration that is there could not be read. */
  readonly problem: string | undefined;
}

/** Throws CONFIG_NOT_FOUND for a file that was named. */
export async function modelUses(named: string | undefined): Promise<ModelUses> {
  const { defaultConfigPaths, findConfig, loadConfig } = await import('../config/load.ts');
  let file: string | undefined;
  try {
    file = findConfig(named === undefined ? defaultConfigPaths(process.env) : [named]);
    const { detector } = loadConfig(file, { env: process.env }).config;
    const lighter =
      detector.lighter === undefined ? [] : [{ key: 'detector.lighter', model: detector.lighter }];
    return { file, uses: [{ key: 'detector.model', model: detector.model }, ...lighter], problem: undefined };
  } catch (error) {
    const isMissing = error instanceof VedetteError && error.code === 'CONFIG_NOT_FOUND';
    if (!(error instanceof VedetteError) || (isMissing && named !== undefined)) throw error;
    return { file, uses: [], problem: isMissing ? undefined : error.message.split('\n')[0] };
  }
}

/** The keys that name this model. */
export function usesOf(
  { uses }: ModelUses,
  { name, folder }: { readonly name: string; readonly folder: string },
): readonly string[] {
  const isIt = (model: string): boolean => model === name || folderOf(model) === folder;
  return uses.filter(({ model }) => isIt(model)).map(({ key }) => key);
}

function folderOf(model: string): string {
  const path = resolve(model);
  return basename(path) === 'manifest.json' ? dirname(path) : path;
}
