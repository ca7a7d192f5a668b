// The loops over pixels of pixel-kernels.wat, and the memory that they work in: WebAssembly with SIMD, which Node has on every 64-bit
// processor. Plain loops over typed arrays took two to three times as long. Camera worker thread.
import { readFileSync } from 'node:fs';

/** As much of it as is used here: the types that Node comes with have none. */
declare const WebAssembly: {
  readonly Module: new (binary: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
};

/** Addresses and lengths are bytes in the memory of the kernels; tables are described in pixel-kernels.wat. */
interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  shrink(
    from: number,
    stride: number,
    fromWidth: number,
    rows: number,
    height: number,
    starts: number,
    ends: number,
    parts: number,
    width: number,
    scratch: number,
    to: number,
  ): void;
  enlarge(
    from: number,
    stride: number,
    fromWidth: number,
    rows: number,
    height: number,
    starts: number,
    weights: number,
    width: number,
    scratch: number,
    to: number,
  ): void;
  colour(
    luma: number,
    u: number,
    v: number,
    width: number,
    to: number,
    apart: number,
    gain: number,
    redOfV: number,
    greenOfU: number,
    greenOfV: number,
    blueOfU: number,
    swap: number,
  ): void;
}

const PAGE = 65536;
/** Kernels read and write whole vectors: so many bytes behind what was asked for are free. */
const SLACK = 64;
const ALIGNMENT = 16;

let compiled: object | undefined;

/** A memory, and the kernels on it. What is taken of it is never given back. */
export class PixelKernels {
  readonly run: Kernels;
  #bytes: Uint8Array;
  #end = 0;

  constructor() {
    compiled ??= new WebAssembly.Module(readFileSync(new URL('./pixel-kernels.wasm', import.meta.url)));
    this.run = new WebAssembly.Instance(compiled).exports as Kernels;
    this.#bytes = new Uint8Array(this.run.memory.buffer);
  }

  /** All of the memory; another one after the next `take`. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Takes so many bytes, all zero: their address, a multiple of 16. */
  take(length: number): number {
    const at = this.#end;
    this.#end = Math.ceil((at + length + SLACK) / ALIGNMENT) * ALIGNMENT;
    const missing = this.#end - this.#bytes.length;
    if (missing > 0) {
      this.run.memory.grow(Math.ceil(missing / PAGE));
      this.#bytes = new Uint8Array(this.run.memory.buffer);
    }
    return at;
  }

  /** Takes what these numbers need, and puts them there. */
  takeTable(numbers: Int32Array | Int16Array | Float32Array): number {
    const at = this.take(numbers.byteLength);
    this.#bytes.set(new Uint8Array(numbers.buffer), at);
    return at;
  }
}
