// Where the store's files are. Pure, and apart from folder.ts so that the main thread need not load SQLite for a name.
import { join } from 'node:path';

/** Paths below the data folder. */
export interface Paths {
  readonly dataDir: string;
  readonly database: string;
  readonly wal: string;
  readonly shm: string;
  /** A replacement for a damaged database while it is being made. */
  readonly replacement: string;
  readonly lock: string;
  /** Room on the disk held for alerts. */
  readonly reserve: string;
  /** Observations. */
  readonly history: string;
}

/** `media/<camera>/<YYYY-MM-DD>/<name>.jpg` or `.mp4`, or `.tmp` while it is being written; none of the names hidden. */
const MEDIA_PATH =
  /^media\/[a-z0-9_-]{1,64}\/\d{4}-\d\d-\d\d\/[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}\.(?:jpg|mp4|tmp)$/;

/** True for the path of a picture below the data folder; nothing else is ever stored or deleted as one. */
export function isMediaPath(path: string): boolean {
  return MEDIA_PATH.test(path) && !path.includes('..');
}

/** True for the folder of one camera's day. */
export function isDayFolder(path: string): boolean {
  return isMediaPath(`${path}/a.jpg`);
}

const CROP_ENDING = '-crop.jpg';

/** Where the crop of a whole picture is, if there is one. */
export function cropOf(path: string): string {
  return path.replace(/\.jpg$/, CROP_ENDING);
}

/** The whole picture that a crop was taken from; any other path as it is. */
export function wholeOf(path: string): string {
  return path.endsWith(CROP_ENDING) ? path.replace(CROP_ENDING, '.jpg') : path;
}

/** What the name of a picture or a clip tells. */
export interface MediaNames {
  readonly kind: 'picture' | 'clip';
  readonly camera: string;
  readonly label: string;
  readonly track: number;
}

/**
 * Of a whole picture, `<HHMMSS>-<label>-<track>-<id>.jpg`, or a clip, `<HHMMSS>-<id of the alert>.mp4`; undefined for any
 * other.
 */
export function namesIn(path: string): MediaNames | undefined {
  if (!isMediaPath(path) || path.endsWith(CROP_ENDING)) return undefined;
  const [, ofClip] = /^media\/([^/]+)\/[^/]+\/\d{6}-[0-9a-f-]+\.mp4$/.exec(path) ?? [];
  if (ofClip !== undefined) return { kind: 'clip', camera: ofClip, label: '', track: 0 };
  const [, camera, label, track] =
    /^media\/([^/]+)\/[^/]+\/\d{6}-(.+)-(\d{1,9})-[^-]+\.jpg$/.exec(path) ?? [];
  if (camera === undefined || label === undefined) return undefined;
  return { kind: 'picture', camera, label, track: Number(track) };
}

export function pathsIn(dataDir: string): Paths {
  const database = join(dataDir, 'vedette.db');
  return {
    dataDir,
    database,
    wal: `${database}-wal`,
    shm: `${database}-shm`,
    replacement: `${database}.new`,
    lock: join(dataDir, 'vedette.lock'),
    reserve: join(dataDir, 'reserve'),
    history: join(dataDir, 'history.db'),
  };
}
