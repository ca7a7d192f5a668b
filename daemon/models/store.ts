// The models on the board: those that come with Vedette, which stay as they are, and the owner's, in the data folder, which are
// installed, replaced and removed here. At every moment, also after a kill or a power cut, a model is whole: the old one or the
// new one. Opens no model; who installs one brings the proof that it runs. Main thread of a command.
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import type { Clock } from '../platform/clock.ts';
import { syncPath } from '../platform/durable-files.ts';
import { readProblem, VedetteError } from '../platform/errors.ts';
import { type FileLock, isLocked, lockFile, lockHolders } from '../platform/file-lock.ts';
import { writeWhole } from '../platform/whole-file.ts';
import {
  BUNDLED_MODELS,
  installedModels,
  type LoadedManifest,
  listModels,
  MANIFEST,
  readManifest,
  verifyFile,
} from './manifest.ts';
import { type Manifest, NAME } from './manifest-schema.ts';
import { sweepPartials } from './partial-file.ts';
import { bringIn, kindOf, STAGING, sweepModel, takeName } from './store-files.ts';
import { storeTrouble } from './store-trouble.ts';

/** What `default` names in the commands about models. */
export const DEFAULT_MODEL = 'vedette-nano';
const NAME_LENGTH_MAX = 64;
/** Other commands hold the lock for moments only. */
const LOCK_WAIT_MS = 10_000;
const LOCK_POLL_MS = 50;

export type Whereabouts = 'installed' | 'bundled' | 'elsewhere';

export interface FoundModel extends LoadedManifest {
  /** Of its folder: what detector.model names it by. */
  readonly name: string;
  readonly where: Whereabouts;
}

export interface StoredModel {
  /** Of its folder: what detector.model names it by. */
  readonly name: string;
  readonly where: Whereabouts;
  readonly folder: string;
  /** It takes the place of a bundled one of the same name. */
  readonly hides: boolean;
  /** Undefined for a damaged one. */
  readonly manifest: Manifest | undefined;
  /** Why it is damaged. */
  readonly problem: VedetteError | undefined;
}

export interface InstallOptions {
  /** A model of this name that is there already is replaced; a bundled one is hidden by it. */
  readonly replace?: boolean;
  /** Rejects when the model does not do what it should; it is not installed then. */
  readonly prove?: (model: LoadedManifest) => Promise<void>;
}

export interface ModelStoreOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  /** Folder of the models that come with Vedette. */
  readonly bundled?: string;
}

export class ModelStore {
  /** Where names are looked up, in this order. */
  readonly folders: readonly string[];
  /** Of partial downloads. */
  readonly partials: string;
  readonly #installed: string;
  readonly #bundled: string;
  readonly #clock: Clock;

