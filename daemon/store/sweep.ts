// Brings files and rows of pictures together again where a crash or a person took one of them away: files without a row
// are deleted, rows without a file forgotten. Generators: one turn of work up to every yield. Worker thread.
import type { Clock } from '../platform/clock.ts';
import type { Eraser } from './eraser.ts';
import type { Media } from './media.ts';
import type { Pictures } from './pictures.ts';

export interface SweepOptions {
  readonly pictures: Pictures;
  readonly media: Media;
  readonly eraser: Eraser;
  readonly clock: Clock;
}

/** Rows or files looked at in one turn. */
const TURN_LOOKS = 128;
/** A younger file without a row may be a picture whose row is on its way. */
const ORPHAN_MS = 3_600_000;

export function* sweep(options: SweepOptions): Generator<void> {
  yield* forgetLost(options);
  yield* removeOrphans(options);
}

/** A media folder with nothing in it may be a disk that is not mounted: no reason to forget its pictures. */
function* forgetLost({ pictures, media, eraser }: SweepOptions): Generator<void> {
  if (media.dayFolders().length === 0) return;
  for (let afterRow = 0; ; ) {
    yield;
    const rows = pictures.oldest(afterRow, TURN_LOOKS);
    if (rows.length === 0) return;
    afterRow = rows.at(-1)!.row;
    const lost = rows.filter(({ path }) => eraser.attempt(() => media.exists(path)) === false);
    eraser.deleteRows(lost.map((row) => ({ ...row, reason: 'forgotten' })));
  }
}

function* removeOrphans({ pictures, media, eraser, clock }: SweepOptions): Generator<void> {
  // Taken once: a clock that jumps forward meanwhile makes nothing old that is being written.
  const beforeMs = clock.nowMs() - ORPHAN_MS;
  for (const folder of media.dayFolders()) {
    yield;
    let looks = 0;
    for (const path of media.filesIn(folder)) {
      looks += 1;
      if (looks % TURN_LOOKS === 0) yield;
      if (pictures.knows(path)) continue;
      if (eraser.attempt(() => media.isOlder(path, beforeMs)) === true) eraser.deleteOrphan(path);
    }
    eraser.attempt(() => media.removeIfEmpty(folder, beforeMs));
  }
}
