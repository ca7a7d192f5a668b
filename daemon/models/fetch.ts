// Fetches one file whose hash is known beforehand from a web server: goes on where an earlier try ended, tries again with growing
// pauses, and gives the file out only when it is whole and the very one. Knows nothing of models. Main thread of a command.
import { statfs } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { dirname } from 'node:path';
import { Backoff } from '../platform/backoff.ts';
import type { Clock } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import { type AskOptions, ask, Interrupted, shown, type WebAnswer } from './http-source.ts';
import { PartialFile, type PartialState } from './partial-file.ts';

const SILENCE_MS = 30_000;
const BACKOFF = { minMs: 1000, maxMs: 30_000 } as const;
/** In a row without one new byte. */
const VAIN_TRIES_MAX = 5;
/** In all: a server that gives a few bytes each time must come to an end too. */
const TRIES_MAX = 200;
/** Room on the disk that stays for the daemon. */
const ROOM_KEPT_BYTES = 64e6;
const ROOM_LOOK_BYTES = 8e6;

export interface FetchWish {
  /** https or http. */
  readonly url: URL;
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** Where known beforehand; a file of another size is refused before it is fetched. */
  readonly bytes?: number | undefined;
  /** Where partial files are kept. */
  readonly folder: string;
}

export interface FetchProgress {
  /** Bytes that are here; those that were here when this try began do not say how fast it goes. */
  readonly have: number;
  readonly had: number;
  /** Of the whole; undefined where the server does not say. */
  readonly of: number | undefined;
}

export interface FetchOptions {
  readonly clock: Clock;
  /** Ends it; what is here stays for another time. */
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: FetchProgress) => void;
  /** It broke off and is tried again. */
  readonly onPause?: (reason: string, pauseMs: number) => void;
  /** Larger files are refused. */
  readonly bytesMax: number;
  readonly silenceMs?: number;
  readonly roomKeptBytes?: number;
  /** Milliseconds before another try. */
  readonly backoff?: { readonly minMs: number; readonly maxMs: number };
}

export interface Fetched {
  /** In the folder of partial files; the caller removes it with `discardPartial`. */
  readonly path: string;
  readonly bytes: number;
  /** True when nothing had to be fetched: it had come whole before. */
  readonly wasHere: boolean;
}

/**
 * The file, whole and with the right hash. Throws MODEL_DOWNLOAD (no way to it, refused, stopped), MODEL_CORRUPT (another hash: the
 * file is removed) and MODEL_STORE (no room, or another command downloads).
 */
export async function fetchFile(wish: FetchWish, options: FetchOptions): Promise<Fetched> {
  const partial = await PartialFile.open(wish.folder, wish.sha256);
  try {
    return await new Download(wish, options, partial).run();
  } finally {
    await partial.close();
  }
}

class Download {
  readonly #wish: FetchWish;
  readonly #options: FetchOptions;
  readonly #partial: PartialFile;
  readonly #backoff: Backoff;
  /** What was here when the running try began. */
  #had = 0;
  /** What the last answer said of the whole, for words about a wrong one. */
  #contentType: string | undefined;

  constructor(wish: FetchWish, options: FetchOptions, partial: PartialFile) {
    this.#wish = wish;
    this.#options = options;
    this.#partial = partial;
    this.#backoff = new Backoff(options.backoff ?? BACKOFF);
  }

