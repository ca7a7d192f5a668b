// The last seconds of a camera as small JPEGs, bounded in time and in bytes: whichever is reached first, the oldest go. Knows
// no file and no clock. Camera worker thread.

export interface ClipPicture {
  /** Stamp of its frame. */
  readonly monoMs: number;
  readonly jpeg: Uint8Array;
}

/** Some ten minutes of a still picture, 30 seconds of a restless one at ten frames a second (640x360). */
export const RING_BYTES_MAX = 16_000_000;

export class ClipRing {
  /** Of all pictures. */
  bytes = 0;
  #spanMs = 0;
  #pictures: ClipPicture[] = [];

  /** How far back it goes; 0 forgets everything. */
  set spanMs(spanMs: number) {
    this.#spanMs = spanMs;
    this.#trim(this.#pictures.at(-1)?.monoMs ?? 0);
  }

  get spanMs(): number {
    return this.#spanMs;
  }

  get newestMonoMs(): number | undefined {
    return this.#pictures.at(-1)?.monoMs;
  }

  /** In order of their stamps; one that is older than the newest begins anew (a video that starts over). */
  add(picture: ClipPicture): void {
    if (picture.monoMs < (this.newestMonoMs ?? 0)) this.#clear();
    this.#pictures.push(picture);
    this.bytes += picture.jpeg.length;
    this.#trim(picture.monoMs);
  }

  /** From the oldest to the newest, both ends included. */
  between(fromMonoMs: number, toMonoMs: number): ClipPicture[] {
    return this.#pictures.filter(({ monoMs }) => monoMs >= fromMonoMs && monoMs <= toMonoMs);
  }

  #trim(newestMonoMs: number): void {
    if (this.#spanMs === 0) return this.#clear();
    let oldest = this.#pictures[0];
    while (
      oldest !== undefined &&
      (oldest.monoMs < newestMonoMs - this.#spanMs || this.bytes > RING_BYTES_MAX)
    ) {
      this.bytes -= oldest.jpeg.length;
      this.#pictures.shift();
      oldest = this.#pictures[0];
    }
  }

  #clear(): void {
    this.#pictures = [];
    this.bytes = 0;
  }
}

/**
 * One picture for each tick of a steady video, so that it plays as fast as it was: a picture stays until the next one, and
 * where there are more than ticks some are left out. `stepMs` between two ticks.
 */
export function steady(pictures: readonly ClipPicture[], stepMs: number): Uint8Array[] {
  const [first] = pictures;
  const last = pictures.at(-1);
  if (first === undefined || last === undefined) return [];
  const ticks = Math.floor((last.monoMs - first.monoMs) / stepMs) + 1;
  let at = 0;
  return Array.from({ length: ticks }, (_, tick) => {
    // Half a step of grace: pictures come a little late now and then.
    const untilMs = first.monoMs + (tick + 0.5) * stepMs;
    while ((pictures[at + 1]?.monoMs ?? Number.POSITIVE_INFINITY) <= untilMs) at += 1;
    return pictures[at]!.jpeg;
  });
}
