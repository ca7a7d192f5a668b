// What a quantization has got so far, in a folder of its own, so that a run that was killed goes on where it was: the pictures at
// the size of the model's input, the histograms, and the result of each stage. Everything carries a hash: what a power cut
// has damaged is done again. Main thread of a command; one process at a time.
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { VedetteError } from '../platform/errors.ts';
import { type FileLock, isLocked, lockFile, lockHolders } from '../platform/file-lock.ts';
import { writeWhole } from '../platform/whole-file.ts';
import type { CalibrationKeeper, CalibrationState } from './calibrate.ts';
import { Histogram } from './calibrate-histogram.ts';
import { storeTrouble } from './store-trouble.ts';

const STAGES = 'stages.json';
const HISTOGRAMS = 'histograms.bin';
const PICTURES = 'pictures.rgb';
const LOCK = 'lock';
const KEPT_MS = 7 * 86_400_000;

export class WorkFolder implements Disposable {
  readonly path: string;
  readonly #lock: FileLock;

  /** Makes the folder. Throws QUANTIZE_BUSY while another process works in it. */
  constructor(path: string) {
    this.path = path;
    const lock = join(path, LOCK);
    try {
      mkdirSync(path, { recursive: true });
      this.#lock = lockFile(lock);
    } catch (error) {
      if (!isLocked(error)) throw storeTrouble(path, error);
      const [pid] = lockHolders(lock, 'WRITE');
      throw new VedetteError(
        'QUANTIZE_BUSY',
        `${pid === undefined ? 'another process' : `process ${pid}`} is quantizing the same model in the same way; wait for it, or end it`,
        { path, pid },
        error,
      );
    }
  }

  /** The result of a stage; undefined when it has not been done, or its file is damaged. */
  stage<T>(name: string): T | undefined {
    return this.#stages()[name] as T | undefined;
  }

  /** Keeps the result of a stage: JSON. */
  keep(name: string, result: unknown): void {
    writeHashed(join(this.path, STAGES), { ...this.#stages(), [name]: result });
  }

  /** What a stage gives, done now unless it has been done before. */
  async once<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.stage<T>(name);
    if (before !== undefined) return before;
    const result = await work();
    this.keep(name, result);
    return result;
  }

  /** The same for a result that is large: it has a file of its own. */
  async onceApart<T>(name: string, work: () => Promise<T>): Promise<T> {
    const path = join(this.path, `${name}.json`);
    const before = readHashed(path);
    if (before !== undefined) return before as T;
    const result = await work();
    writeHashed(path, result);
    return result;
  }

  #stages(): Record<string, unknown> {
    return (readHashed(join(this.path, STAGES)) ?? {}) as Record<string, unknown>;
  }

  /** Keeps the histograms of a calibration, for one graph each its own `name`. */
  keeper(name: string): CalibrationKeeper {
    const path = join(this.path, `${name}-${HISTOGRAMS}`);
    return {
      load: () => {
        const bytes = existsSync(path) ? readFileSync(path) : undefined;
        return bytes === undefined ? undefined : readState(bytes);
      },
      save: (state) => writeWhole(path, writeState(state)),
    };
  }

  /** The pictures kept so far; `bytes` each. */
  pictures(bytes: number): KeptPictures {
    return new KeptPictures(join(this.path, PICTURES), {
      bytes,
      safe: this.stage<number>('pictures') ?? 0,
      onSafe: (count) => this.keep('pictures', count),
    });
  }

  /** Others may go on with it. */
  [Symbol.dispose](): void {
    this.#lock.close();
  }

