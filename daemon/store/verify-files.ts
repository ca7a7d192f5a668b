// Looks at the files of a data folder beside its databases: pictures as their rows say, leftovers, who uses the folder.
// Deletes nothing and opens no database file with node:fs (folder.ts says why). Any thread.
import { readdirSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import type Database from 'better-sqlite3';
import { reasonOf } from '../platform/errors.ts';
import { lockHolders } from '../platform/file-lock.ts';
import type { Finding } from '../platform/finding.ts';
import { codeOf } from './failures.ts';
import { Media } from './media.ts';
import type { Paths } from './paths.ts';
import { type Check, Faults } from './verification.ts';

/** Rows read at a time; each picture is a turn of its own. */
const PAGE_ROWS = 200;

/** Who has the folder, and what a replacement of a damaged database has left. */
export function* checkFolder(paths: Paths): Check {
  const [pid] = lockHolders(paths.lock, 'WRITE');
  yield {
    level: 'ok',
    message: pid === undefined ? 'no daemon uses the folder' : `a daemon uses the folder (process ${pid})`,
    ...(pid === undefined ? {} : { facts: { pid } }),
  };
  const names = readdirSync(paths.dataDir);
  const aside = names.filter((name) => /\.db\.damaged-[^-]+$/.test(name)).sort();
  if (aside.length > 0) {
    yield {
      level: 'warning',
      message: `set aside as damaged: ${aside.join(', ')}`,
      advice: 'look into them if something is missing (docs/store.md), then delete them',
    };
  }
  if (pid === undefined && names.includes(basename(paths.replacement))) {
    const message = 'the replacement of a damaged database was not finished';
    yield { level: 'warning', message, advice: 'start the daemon: it finishes it' };
  }
  yield reserveFinding(paths.reserve);
}

/** A file with holes reserves nothing. */
function reserveFinding(path: string): Finding {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return { level: 'ok', message: 'no room is reserved' };
  const megabytes = (stats.size / 1e6).toFixed(1);
  const allocated = stats.blocks * 512;
  if (stats.isFile() && allocated >= stats.size)
    return { level: 'ok', message: `${megabytes} MB are reserved` };
  return {
    level: 'fault',
    message: `'${path}' reserves ${(allocated / 1e6).toFixed(1)} of its ${megabytes} MB`,
    advice: 'delete it while the daemon is stopped: it makes a new one',
  };
}

interface PictureRow {
  readonly row: number;
  readonly path: string;
  readonly sha256: string;
  readonly cropPath: string | null;
}

/**
 * Every picture with a row is there and is what it was. A missing one is a warning: a power cut while it was deleted
 * leaves its row, until the daemon's next sweep.
 */
export function* checkPictures(db: Database.Database, dataDir: string): Check {
  const media = new Media(dataDir);
  const faults = new Faults('pictures');
  const missing: number[] = [];
  const page = db.prepare<[number], PictureRow>(`
    SELECT row, path, sha256, crop_path AS cropPath FROM snapshots WHERE row > ? ORDER BY row LIMIT ${PAGE_ROWS}`);
  const of = db.prepare<[], number>('SELECT count(*) FROM snapshots').pluck().get() ?? 0;
  let [after, count] = [0, 0];
  for (let rows = page.all(after); rows.length > 0; rows = page.all(after)) {
    for (const picture of rows) {
      after = picture.row;
      count += 1;
      const state = stateOf(picture, media);
      if (state === 'missing') missing.push(picture.row);
      else if (state !== undefined) yield* faults.add(`${picture.path}: ${state}`);
      yield { done: count, of };
    }
  }
  yield* faults.rest();
  // By now the daemon, if it was about to delete these, has deleted their rows too.
  const still = db
    .prepare<[string], number>('SELECT count(*) FROM snapshots WHERE row IN (SELECT value FROM json_each(?))')
    .pluck()
    .get(JSON.stringify(missing))!;
  if (still > 0) {
    const message = `${still} pictures are gone from the disk, their rows are still there`;
    yield { level: 'warning', message, advice: 'nothing: the daemon forgets them within a day' };
  }
  if (faults.none) yield { level: 'ok', message: `${count - missing.length} pictures are what they were` };
}

/** Undefined when all is well. */
function stateOf({ path, sha256, cropPath }: PictureRow, media: Media): string | undefined {
  try {
    if (media.look(path) === undefined) return 'missing';
    if (cropPath !== null && media.look(cropPath) === undefined) return 'missing';
    return media.sha256(path) === sha256 ? undefined : 'its content has changed (sha256 differs)';
  } catch (error) {
    // Deleted between the two looks.
    return codeOf(error) === 'ENOENT' ? 'missing' : `cannot be read: ${reasonOf(error)}`;
  }
}
