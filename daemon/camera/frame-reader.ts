// Cuts the byte stream of a camera program into frames. Reads a FIFO through one reused buffer (a third of the CPU of
// child.stdout, which hands out fresh buffers of 64 KiB at most). Camera worker thread.

import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { Socket } from 'node:net';
import type { FramePool } from './frame-pool.ts';

/** Capacity of a pipe on Linux (pipe(7)): more never arrives at once. */
const CHUNK_BYTES_MAX = 65536;

/** Writes chunks into the pool's frames. `onFrame` runs after each completed frame. */
export class FrameSplitter {
  readonly #pool: FramePool;
  readonly #onFrame: () => void;
  #filledBytes = 0;

  constructor(pool: FramePool, onFrame: () => void) {
    this.#pool = pool;
    this.#onFrame = onFrame;
  }

  /** Takes the first `length` bytes of `chunk`. */
  push(chunk: Buffer, length: number): void {
    let at = 0;
    while (at < length) {
      const count = Math.min(this.#pool.frameBytes - this.#filledBytes, length - at);
      chunk.copy(this.#pool.filling.bytes, this.#filledBytes, at, at + count);
      at += count;
      this.#filledBytes += count;
      if (this.#filledBytes === this.#pool.frameBytes) {
        this.#filledBytes = 0;
        this.#onFrame();
      }
    }
  }

  /** Bytes of an unfinished frame. */
  get partialBytes(): number {
    return this.#filledBytes;
  }
}

/** Both ends; they belong to the caller. */
export interface Fifo {
  readonly readFd: number;
  /** For the child; to be closed once it has it. */
  readonly writeFd: number;
}

/** A nameless FIFO: made at `path`, opened at both ends, unlinked at once. Mode 0600. */
export function openFifo(path: string): Fifo {
  // A worker that was killed between these lines may have left one.
  rmSync(path, { force: true });
  const { error, status, stderr } = spawnSync('mkfifo', ['-m', '600', path], { encoding: 'utf8' });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(stderr.trim());
  let readFd: number | undefined;
  try {
    readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return { readFd, writeFd: openSync(path, constants.O_WRONLY) };
  } catch (error) {
    if (readFd !== undefined) closeSync(readFd);
    throw error;
  } finally {
    rmSync(path, { force: true });
  }
}

/**
 * What a FifoReader reads into, life after life: no more than a frame, so that a chunk completes at most one, and a pause
 * takes effect after it.
 */
export function chunkBuffer(frameBytes: number): Buffer {
  return Buffer.alloc(Math.min(CHUNK_BYTES_MAX, frameBytes));
}

/** Reads a FIFO until all writers are gone. The descriptor is its own, also when it cannot be made. */
export class FifoReader {
  readonly ended: Promise<void>;
  readonly #socket: Socket;

  /** `onBytes` is told how many bytes `buffer` begins with; it is used again after that. */
  constructor(fd: number, buffer: Buffer, onBytes: (count: number) => void) {
    const callback = (count: number): boolean => {
      onBytes(count);
      return true;
    };
    try {
      this.#socket = new Socket({ fd, readable: true, writable: false, onread: { buffer, callback } });
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    this.ended = new Promise((resolve) => {
      this.#socket.once('close', () => resolve());
    });
    // A read error ends the stream like a hang-up does; the program's exit tells why.
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('end', () => this.#socket.destroy());
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
