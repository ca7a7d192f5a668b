// Photos in a folder, one after the other: all of them in the order of their names, or a sample that a seed chooses. What is no
// JPEG, or a damaged one, is passed over and told. Holds one picture at a time. Any thread.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readProblem, VedetteError } from '../platform/errors.ts';
import { decodePicture, PICTURE_BYTES_MAX, type Picture, unreadable } from './picture.ts';
import { SeededRandom } from './seeded-random.ts';

/** More names than this in one folder are a mistake, or no folder of photos. */
const NAMES_MAX = 200_000;
const JPEG = /\.jpe?g$/i;
/** Pictures that a folder of photos may have, but this version does not read. */
const OTHER_PICTURE = /\.(?:png|bmp|gif|webp|tiff?|heic|avif)$/i;
const ORDER = new Intl.Collator('en', { numeric: true });

/** A file that is not used: its name, and the reason in words that follow it. */
export interface SkippedPhoto {
  readonly name: string;
  readonly reason: string;
}

export interface PhotosOptions {
  /** Pictures at most; default all. */
  readonly limit?: number;
  /** Chooses, and orders, by chance: the same seed the same photos. Default: in the order of the names. */
  readonly seed?: number;
  /** Told of each file that looks like a picture and is not used. */
  readonly onSkip?: (skipped: SkippedPhoto) => void;
}

/** Names of the JPEGs in a folder in order, 2 before 10. Throws PHOTOS_NOT_FOUND. */
export async function photoNames(folder: string, options: PhotosOptions = {}): Promise<string[]> {
  let names: string[];
  try {
    names = await readdir(folder);
  } catch (error) {
    throw notFound(folder, readProblem(error), error);
  }
  if (names.length > NAMES_MAX) throw notFound(folder, `holds ${names.length} files (limit ${NAMES_MAX})`);
  names.sort(ORDER.compare);
  for (const name of names) {
    if (OTHER_PICTURE.test(name)) options.onSkip?.({ name, reason: 'is no JPEG; convert it to be used' });
  }
  const photos = names.filter((name) => JPEG.test(name));
  if (photos.length === 0) throw notFound(folder, 'holds no photo (.jpg, .jpeg)');
  return options.seed === undefined ? photos : new SeededRandom(options.seed).shuffle(photos);
}

/** Reads one photo. Throws PHOTO_UNREADABLE. */
export async function readPhoto(folder: string, name: string): Promise<Picture> {
  const path = join(folder, name);
  let jpeg: Uint8Array;
  try {
    const { size } = await stat(path);
    if (size > PICTURE_BYTES_MAX) throw unreadable(name, `has ${size} bytes (limit ${PICTURE_BYTES_MAX})`);
    jpeg = await readFile(path);
  } catch (error) {
    if (error instanceof VedetteError) throw error;
    throw unreadable(name, readProblem(error), error);
  }
  return decodePicture(name, jpeg);
}

/** The photos of a folder. Throws PHOTOS_NOT_FOUND when there is none that can be read. */
export async function* readPhotos(folder: string, options: PhotosOptions = {}): AsyncIterable<Picture> {
  const { limit = Number.POSITIVE_INFINITY, onSkip } = options;
  let count = 0;
  for (const name of await photoNames(folder, options)) {
    if (count >= limit) return;
    const picture = await readPhoto(folder, name).catch((error: unknown) => {
      if (!(error instanceof VedetteError)) throw error;
      onSkip?.({ name, reason: String(error.data['reason']) });
    });
    if (picture === undefined) continue;
    count += 1;
    yield picture;
  }
  if (count === 0) throw notFound(folder, 'holds no photo that can be read');
}

function notFound(folder: string, what: string, cause?: unknown): VedetteError {
  return new VedetteError('PHOTOS_NOT_FOUND', `folder ${folder} ${what}`, { folder }, cause);
}
