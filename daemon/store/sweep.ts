// Brings files and rows of pictures together again where a crash or a person took one of them away: a row without a
// file is forgotten; a whole picture without a row gets one (the last before a power cut is worth most), any other file
// without a row is deleted. Generators: one turn of work up to every yield. Worker thread.
import type { Clock } from '../platform/clock.ts';
import type { Media } from './media.ts';
import { cropOf, namesIn, wholeOf } from './paths.ts';
import type { PictureKeeper } from './picture-keeper.ts';
import type { Pictures } from './pictures.ts';

export interface SweepOptions {
  readonly pictures: Pictures;
  readonly media: Media;
  readonly keeper: PictureKeeper;
  readonly clock: Clock;
}

/** Rows or files looked at in one turn. */
const TURN_LOOKS = 128;
/** A younger file without a row may be a picture whose row is on its way. */
const ORPHAN_MS = 3_600_000;
/** A larger file is none of ours. */
const PICTURE_BYTES_MAX = 32 * 1024 * 1024;

export function* sweep(options: SweepOptions): Generator<void> {
  yield* forgetLost(options);
  yield* settleOrphans(options);
}

/** A media folder with nothing in it may be a disk that is not mounted: no reason to forget its pictures. */
function* forgetLost({ pictures, media, keeper }: SweepOptions): Generator<void> {
  if (media.dayFolders().length === 0) return;
  for (let afterRow = 0; ; ) {
    yield;
    const rows = pictures.oldest(afterRow, TURN_LOOKS);
    if (rows.length === 0) return;
    afterRow = rows.at(-1)!.row;
    const lost = rows.filter(({ path }) => keeper.attempt(() => media.look(path) === undefined) === true);
    keeper.deleteRows(lost.map((row) => ({ ...row, reason: 'forgotten' })));
  }
}

function* settleOrphans(options: SweepOptions): Generator<void> {
  const { pictures, media, keeper, clock } = options;
  const nowMs = clock.nowMs();
  // Taken once: a clock that jumps forward meanwhile makes nothing old that is being written.
  const beforeMs = nowMs - ORPHAN_MS;
  const today = new Date(nowMs).toISOString().slice(0, 10);
  for (const folder of media.dayFolders()) {
    yield;
    let looks = 0;
    for (const path of keeper.attempt(() => media.filesIn(folder)) ?? []) {
      looks += 1;
      if (looks % TURN_LOOKS === 0) yield;
      if (pictures.knows(path)) continue;
      if (keeper.attempt(() => settle(path, beforeMs, options)) === 'adopted') yield;
    }
    if (!folder.endsWith(today)) keeper.attempt(() => media.removeIfEmpty(folder, beforeMs));
  }
}

function settle(
  path: string,
  beforeMs: number,
  { pictures, media, keeper }: SweepOptions,
): 'left' | 'adopted' | 'deleted' {
  const file = media.look(path);
  if (file === undefined || file.changedMs > beforeMs) return 'left';
  const whole = wholeOf(path);
  // Its turn comes with its picture, next in order.
  if (whole !== path && media.look(whole) !== undefined && !pictures.knows(whole)) return 'left';
  const names = namesIn(path);
  if (names === undefined || file.bytes === 0 || file.bytes > PICTURE_BYTES_MAX) {
    keeper.deleteOrphan(path);
    return 'deleted';
  }
  const cropPath = cropOf(path);
  const crop = media.look(cropPath);
  keeper.adopt({
    ...names,
    path,
    sha256: media.sha256(path),
    // Nobody knows any more: no score, anywhere in the frame.
    score: 0,
    box: { x: 0, y: 0, width: 1, height: 1 },
    atMs: file.changedMs,
    bytes: file.bytes + (crop?.bytes ?? 0),
    ...(crop === undefined ? {} : { cropPath }),
  });
  return 'adopted';
}
