// A download that is not complete: the bytes so far and, beside them, what the server said of the whole, so that it can go on
// after a break, a kill or a power cut. One download at a time per store; named by the hash of the whole. Main thread of a command.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { VedetteError } from '../platform/errors.ts';
import { type FileLock, isLocked, lockFile, lockHolders } from '../platform/file-lock.ts';
import { storeTrouble } from './store-trouble.ts';

const stateSchema = z.strictObject({
  v: z.literal(1),
  url: z.string(),
  /** What If-Range takes: a strong ETag, else the date of the last change. */
  validator: z.string().optional(),
  /** Size of the whole. */
  bytes: z.int().positive().optional(),
});

export type PartialState = Omit<z.output<typeof stateSchema>, 'v'>;

const LOCK = 'lock';
/** Begins the names of folders in which a whole file has its own name while it is imported. */
export const IMPORTING = 'import-';
/** No import takes longer. */
const IMPORT_MS = 3_600_000;
/** Of those that nobody has gone on with. */
const KEEP_MS = 30 * 86_400_000;

export class PartialFile {
  readonly path: string;
  readonly #statePath: string;
  readonly #lock: FileLock;
  #file: FileHandle | undefined;
  #state: PartialState | undefined;
  #have = 0;

  private constructor(folder: string, sha256: string, lock: FileLock) {
    this.path = join(folder, `${sha256}.part`);
    this.#statePath = join(folder, `${sha256}.json`);
    this.#lock = lock;
  }

  /** Takes up what is there. Throws MODEL_STORE when another process downloads or the folder cannot be written. */
  static async open(folder: string, sha256: string): Promise<PartialFile> {
    const lockPath = join(folder, LOCK);
    let lock: FileLock;
    try {
      await mkdir(folder, { recursive: true });
      lock = lockFile(lockPath);
    } catch (error) {
      if (!isLocked(error)) throw storeTrouble(folder, error);
      const [pid] = lockHolders(lockPath, 'WRITE');
      throw new VedetteError(
        'MODEL_STORE',
        `another command downloads a model${pid === undefined ? '' : ` (process ${pid})`}: wait for it, or stop it`,
        { folder, pid },
        error,
      );
    }
    const partial = new PartialFile(folder, sha256, lock);
    try {
      partial.#state = await readState(partial.#statePath);
      partial.#file = await open(partial.path, 'a+', 0o600);
      partial.#have = (await partial.#file.stat()).size;
      if (partial.#state === undefined) await partial.#file.truncate(0);
      if (partial.#state === undefined) partial.#have = 0;
      return partial;
    } catch (error) {
      await partial.close();
      throw storeTrouble(folder, error);
    }
  }

  /** Bytes that are here. */
  get have(): number {
    return this.#have;
  }

  get state(): PartialState | undefined {
    return this.#state;
  }

  /** Begins anew with what a server says of the whole. */
  async restart(state: PartialState): Promise<void> {
    await this.#write(async (file) => {
      await file.truncate(0);
      this.#have = 0;
      await this.#keepState(state);
    });
  }

  /** It has turned out how large the whole is. */
  async keepSize(bytes: number): Promise<void> {
    if (this.#state === undefined || this.#state.bytes === bytes) return;
    const state = { ...this.#state, bytes };
    await this.#write(() => this.#keepState(state));
  }

  /** Behind what is there. */
  async append(chunk: Buffer): Promise<void> {
    await this.#write(async (file) => {
      for (let from = 0; from < chunk.length; ) from += (await file.write(chunk, from)).bytesWritten;
      this.#have += chunk.length;
    });
  }

  /** On the disk; the hash of all of it, read in pieces. */
  async finish(): Promise<string> {
    await this.#write((file) => file.sync());
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(this.path)) hash.update(chunk as Buffer);
    return hash.digest('hex');
  }

  /** The first bytes, for a look at what it is. */
  async head(bytes: number): Promise<Buffer> {
    const buffer = Buffer.alloc(bytes);
    const { bytesRead } = await this.#file!.read(buffer, 0, bytes, 0);
    return buffer.subarray(0, bytesRead);
  }

  /** Gone, with its state. */
  async discard(): Promise<void> {
    await discardPartial(this.path);
    this.#have = 0;
    this.#state = undefined;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    this.#lock.close();
  }

  async #keepState(state: PartialState): Promise<void> {
    const temporary = `${this.#statePath}.tmp`;
    await writeFile(temporary, JSON.stringify({ v: 1, ...state }), { mode: 0o600, flush: true });
    await rename(temporary, this.#statePath);
    this.#state = state;
  }

  async #write(work: (file: FileHandle) => Promise<void>): Promise<void> {
    try {
      await work(this.#file!);
    } catch (error) {
      // A full disk is the daemon's trouble too: it gets its room back.
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') await this.discard();
      throw storeTrouble(this.path, error);
    }
  }
}

/** Removes a download and its state. */
export async function discardPartial(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(path.replace(/\.part$/, '.json'), { force: true });
}

/** Removes downloads that nobody has gone on with for a month, and what killed imports of them left. */
export async function sweepPartials(folder: string, nowMs: number): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const found = name === LOCK ? undefined : await stat(path).catch(() => undefined);
    const keepMs = name.startsWith(IMPORTING) ? IMPORT_MS : KEEP_MS;
    if (found !== undefined && nowMs - found.mtimeMs > keepMs)
      await rm(path, { recursive: true, force: true });
  }
}

async function readState(path: string): Promise<PartialState | undefined> {
  try {
    const { v: _v, ...state } = stateSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    return state;
  } catch {
    // None, or half of one: the download begins anew.
    return undefined;
  }
}
