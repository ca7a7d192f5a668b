// The pictures of one camera: looks at each frame with what was found in it, encodes the best picture of each confirmed
// track, sends it off to the snapshot topics and to the disk, and names it in the track from then on. The frame it looks
// at is the one the boxes belong to, painted (privacy masks) like every frame of the pool. Camera worker thread.
import { createHash } from 'node:crypto';
import type { FramesConfig, SnapshotsConfig } from '../config/types.ts';
import type { TrackStep } from '../core/tracker.ts';
import type { Box, Size, Snapshot, SnapshotRef, TrackView } from '../core/types.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { BestPictures } from './best-pictures.ts';
import { drawBox } from './draw.ts';
import type { Frame } from './frame-pool.ts';
import { JpegEncoder } from './jpeg.ts';
import type { EncodedPicture } from './messages.ts';
import { PictureFiles } from './picture-files.ts';
import { qualityOf } from './picture-quality.ts';
import type { Canvas, EvenRegion } from './rgb.ts';

/** Around the object in its crop: this share of its longer side, on each side. */
const CROP_MARGIN = 0.15;
/** A crop is at least this wide and high, where the frame is (pixels). */
const CROP_SIDE_MIN = 64;

export interface SnapshotsOptions {
  readonly camera: string;
  readonly detect: FramesConfig;
  readonly config: SnapshotsConfig;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Its memory may be handed on. */
  readonly onPicture: (picture: EncodedPicture) => void;
  /** The files are durable. */
  readonly onSnapshot: (snapshot: Snapshot) => void;
}

interface Candidate {
  readonly track: TrackView;
  readonly quality: number;
}

export class Snapshots {
  /** Pictures whose files are durable. */
  written = 0;
  /** Pictures worth keeping that were not: too many at once, no room, or the disk failed. */
  dropped = 0;
  readonly #options: SnapshotsOptions;
  readonly #encoder: JpegEncoder;
  readonly #files: PictureFiles;
  readonly #best = new BestPictures();
  /** Best picture of each live track that has one. */
  readonly #named = new Map<number, SnapshotRef>();

  constructor(options: SnapshotsOptions) {
    this.#options = options;
    const { camera, dataDir, clock, logger, config, detect } = options;
    this.#encoder = new JpegEncoder(detect, config.quality);
    this.#files = new PictureFiles({
      camera,
      dataDir,
      reserveMb: config.reserveMb,
      clock,
      logger,
      onDurable: (snapshot) => {
        this.written += 1;
        options.onSnapshot(snapshot);
      },
      onLost: (snapshot) => this.#lost(snapshot),
    });
  }

  /** For frames of this camera; whoever runs on this thread may use it. */
  get encoder(): JpegEncoder {
    return this.#encoder;
  }

  start(): void {
    this.#files.start();
  }

  /** The disk would take a picture now. */
  get ready(): boolean {
    return this.#files.open;
  }

  /**
   * Makes the pictures that this frame is worth, the best first: those of tracks that have none yet, which the observation
   * of this frame names already, or those that are better than what a track has, which can wait until that is told.
   */
  look(frame: Frame, tracks: readonly TrackView[], which: 'first' | 'better'): void {
    let candidates: Candidate[] | undefined;
    for (const track of tracks) {
      if (!track.confirmed || track.score === 0) continue;
      const first = !this.#named.has(track.id);
      const better = this.#best.leastFor(track.id, frame.monoMs);
      if (first !== (which === 'first') || better === undefined) continue;
      const least = first && this.ready ? 0 : better;
      const quality = qualityOf(frame.bytes, this.#options.detect, track, least);
      if (quality === 0 || quality < least) continue;
      candidates ??= [];
      candidates.push({ track, quality });
    }
    candidates?.sort((a, b) => b.quality - a.quality);
    for (const candidate of candidates ?? []) this.#try(frame, candidate, which);
  }

  /** The tracks of a step with their pictures; those that ended are forgotten. */
  name({ tracks, ended }: TrackStep): readonly TrackView[] {
    for (const id of ended) {
      this.#best.forget(id);
      this.#named.delete(id);
    }
    if (this.#named.size === 0) return tracks;
    return tracks.map((track) => {
      const snapshot = this.#named.get(track.id);
      return snapshot === undefined ? track : { ...track, snapshot };
    });
  }

  /** Resolves when what was begun is on the disk. */
  async close(): Promise<void> {
    await this.#files.close();
  }

  #try(frame: Frame, { track, quality }: Candidate, which: 'first' | 'better'): void {
    const { config, clock } = this.#options;
    const written = this.ready;
    const wanted = written || config.publish;
    const made = wanted && this.#best.allow(clock.monoMs(), which);
    if (!made || !written) this.dropped += 1;
    this.#best.tried(track.id, frame.monoMs, wanted && !made ? 0 : quality);
    if (!made) return;
    const text = `${track.label} ${track.score.toFixed(2)}`;
    const draw = config.boxes ? { draw: (canvas: Canvas) => drawBox(canvas, track.box, text) } : {};
    const jpeg = this.#encoder.encode(frame.bytes, draw);
    if (written) this.#keep(frame, track, jpeg);
    // Its own copy: the memory goes to the main thread, while the disk still reads this one.
    if (config.publish) this.#options.onPicture({ label: track.label, jpeg: written ? jpeg.slice() : jpeg });
  }

  #keep(frame: Frame, track: TrackView, jpeg: Uint8Array): void {
    const { camera, config } = this.#options;
    const { id, label, score, box } = track;
    const stem = this.#files.newPath({ label, track: id, atMs: frame.atMs });
    const files = [{ path: `${stem}.jpg`, jpeg }];
    if (config.crop) {
      const region = cropRegion(box, this.#options.detect);
      files.unshift({ path: `${stem}-crop.jpg`, jpeg: this.#encoder.encode(frame.bytes, { region }) });
    }
    const sha256 = createHash('sha256').update(jpeg).digest('hex');
    const named: SnapshotRef = { path: `${stem}.jpg`, sha256 };
    const bytes = files.reduce((sum, file) => sum + file.jpeg.length, 0);
    const seen = { camera, track: id, label, score, box, atMs: frame.atMs, bytes };
    const snapshot = { ...named, ...seen, ...(config.crop ? { cropPath: `${stem}-crop.jpg` } : {}) };
    this.#named.set(id, named);
    this.#files.write({ snapshot, files });
  }

  #lost({ track, path }: Snapshot): void {
    this.dropped += 1;
    if (this.#named.get(track)?.path === path) this.#named.delete(track);
  }
}

/** The object with a margin, in pixels of the frame; even, as colours are shared by two pixels. */
export function cropRegion(box: Box, { width, height }: Size): EvenRegion {
  const margin = CROP_MARGIN * Math.max(box.width * width, box.height * height);
  const across = span(box.x * width, box.width * width, margin, width);
  const down = span(box.y * height, box.height * height, margin, height);
  return { x: across.start, y: down.start, width: across.length, height: down.length };
}

/** A stretch widened by the margin on both sides and to the least side, cut at 0 and `limit`, its ends even. */
function span(
  from: number,
  length: number,
  margin: number,
  limit: number,
): { start: number; length: number } {
  const wider = Math.max(margin, (CROP_SIDE_MIN - length) / 2);
  const start = Math.max(0, 2 * Math.floor((from - wider) / 2));
  const end = Math.min(limit, 2 * Math.ceil((from + length + wider) / 2));
  return { start, length: end - start };
}
