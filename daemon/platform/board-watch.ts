// What health tells of the board that cannot be asked at once: room on the disk of the data folder, under-voltage and
// throttling. Looked at now and then, without waiting: a network disk that hangs holds up nothing. Main thread.
import { statfs } from 'node:fs/promises';
import type { Clock, Timer } from './clock.ts';
import type { Part } from './part.ts';
import { readThrottling, type Throttling } from './power.ts';
import { SYSTEM_ROOTS, type SystemRoots } from './system-files.ts';

export interface BoardState {
  /** Of the file system of the data folder, for users other than root; absent until it has answered. */
  readonly disk?: { readonly freeBytes: number; readonly totalBytes: number };
  /** Absent on a board that does not tell. */
  readonly throttling?: Throttling;
}

export interface BoardWatchOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly roots?: SystemRoots;
}

const LOOK_MS = 60_000;

export class BoardWatch implements Part {
  readonly name = 'board watch';
  readonly #options: BoardWatchOptions;
  readonly #stopping = new AbortController();
  #timer: Timer | undefined;
  #looking = false;
  #state: BoardState = {};

  constructor(options: BoardWatchOptions) {
    this.#options = options;
  }

  /** Does not wait for the first look. */
  async start(): Promise<void> {
    this.#timer = this.#options.clock.every(LOOK_MS, () => void this.look());
    void this.look();
  }

  async stop(): Promise<void> {
    this.#timer?.stop();
    this.#stopping.abort();
  }

  state(): BoardState {
    return this.#state;
  }

  /** One at a time. What does not answer is absent from the state. */
  async look(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    const { dataDir, clock, roots = SYSTEM_ROOTS } = this.#options;
    const [disk, throttling] = await Promise.all([
      roomOf(dataDir),
      readThrottling(clock, this.#stopping.signal, roots).catch(() => undefined),
    ]);
    this.#looking = false;
    this.#state = {
      ...(disk === undefined ? {} : { disk }),
      ...(throttling === undefined ? {} : { throttling }),
    };
  }
}

async function roomOf(folder: string): Promise<BoardState['disk']> {
  try {
    const { bavail, blocks, bsize } = await statfs(folder);
    return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
  } catch {
    return undefined;
  }
}