  async run(): Promise<Fetched> {
    const { state } = this.#partial;
    // A file of another address may be another file.
    if (state !== undefined && state.url !== shown(this.#wish.url))
      await this.#partial.restart(this.#newState({}));
    const wasHere = this.#isWhole();
    let resumed = this.#partial.have > 0;
    for (;;) {
      if (!this.#isWhole()) await this.#fetchRest();
      const sha256 = await this.#partial.finish();
      const { path, have: bytes } = this.#partial;
      if (sha256 === this.#wish.sha256) return { path, bytes, wasHere };
      // Its beginning may have been hurt by a power cut, or be of a file that was exchanged meanwhile.
      if (!resumed) throw await this.#wrongHash(sha256);
      resumed = false;
      await this.#partial.restart(this.#newState({}));
    }
  }

  #isWhole(): boolean {
    const { have, state } = this.#partial;
    return have > 0 && state?.bytes === have;
  }

  /** From what is here to the end, in as many tries as it takes. */
  async #fetchRest(): Promise<void> {
    for (let tries = 1, vain = 0; ; tries += 1) {
      this.#had = this.#partial.have;
      try {
        await this.#tryOnce();
        return;
      } catch (error) {
        if (this.#options.signal.aborted) throw this.#stopped();
        if (!(error instanceof Interrupted)) throw error;
        const came = this.#partial.have > this.#had;
        if (came) this.#backoff.reset();
        vain = came ? 0 : vain + 1;
        const isOffline = error.offline && tries === 1 && !came;
        if (isOffline || vain >= VAIN_TRIES_MAX || tries >= TRIES_MAX) throw this.#gaveUp(error, tries);
        await this.#pause(error);
      }
    }
  }

  async #pause({ message, retryAfterMs }: Interrupted): Promise<void> {
    const pauseMs = Math.max(this.#backoff.nextMs(), retryAfterMs);
    this.#options.onPause?.(message, pauseMs);
    await this.#options.clock.sleep(pauseMs, this.#options.signal).catch(() => undefined);
    if (this.#options.signal.aborted) throw this.#stopped();
  }

  async #tryOnce(): Promise<void> {
    const { clock, signal, silenceMs = SILENCE_MS } = this.#options;
    const { have, state } = this.#partial;
    const validator = state?.validator;
    const range: Record<string, string> =
      have === 0 ? {} : { range: `bytes=${have}-`, ...(validator && { 'if-range': validator }) };
    const headers = { 'user-agent': 'vedette', accept: '*/*', 'accept-encoding': 'identity', ...range };
    const question: AskOptions = { headers, silenceMs, clock, signal };
    const answer = await ask(this.#wish.url, question);
    try {
      await this.#begin(answer);
      if (answer.status === 416) return;
      this.#tell();
      for await (const chunk of answer.body) await this.#take(chunk);
      await this.#end();
    } finally {
      answer.body.destroy();
    }
  }

  /** Looks at what the server says of the file before any of it is taken. */
  async #begin({ status, headers, url }: WebAnswer): Promise<void> {
    this.#contentType = headers['content-type'];
    const encoding = headers['content-encoding'] ?? 'identity';
    if (encoding !== 'identity') throw this.#refusal(`${url.host} sends the file packed (${encoding})`);
    if (status === 200) {
      const bytes = sizeOf(headers);
      this.#checkSize(bytes);
      await this.#checkRoom(bytes);
      await this.#partial.restart(this.#newState(headers));
      this.#had = 0;
      return;
    }
    const range = rangeOf(headers['content-range']);
    const { have, state } = this.#partial;
    const isOurs = range.bytes === undefined || state?.bytes === undefined || range.bytes === state.bytes;
    if (status === 416 && range.bytes === have && isOurs) {
      await this.#partial.keepSize(have);
      return;
    }
    if (status === 416 || range.from !== have || !isOurs) {
      await this.#partial.restart(this.#newState({}));
      throw new Interrupted(`${url.host} has another file than before, beginning anew`);
    }
    this.#checkSize(range.bytes);
    await this.#checkRoom(range.bytes);
    if (range.bytes !== undefined) await this.#partial.keepSize(range.bytes);
  }

  async #take(chunk: Buffer): Promise<void> {
    const { have, state } = this.#partial;
    const limit = state?.bytes ?? this.#wish.bytes ?? this.#options.bytesMax;
    if (have + chunk.length > limit) {
      await this.#partial.discard();
      throw this.#refusal(`the server sends more than ${limit} bytes, stopped there`);
    }
    await this.#partial.append(chunk);
    if (state?.bytes === undefined) await this.#lookForRoom(have);
    this.#tell();
  }

  /** Of a file whose size nobody has said: now and then. */
  async #lookForRoom(before: number): Promise<void> {
    const { have } = this.#partial;
    if (Math.floor(before / ROOM_LOOK_BYTES) === Math.floor(have / ROOM_LOOK_BYTES)) return;
    try {
      await this.#checkRoom(have);
    } catch (error) {
      await this.#partial.discard();
      throw error;
    }
  }

  async #end(): Promise<void> {
    const { have, state } = this.#partial;
    if (state?.bytes === undefined) await this.#partial.keepSize(have);
    else if (have < state.bytes) {
      throw new Interrupted(`the connection ended after ${have} of ${state.bytes} bytes`);
    }
  }

