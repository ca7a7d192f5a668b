// The buffers of the frame pool as 32-bit words, for loops that take four pixels at once. Camera worker thread.

export class FrameWords {
  readonly #words = new WeakMap<Uint8Array, Uint32Array>();

  /** The same bytes, which begin at a multiple of four in their memory; one view per buffer is kept. */
  of(frame: Uint8Array): Uint32Array {
    let words = this.#words.get(frame);
    if (words === undefined) {
      words = new Uint32Array(frame.buffer, frame.byteOffset, frame.length >> 2);
      this.#words.set(frame, words);
    }
    return words;
  }
}
