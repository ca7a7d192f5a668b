// Files of one detector generation in the runtime directory (tmpfs): its socket and its slots. Makes and removes them;
// reads and writes no tensor. Every generation has its own, so that a camera worker that is late with a tensor cannot
// reach into those of the next. Main thread.
import { closeSync, ftruncateSync, openSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { VedetteError } from '../platform/errors.ts';

/** sun_path of struct sockaddr_un holds 108 bytes with the closing zero (unix(7)). */
const SOCKET_PATH_BYTES_MAX = 107;
const OURS = /^detector-\d+\.(?:sock|slots)$/;

export interface RuntimeFiles {
  readonly socketPath: string;
  readonly slotsPath: string;
}

/** Their paths; throws DETECTOR_START_FAILED when the socket's is too long for a Unix socket. */
export function runtimeFiles(runtimeDir: string, generation: number): RuntimeFiles {
  const socketPath = join(runtimeDir, `detector-${generation}.sock`);
  const bytes = Buffer.byteLength(socketPath);
  if (bytes > SOCKET_PATH_BYTES_MAX) {
    throw new VedetteError(
      'DETECTOR_START_FAILED',
      `socket path ${socketPath} has ${bytes} bytes (limit ${SOCKET_PATH_BYTES_MAX}): choose a shorter runtime directory`,
      { socketPath, bytes },
    );
  }
  return { socketPath, slotsPath: join(runtimeDir, `detector-${generation}.slots`) };
}

/** An empty slots file of its full size, for this user only. Takes memory only where tensors are written (sparse). */
export function createSlotsFile(path: string, bytes: number): void {
  rmSync(path, { force: true });
  const fd = openSync(path, 'wx', 0o600);
  try {
    ftruncateSync(fd, bytes);
  } finally {
    closeSync(fd);
  }
}

export function removeRuntimeFiles(files: RuntimeFiles): void {
  rmSync(files.socketPath, { force: true });
  rmSync(files.slotsPath, { force: true });
}

/** Removes what an earlier daemon, killed by the kernel or the power switch, left behind. Never throws. */
export function removeStale(runtimeDir: string): void {
  try {
    for (const name of readdirSync(runtimeDir)) {
      if (OURS.test(name)) rmSync(join(runtimeDir, name), { force: true });
    }
  } catch {
    // No such folder, or one that is not ours: making the slots file will say so.
  }
}
