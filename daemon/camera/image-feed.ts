// Pictures on their way into ffmpeg's standard input: cuts JPEGs out of a byte stream, and writes pictures so that
// ffmpeg can tell where each ends. Camera worker thread.
import { once } from 'node:events';
import type { Writable } from 'node:stream';

/** The largest picture taken; a 4K JPEG of the best quality has a quarter of it. */
export const PICTURE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * How ffmpeg is told to read what writePicture writes: parts with their lengths. Its parsers of bare pictures would hold
 * each back until the next begins, and lose those behind one that is cut short. One stream, known from the start: nothing
 * to analyse.
 */
const PARTS = ['-fpsprobesize', '0', '-analyzeduration', '0', '-f', 'mpjpeg'];
export const JPEG_INPUT = [...PARTS, '-i', 'pipe:0'];
/**
 * PNG in the same parts. The tag makes each a picture by itself: without it ffmpeg adds every PNG from this demuxer to the
 * one before it, as CorePNG had it (libavcodec/pngdec.c, handle_p_frame_png; ffmpeg 5.1).
 */
export const PNG_INPUT = [...PARTS, '-c:v', 'png', '-tag:v', 'MPNG', '-i', 'pipe:0'];

/** Writes one JPEG or PNG; ffmpeg's demuxer takes only parts that say they are JPEG. */
export function writePicture(input: Writable, picture: Uint8Array): void {
  input.write(`--v\r\nContent-Type: image/jpeg\r\nContent-Length: ${picture.length}\r\n\r\n`);
  input.write(picture);
  input.write('\r\n');
}

/** Resolves when the program has taken what was written. */
export async function roomIn(input: Writable, signal: AbortSignal): Promise<void> {
  if (input.writableNeedDrain) await once(input, 'drain', { signal });
}

/** What a stream did instead of sending pictures, in words that follow "the camera". */
export class NotPictures extends Error {}

const SOI = Buffer.from([0xff, 0xd8, 0xff]);
const FIRST_BYTES = 65_536;
/** Bytes without the beginning of a JPEG after which the stream is taken for something else. */
const OTHER_BYTES_MAX = 1_048_576;

/**
 * Finds the JPEGs in a stream by their own markers (ITU-T T.81, annex B), whatever stands between them: cameras get the
 * boundaries and lengths of multipart/x-mixed-replace wrong. A thumbnail inside a picture (in a segment of known length)
 * does not end it. One buffer, reused.
 */
export class JpegSplitter {
  #bytes = Buffer.alloc(FIRST_BYTES);
  /** What is not done with: from here to there. */
  #from = 0;
  #to = 0;
  #otherBytes = 0;
  /** Where to read on; undefined outside of a picture, which else begins at #from. */
  #at: number | undefined;
  #inScan = false;

  /**
   * Takes the next bytes. `onPicture` gets a view that is only good during the call. Throws NotPictures on a picture that
   * is too large and on a stream that holds none.
   */
  push(chunk: Uint8Array, onPicture: (jpeg: Buffer) => void): void {
    this.#append(chunk);
    while (this.#at === undefined ? this.#seek() : this.#read(this.#at, onPicture));
    if (this.#to - this.#from > PICTURE_BYTES_MAX) {
      throw new NotPictures(`sent a picture of more than ${PICTURE_BYTES_MAX} bytes`);
    }
  }

  /** Looks for the beginning of a picture; true when found. */
  #seek(): boolean {
    const start = this.#bytes.subarray(0, this.#to).indexOf(SOI, this.#from);
    this.#skipTo(start === -1 ? Math.max(this.#from, this.#to - SOI.length + 1) : start);
    if (start === -1) return false;
    this.#at = start + 2;
    this.#inScan = false;
    return true;
  }

  #skipTo(position: number): void {
    this.#otherBytes += position - this.#from;
    this.#from = position;
    if (this.#otherBytes > OTHER_BYTES_MAX) throw new NotPictures(`sent no JPEG in ${OTHER_BYTES_MAX} bytes`);
  }

  /** One step from marker to marker; true while there is something to read. */
  #read(at: number, onPicture: (jpeg: Buffer) => void): boolean {
    if (this.#inScan) return this.#scan(at);
    // Every marker but the last has a length, or another marker, behind it.
    if (at + 2 > this.#to || (at + 4 > this.#to && this.#bytes[at + 1] !== 0xd9)) return false;
    const marker = this.#bytes[at + 1]!;
    if (this.#bytes[at] !== 0xff || marker === 0) {
      // Not a JPEG after all: look for one behind its first bytes.
      this.#at = undefined;
      this.#skipTo(this.#from + 2);
    } else if (marker === 0xff) this.#at = at + 1;
    else if (marker === 0xd9) {
      onPicture(this.#bytes.subarray(this.#from, at + 2));
      this.#at = undefined;
      this.#otherBytes = 0;
      this.#from = at + 2;
    } else {
      const alone = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
      this.#at = at + 2 + (alone ? 0 : this.#bytes.readUInt16BE(at + 2));
      this.#inScan = marker === 0xda;
    }
    return true;
  }

  /** Over the compressed data, where FF is followed by 00 or a restart marker unless it ends. */
  #scan(at: number): boolean {
    const found = at < this.#to ? this.#bytes.subarray(0, this.#to).indexOf(0xff, at) : -1;
    if (found === -1) {
      this.#at = Math.max(at, this.#to);
      return false;
    }
    this.#at = found;
    if (found + 1 >= this.#to) return false;
    const next = this.#bytes[found + 1]!;
    if (next === 0xff) this.#at = found + 1;
    else if (next === 0 || (next >= 0xd0 && next <= 0xd7)) this.#at = found + 2;
    else this.#inScan = false;
    return true;
  }

  /** The rest moves to the front of the buffer, at most once per chunk. */
  #append(chunk: Uint8Array): void {
    const rest = this.#to - this.#from;
    const needed = rest + chunk.length;
    const old = this.#bytes;
    if (needed > old.length) this.#bytes = Buffer.alloc(Math.max(needed, old.length * 2));
    if (this.#from > 0 || this.#bytes !== old) old.copy(this.#bytes, 0, this.#from, this.#to);
    if (this.#at !== undefined) this.#at -= this.#from;
    this.#from = 0;
    this.#bytes.set(chunk, rest);
    this.#to = needed;
  }
}