  constructor({ dataDir, clock, bundled = BUNDLED_MODELS }: ModelStoreOptions) {
    this.#installed = installedModels(dataDir);
    this.#bundled = resolve(bundled);
    this.folders = [this.#installed, this.#bundled];
    this.partials = join(this.#installed, '.partial');
    this.#clock = clock;
  }

  /** Why the owner's models cannot be seen, which would otherwise look as if there were none. */
  async hidden(): Promise<string | undefined> {
    return readdir(this.#installed).then(
      () => undefined,
      (error: NodeJS.ErrnoException) =>
        error.code === 'ENOENT' ? undefined : `${this.#installed} ${readProblem(error)}`,
    );
  }

  /** Every model, sorted by name, also the damaged ones. Looks at no model file. */
  async list(): Promise<StoredModel[]> {
    const [installed, bundled] = await Promise.all(this.folders.map((folder) => listModels([folder])));
    const names = [...new Set([...installed!, ...bundled!])].sort();
    return Promise.all(
      names.map(async (name): Promise<StoredModel> => {
        const isInstalled = installed!.includes(name);
        const folder = join(isInstalled ? this.#installed : this.#bundled, name);
        const where = isInstalled ? 'installed' : 'bundled';
        const known = { name, where, folder, hides: isInstalled && bundled!.includes(name) } as const;
        return readManifest(folder).then(
          ({ manifest }) => ({ ...known, manifest, problem: undefined }),
          (error: unknown) => {
            if (!(error instanceof VedetteError)) throw error;
            return { ...known, manifest: undefined, problem: error };
          },
        );
      }),
    );
  }

  /** `default`, the name of a model or the path of a folder. Throws as `readManifest` does. */
  async find(nameOrPath: string): Promise<FoundModel> {
    const wanted = nameOrPath === 'default' ? DEFAULT_MODEL : nameOrPath;
    const { manifest, folder } = await readManifest(wanted, { folders: this.folders });
    const parent = dirname(folder);
    const where =
      parent === this.#installed ? 'installed' : parent === this.#bundled ? 'bundled' : 'elsewhere';
    return { manifest, folder, name: basename(folder), where };
  }

  /** Throws USAGE when no model can be installed under this name, or there is one already. */
  async checkFree(name: string): Promise<void> {
    checkName(name);
    if ((await listModels([this.#installed])).includes(name)) {
      const what = `there is a model '${name}' already: choose another name with --name, or --replace it`;
      throw new VedetteError('USAGE', what, { name });
    }
    if ((await listModels([this.#bundled])).includes(name)) {
      const what = `'${name}' is a model that comes with Vedette: choose another name with --name`;
      throw new VedetteError('USAGE', what, { name });
    }
  }

  /**
   * Installs a model: `fill` puts manifest.json, the model file and the card into an empty folder; the whole is checked (manifest,
   * size, hash), proven and put in its place. Throws what they throw, USAGE for the name, MODEL_STORE for the disk and the lock.
   */
  async install(
    name: string,
    fill: (folder: string) => Promise<void>,
    { replace = false, prove }: InstallOptions = {},
  ): Promise<LoadedManifest> {
    checkName(name);
    const place = join(this.#installed, name);
    await this.#alone(async (staging) => {
      if (!replace) await this.checkFree(name);
      await mkdir(staging);
      await fill(staging);
      const filled = await readManifest(staging);
      await verifyFile(join(staging, filled.manifest.file), filled.manifest);
      const model = await takeName(filled, name);
      await prove?.(model);
      await bringIn(staging, place);
    });
    return readManifest(place);
  }

  /** Changes the manifest of a model in its place, whole or not at all. Throws MODEL_MANIFEST_INVALID for what it must not become. */
  async changeManifest(folder: string, change: (manifest: Manifest) => Manifest): Promise<void> {
    await this.#alone(async (staging) => {
      const { manifest } = await readManifest(folder);
      const text = Buffer.from(`${JSON.stringify(change(manifest), null, 2)}\n`);
      await mkdir(staging);
      await writeFile(join(staging, MANIFEST), text);
      await readManifest(staging);
      try {
        writeWhole(join(folder, MANIFEST), text);
      } catch (error) {
        throw storeTrouble(folder, (error as Error).cause ?? error);
      }
    });
  }

  /** Removes an installed model at one stroke. Throws MODEL_NOT_FOUND, and MODEL_IN_USE for one that comes with Vedette. */
  async remove(name: string): Promise<{ readonly uncovers: boolean }> {
    const isBundled = (await listModels([this.#bundled])).includes(name);
    const place = join(this.#installed, name);
    const kind = NAME.test(name) ? await kindOf(place) : 'nothing';
    if (kind === 'nothing' || kind === 'file') {
      if (!isBundled) await this.find(NAME.test(name) ? name : `./${name}`);
      throw new VedetteError(
        'MODEL_IN_USE',
        isBundled
          ? `model '${name}' comes with Vedette and stays`
          : `'${name}' is none of the models in ${this.#installed}: only they can be removed`,
        { name },
      );
    }
    await this.#alone(async (staging) => {
      // Needs no room on a full disk. A link of the owner's goes, what it leads to stays.
      await rename(place, staging);
      await syncPath(this.#installed);
    });
    return { uncovers: isBundled };
  }

  /** While no other command changes the store, with a path beside the models; what killed ones left behind is gone by then. */
  async #alone(work: (staging: string) => Promise<void>): Promise<void> {
    const staging = join(this.#installed, `${STAGING}${process.pid}`);
    const lock = await this.#lock();
    try {
      await this.#sweep();
      await work(staging);
    } catch (error) {
      throw isFromSystem(error) ? storeTrouble(this.#installed, error) : error;
    } finally {
      await rm(staging, { recursive: true, force: true });
      lock.close();
    }
  }

  async #lock(): Promise<FileLock> {
    const path = join(this.#installed, '.lock');
    const untilMonoMs = this.#clock.monoMs() + LOCK_WAIT_MS;
    for (;;) {
      try {
        await mkdir(this.#installed, { recursive: true });
        return lockFile(path);
      } catch (error) {
        if (!isLocked(error)) throw storeTrouble(this.#installed, error);
        if (this.#clock.monoMs() > untilMonoMs) throw busy(path, error);
        await this.#clock.sleep(LOCK_POLL_MS);
      }
    }
  }

  /** Under the lock: what is half done was left by a command that is no more. */
  async #sweep(): Promise<void> {
    for (const name of await readdir(this.#installed)) {
      if (name.startsWith(STAGING)) await rm(join(this.#installed, name), { recursive: true, force: true });
      else if (NAME.test(name) && (await kindOf(join(this.#installed, name))) === 'folder') {
        await sweepModel(join(this.#installed, name));
      }
    }
    await sweepPartials(this.partials, this.#clock.nowMs());
  }
}

/** Throws USAGE for what cannot be the name of an installed model. */
export function checkName(name: string): void {
  const isGood = NAME.test(name) && name.length <= NAME_LENGTH_MAX;
  if (isGood && name !== 'default' && name !== MANIFEST) return;
  const why = isGood
    ? 'it means something else'
    : `letters, digits, '.', '_' and '-', beginning with a letter or digit, at most ${NAME_LENGTH_MAX}`;
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
  throw new VedetteError('USAGE', `${shown} cannot be the name of a model: ${why}; choose one with --name`);
}

/** A file's name without its ending, in letters that a model's name may have. */
export function nameOfFile(file: string): string {
  return basename(file)
    .replace(/\.onnx$/i, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '');
}

function isFromSystem(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

function busy(path: string, cause: unknown): VedetteError {
  const [pid] = lockHolders(path, 'WRITE');
  const who = pid === undefined ? 'another command' : `another command (process ${pid})`;
  const limit = `waited ${LOCK_WAIT_MS / 1000} s`;
  return new VedetteError(
    'MODEL_STORE',
    `${dirname(path)} is in use by ${who}, ${limit}: try again later`,
    { pid },
    cause,
  );
}
