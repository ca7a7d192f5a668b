// The two descriptors of the camera program: raw video on 1, truth on 3 when whoever started us opened it. Turns them
// into streams that never block the event loop. Process of `vedette scene`; Linux only (/proc).
import { createWriteStream, fstatSync, readdirSync, readlinkSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { VedetteError } from '../platform/errors.ts';

export const VIDEO_DESCRIPTOR = 1;
export const TRUTH_DESCRIPTOR = 3;

/**
 * The stream for raw video.
 * @throws VedetteError USAGE when the descriptor is a terminal.
 */
export function videoStream(fd: number = VIDEO_DESCRIPTOR): Writable {
  if (isatty(fd)) {
    throw new VedetteError(
      'USAGE',
      'scene: standard output is a terminal and raw video would garble it; pipe it into a program, for example ' +
        'vedette scene | ffplay -f rawvideo -pixel_format yuv420p -video_size 1280x720 -',
    );
  }
  return writable(fd);
}

/** The stream for truth lines; undefined when nobody opened the descriptor for us. */
export function truthStream(fd: number = TRUTH_DESCRIPTOR): Writable | undefined {
  return isInherited(fd) ? writable(fd) : undefined;
}

/** Pipes and sockets without blocking; files and devices through the thread pool. `process.stdout` would block on pipes. */
function writable(fd: number): Writable {
  const stat = fstatSync(fd);
  if (stat.isFIFO() || stat.isSocket()) return new Socket({ fd, readable: false, writable: true });
  return createWriteStream('', { fd, autoClose: false });
}

/**
 * Whether `fd` was handed to this process. Node itself uses low descriptors for its event loop (eventpoll, eventfd, pipes
 * to itself), which must not be written to: an own pipe has both its ends in this process.
 */
function isInherited(fd: number): boolean {
  const target = linkOf(String(fd));
  if (target === undefined || target.startsWith('anon_inode:')) return false;
  if (!target.startsWith('pipe:')) return true;
  return !readdirSync('/proc/self/fd').some((other) => other !== String(fd) && linkOf(other) === target);
}

function linkOf(fd: string): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return undefined;
  }
}
