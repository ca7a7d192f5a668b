// How much the detector has to do and whether it is enough: frames it had no time for, and the time it ran, over the last
// seconds. Pure: times are given. Main thread.

/** Frames of one camera since its worker began. */
export interface FrameCounts {
  readonly framesProcessed: number;
  /** Of these, those that needed no look. */
  readonly framesStill: number;
  /** Replaced by a newer one before the detector could take them. */
  readonly framesOvertaken: number;
}

export interface DetectorShares {
  /** The camera that lost most of the frames it was to look at, and what share of them, 0..1; absent where none lost any. */
  readonly worst?: { readonly camera: string; readonly lostShare: number };
  /** Of the time, 0..1. */
  readonly busyShare: number;
}

interface Sample {
  readonly monoMs: number;
  readonly busyMs: number;
  readonly cameras: ReadonlyMap<string, FrameCounts>;
}

/** Fewer frames lost than this say nothing: a moment in which much moves may lose some. */
const LOST_MIN = 4;

export class DetectorLoad {
  /** Oldest first. */
  readonly #samples: Sample[] = [];
  #busyMs = 0;

  /** The detector worked so long on a frame, all regions of it together. */
  ran(inferMs: number): void {
    this.#busyMs += inferMs;
  }

  /** Forgets what was: the detector is another one, or has been given more or less to do. */
  restart(): void {
    this.#samples.length = 0;
  }

  /** Over the last `overMs`; undefined until so much time has passed since the restart. Call it about once a second. */
  look(
    cameras: ReadonlyMap<string, FrameCounts>,
    monoMs: number,
    overMs: number,
  ): DetectorShares | undefined {
    this.#samples.push({ monoMs, busyMs: this.#busyMs, cameras });
    // Of those that are old enough the youngest stays.
    while (this.#samples.length > 1 && monoMs - this.#samples[1]!.monoMs >= overMs) this.#samples.shift();
    const oldest = this.#samples[0]!;
    const spanMs = monoMs - oldest.monoMs;
    if (spanMs < overMs || spanMs === 0) return undefined;
    const busyShare = Math.min(1, (this.#busyMs - oldest.busyMs) / spanMs);
    const worst = worstOf(oldest.cameras, cameras);
    return { busyShare, ...(worst === undefined ? {} : { worst }) };
  }
}

function worstOf(
  before: ReadonlyMap<string, FrameCounts>,
  after: ReadonlyMap<string, FrameCounts>,
): DetectorShares['worst'] {
  let worst: DetectorShares['worst'];
  for (const [camera, counts] of after) {
    const old = before.get(camera);
    if (old === undefined) continue;
    const lost = counts.framesOvertaken - old.framesOvertaken;
    const looked = counts.framesProcessed - counts.framesStill - (old.framesProcessed - old.framesStill);
    // A worker that was started again counts from 0 again.
    if (lost < LOST_MIN || looked < 0) continue;
    const lostShare = lost / (lost + looked);
    if (lostShare > (worst?.lostShare ?? 0)) worst = { camera, lostShare };
  }
  return worst;
}
