// The newest frame as a picture, when somebody asks for it: encoded once the detector has its frame, so that detection does
// not wait for it, and small enough to travel in one message. Camera worker thread.
import type { FramesConfig } from '../config/types.ts';
import type { FramePool } from './frame-pool.ts';
import { JpegEncoder } from './jpeg.ts';
import type { AskedPicture } from './messages.ts';

/** As base64 in JSON it is a third larger: still well below the packet limit of most brokers (1 MiB of ours). */
export const ASKED_BYTES_MAX = 512 * 1024;
/** Where the picture is larger than that, it is encoded again with less quality. */
const LOWER_QUALITIES = [50, 20];

export interface AskedPicturesOptions {
  readonly detect: FramesConfig;
  readonly quality: number;
  readonly pool: FramePool;
  /** One for frames of this size that is there already. */
  readonly encoder: JpegEncoder | undefined;
  /** The memory of the picture may be handed on. */
  readonly onPicture: (picture: AskedPicture) => void;
}

export class AskedPictures {
  readonly #options: AskedPicturesOptions;
  #encoder: JpegEncoder | undefined;
  #wanted = false;

  constructor(options: AskedPicturesOptions) {
    this.#options = options;
    this.#encoder = options.encoder;
  }

  /** The next frame is wanted. */
  want(): void {
    this.#wanted = true;
  }

  /** Call after every completed frame, when everybody else had it. */
  look(): void {
    const { detect, quality, pool, onPicture } = this.#options;
    const frame = pool.newest;
    if (!this.#wanted || frame === undefined) return;
    this.#wanted = false;
    this.#encoder ??= new JpegEncoder(detect, quality);
    let jpeg = this.#encoder.encode(frame.bytes);
    for (const lower of LOWER_QUALITIES) {
      if (jpeg.length <= ASKED_BYTES_MAX) break;
      if (lower < quality) jpeg = this.#encoder.encode(frame.bytes, { quality: lower });
    }
    onPicture({ jpeg, width: detect.width, height: detect.height, atMs: frame.atMs });
  }
}
