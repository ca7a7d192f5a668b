// Notices that a live byte stream no longer has its frame boundaries where the splitter cuts it: a camera came back from
// its reboot with another size, a program lost some bytes. Raw I420 has no marks; the pauses are all there is. Pure.

/** Bursts looked at together. */
const BURSTS = 10;
/** What a program may keep back in its own output buffer: C 4096, Python and Java 8192 bytes. */
const KEPT_BACK_BYTES_MAX = 8192;

/**
 * A live program writes a frame, or some, and pauses: what comes between two pauses is a burst. The stream is misaligned
 * when 10 bursts in a row have the same length and half of them or more end within a frame.
 *
 * Where frames are of another size, every burst has that size, and of any size that is not a multiple of ours at least
 * half of the bursts end within a frame (half the size: every second one). A slow or overloaded program also pauses
 * within a frame, but never at the same place ten times running. What writes its frames in equal parts with pauses of
 * half a frame interval between them would be taken for misaligned; nothing does. A whole multiple of our size, like twice the
 * width and height, cannot be told from several frames at once.
 */
export class FrameAlignment {
  readonly #frameBytes: number;
  readonly #toleranceBytes: number;
  #burstBytes = 0;
  #lengthBytes = 0;
  #equal = 0;
  #torn = 0;

  constructor(frameBytes: number) {
    this.#frameBytes = frameBytes;
    this.#toleranceBytes = Math.min(KEPT_BACK_BYTES_MAX, frameBytes / 4);
  }

  /** Length of the bursts that were judged last. */
  get burstBytes(): number {
    return this.#lengthBytes;
  }

  arrived(bytes: number): void {
    this.#burstBytes += bytes;
  }

  /** A pause has begun and the splitter holds `partialBytes` of a frame. True when the stream is misaligned. */
  paused(partialBytes: number): boolean {
    if (this.#burstBytes === 0) return false;
    if (Math.abs(this.#burstBytes - this.#lengthBytes) > this.#toleranceBytes) {
      this.#lengthBytes = this.#burstBytes;
      this.#equal = 0;
      this.#torn = 0;
    }
    this.#burstBytes = 0;
    this.#equal += 1;
    if (partialBytes > 0 && this.#frameBytes - partialBytes > this.#toleranceBytes) this.#torn += 1;
    if (this.#equal < BURSTS) return false;
    const misaligned = this.#torn * 2 >= BURSTS;
    this.#equal = 0;
    this.#torn = 0;
    return misaligned;
  }
}
