// A picture in memory, and how one is read from a JPEG. The header is looked at before anything is decoded: a small file may
// claim a picture that does not fit into a board's memory. Any thread.
import jpegTurbo from '@julusian/jpeg-turbo';
import { VedetteError } from '../platform/errors.ts';

export interface Picture {
  /** Of its file, for people. */
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** Rows of red, green and blue, 0..255. */
  readonly rgb: Uint8Array;
}

/** The largest file that is read: a JPEG of 40 megapixels has about half of it. */
export const PICTURE_BYTES_MAX = 32 * 1024 * 1024;
/** 120 MB decoded; a camera of 8K has 33 million. */
export const PIXELS_MAX = 40_000_000;

/** Decodes a JPEG. Throws PHOTO_UNREADABLE: no JPEG, damaged, of no or of too many pixels. */
export function decodePicture(name: string, jpeg: Uint8Array): Picture {
  const size = jpegSize(jpeg);
  if (size === undefined) throw unreadable(name, 'is not a JPEG, or is cut off before its size');
  const { width, height } = size;
  if (width * height === 0 || width * height > PIXELS_MAX) {
    throw unreadable(name, `is ${width}x${height} pixels (limits 1 and ${PIXELS_MAX})`);
  }
  try {
    const { buffer, byteOffset, byteLength } = jpeg;
    const decoded = jpegTurbo.decompressSync(Buffer.from(buffer, byteOffset, byteLength), {
      format: jpegTurbo.FORMAT_RGB,
    });
    return { name, width: decoded.width, height: decoded.height, rgb: decoded.data };
  } catch (error) {
    // libjpeg-turbo's own words are often "No error": its warnings of missing or wrong data end up here as well.
    throw unreadable(name, 'is damaged, or of a kind of JPEG that cannot be decoded', error);
  }
}

/** A photo that is not used, with the reason in words that follow its name. */
export function unreadable(name: string, reason: string, cause?: unknown): VedetteError {
  return new VedetteError('PHOTO_UNREADABLE', `${name}: ${reason}`, { name, reason }, cause);
}

/** Width and height in the frame header of a JPEG (ITU-T T.81, B.2.2); undefined where there is none. */
function jpegSize(jpeg: Uint8Array): { width: number; height: number } | undefined {
  if (jpeg[0] !== 0xff || jpeg[1] !== 0xd8) return undefined;
  for (let at = 2; at + 9 <= jpeg.length; ) {
    if (jpeg[at] !== 0xff) return undefined;
    const marker = jpeg[at + 1]!;
    // Fill bytes before a marker.
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    // SOF0 to SOF15, without the tables DHT, JPG and DAC that lie among them.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      return { height: word(jpeg, at + 5), width: word(jpeg, at + 7) };
    }
    const isAlone = marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7);
    // A scan or the end before any frame.
    if (marker === 0xda || marker === 0xd9) return undefined;
    at += isAlone ? 2 : 2 + word(jpeg, at + 2);
  }
  return undefined;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
