// A limit on the size of an MQTT packet, which aedes does not have (moscajs/aedes#831): its parser would collect up to
// the 256 MiB a length field can claim, before any password was asked. Reads only the fixed headers of a byte stream
// (MQTT 3.1.1, 2.2). Pure, main thread.

/** A remaining length has at most this many bytes. */
const LENGTH_BYTES_MAX = 4;

/** Follows one connection's bytes from its first. */
export class PacketMeter {
  readonly #bytesMax: number;
  /** Bytes of the current packet's body still to come. */
  #left = 0;
  #inLength = false;
  #length = 0;
  #lengthBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** False as soon as a packet announces a body above the limit or a length that is not one. */
  accept(chunk: Uint8Array): boolean {
    let index = 0;
    while (index < chunk.length) {
      if (this.#left > 0) {
        const skipped = Math.min(this.#left, chunk.length - index);
        this.#left -= skipped;
        index += skipped;
      } else if (this.#inLength) {
        if (!this.#takeLength(chunk[index] ?? 0)) return false;
        index += 1;
      } else {
        this.#inLength = true;
        this.#length = 0;
        this.#lengthBytes = 0;
        index += 1;
      }
    }
    return true;
  }

  #takeLength(byte: number): boolean {
    this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes;
    this.#lengthBytes += 1;
    if (this.#length > this.#bytesMax) return false;
    if ((byte & 0x80) !== 0) return this.#lengthBytes < LENGTH_BYTES_MAX;
    this.#inLength = false;
    this.#left = this.#length;
    return true;
  }
}