  #tell(): void {
    const { have, state } = this.#partial;
    this.#options.onProgress?.({ have, had: this.#had, of: state?.bytes ?? this.#wish.bytes });
  }

  #newState(headers: IncomingHttpHeaders): PartialState {
    const bytes = sizeOf(headers);
    const validator = validatorOf(headers);
    return {
      url: shown(this.#wish.url),
      ...(validator === undefined ? {} : { validator }),
      ...(bytes === undefined ? {} : { bytes }),
    };
  }

  #checkSize(bytes: number | undefined): void {
    if (bytes === undefined) return;
    const { bytes: wanted } = this.#wish;
    const { bytesMax } = this.#options;
    if (wanted !== undefined && bytes !== wanted) {
      throw this.#refusal(
        `the server has a file of ${bytes} bytes, ${wanted} were expected: it is another file`,
      );
    }
    if (bytes > bytesMax) throw this.#refusal(`the file has ${bytes} bytes (limit ${bytesMax})`);
  }

  /** For the rest of the file and for the model that is made from it. */
  async #checkRoom(bytes: number | undefined): Promise<void> {
    if (bytes === undefined) return;
    const { roomKeptBytes = ROOM_KEPT_BYTES } = this.#options;
    const { folder } = this.#wish;
    const { bavail, bsize } = await statfs(folder);
    const needed = 2 * bytes - this.#partial.have + roomKeptBytes;
    if (bavail * bsize >= needed) return;
    const [free, wanted] = [bavail * bsize, needed].map((count) => Math.ceil(count / 1e6));
    throw new VedetteError(
      'MODEL_STORE',
      `${dirname(folder)}: ${free} MB are free, ${wanted} MB are needed (the file, the model made from it, and ${Math.round(roomKeptBytes / 1e6)} MB that stay for the daemon); free some room and try again`,
      { folder, freeBytes: bavail * bsize, neededBytes: needed },
    );
  }

  #refusal(what: string): VedetteError {
    return new VedetteError('MODEL_DOWNLOAD', `${shown(this.#wish.url)}: ${what}`, {
      url: shown(this.#wish.url),
    });
  }

  #stopped(): VedetteError {
    const { have, state } = this.#partial;
    const of = state?.bytes === undefined ? '' : ` of ${state.bytes}`;
    return this.#refusal(`stopped after ${have}${of} bytes; the same command goes on from there`);
  }

  #gaveUp({ message, offline }: Interrupted, tries: number): VedetteError {
    const { have } = this.#partial;
    if (offline) {
      return this.#refusal(
        `${message}; is this board offline? look at its network, or fetch the file elsewhere, copy it here and: vedette models add <file>`,
      );
    }
    const kept = have === 0 ? '' : `; ${have} bytes are kept, the same command goes on from there`;
    return this.#refusal(`${message}; gave up after ${tries} ${tries === 1 ? 'try' : 'tries'}${kept}`);
  }

  /** Both hashes, and what the file seems to be instead. */
  async #wrongHash(sha256: string): Promise<VedetteError> {
    const head = (await this.#partial.head(64)).toString('latin1');
    const { have } = this.#partial;
    await this.#partial.discard();
    const isPage = /html/i.test(this.#contentType ?? '') || /^\s*<(?:!doctype|html)/i.test(head);
    const hint = head.startsWith('version https://git-lfs')
      ? '; it is a pointer of Git LFS, not the file itself: take the address of the raw media'
      : isPage
        ? '; it is a web page (a log-in page?), not a model'
        : '';
    return new VedetteError(
      'MODEL_CORRUPT',
      `${shown(this.#wish.url)}: the file that came (${have} bytes) has sha256 ${sha256}, ${this.#wish.sha256} was expected${hint}; it was removed, nothing has changed`,
      { url: shown(this.#wish.url), sha256, expected: this.#wish.sha256 },
    );
  }
}

function sizeOf(headers: IncomingHttpHeaders): number | undefined {
  const bytes = Number(headers['content-length'] ?? Number.NaN);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

/** For If-Range (RFC 9110, 13.1.5): weak tags are of no use there. */
function validatorOf(headers: IncomingHttpHeaders): string | undefined {
  const { etag } = headers;
  if (etag !== undefined && /^"[^"]{1,200}"$/.test(etag)) return etag;
  return headers['last-modified'];
}

/** 'bytes 100-999/1000' and 'bytes *\/1000' (RFC 9110, 14.4). */
function rangeOf(text = ''): { from: number | undefined; bytes: number | undefined } {
  const [, from, bytes] = /^bytes (?:(\d{1,15})-\d{1,15}|\*)\/(\d{1,15}|\*)$/.exec(text) ?? [];
  const number = (digits: string | undefined): number | undefined =>
    digits === undefined || digits === '*' ? undefined : Number(digits);
  return { from: number(from), bytes: number(bytes) };
}