  /** The work is over. */
  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Removes what was begun and not gone on with for so long; pictures take room. */
export function sweepWork(parent: string, nowMs: number): void {
  for (const name of existsSync(parent) ? readdirSync(parent) : []) {
    const path = join(parent, name);
    if (nowMs - statSync(path).mtimeMs > KEPT_MS) rmSync(path, { recursive: true, force: true });
  }
}

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** JSON with its hash in a line before it; undefined when it is not there or damaged. */
function readHashed(path: string): unknown {
  const [hash = '', text = ''] = (readOr(path) ?? '').split('\n');
  return hash === hashOf(text) && text !== '' ? JSON.parse(text) : undefined;
}

function writeHashed(path: string, value: unknown): void {
  const text = JSON.stringify(value);
  writeWhole(path, Buffer.from(`${hashOf(text)}\n${text}\n`));
}

function hashOf(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A line with a hash of the rest, a line of JSON, the histograms one after the other. */
function writeState({ histograms, chunk, pictures }: CalibrationState): Uint8Array {
  const head = Buffer.from(`${JSON.stringify({ names: [...histograms.keys()], chunk, pictures })}\n`);
  const rest = Buffer.concat([head, ...[...histograms.values()].map((histogram) => histogram.toBytes())]);
  return Buffer.concat([Buffer.from(`${hashOf(rest)}\n`), rest]);
}

function readState(bytes: Buffer): CalibrationState | undefined {
  const hashEnd = bytes.indexOf('\n');
  const rest = bytes.subarray(hashEnd + 1);
  if (hashOf(rest) !== bytes.toString('latin1', 0, Math.max(0, hashEnd))) return undefined;
  const headEnd = rest.indexOf('\n');
  const head = JSON.parse(rest.toString('utf8', 0, headEnd)) as {
    readonly names: readonly string[];
    readonly chunk: readonly string[];
    readonly pictures: number;
  };
  const histogramAt = (at: number): Histogram => {
    const start = headEnd + 1 + at * Histogram.bytes;
    return Histogram.fromBytes(rest.subarray(start, start + Histogram.bytes));
  };
  const histograms = new Map(head.names.map((name, at) => [name, histogramAt(at)]));
  return { histograms, chunk: head.chunk, pictures: head.pictures };
}

export interface KeptOptions {
  /** Of a picture. */
  readonly bytes: number;
  /** Pictures that are known to be on the disk: what comes after them is not believed. */
  readonly safe: number;
  /** So many are now. */
  readonly onSafe: (count: number) => void;
}

/** Pictures are brought to the disk in groups of so many. */
const SYNC_EVERY = 16;

/** Pictures of one size in one file, one after the other: red, green, blue, row after row. */
export class KeptPictures implements Disposable {
  readonly #path: string;
  readonly #fd: number;
  readonly #bytes: number;
  readonly #buffer: Uint8Array;
  readonly #onSafe: KeptOptions['onSafe'];
  #count: number;

  /** What a run that was killed had not brought to the disk is cut off. */
  constructor(path: string, { bytes, safe, onSafe }: KeptOptions) {
    this.#path = path;
    this.#bytes = bytes;
    this.#onSafe = onSafe;
    this.#buffer = new Uint8Array(bytes);
    this.#fd = openSync(path, existsSync(path) ? 'r+' : 'w+');
    this.#count = Math.min(safe, Math.floor(statSync(path).size / bytes));
    ftruncateSync(this.#fd, this.#count * bytes);
  }

  get count(): number {
    return this.#count;
  }

  /** Appended; on the disk after every sixteenth and when `sync` has returned. Throws MODEL_STORE when there is no room. */
  add(rgb: Uint8Array): void {
    try {
      for (let at = 0; at < this.#bytes; ) {
        at += writeSync(this.#fd, rgb, at, this.#bytes - at, this.#count * this.#bytes + at);
      }
    } catch (error) {
      throw storeTrouble(this.#path, error);
    }
    this.#count += 1;
    if (this.#count % SYNC_EVERY === 0) this.sync();
  }

  sync(): void {
    fsyncSync(this.#fd);
    this.#onSafe(this.#count);
  }

  /** The picture of that number, valid until the next. */
  at(index: number): Uint8Array {
    for (let at = 0; at < this.#bytes; ) {
      const read = readSync(this.#fd, this.#buffer, at, this.#bytes - at, index * this.#bytes + at);
      if (read === 0) throw new Error(`bug: there is no picture ${index}`);
      at += read;
    }
    return this.#buffer;
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
