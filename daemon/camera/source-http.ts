// The source `http`: a camera that sends JPEGs, as an endless stream or one per request. They are fetched here and given
// to ffmpeg's standard input, so that no address or password reaches an argument list.
import type { IncomingMessage } from 'node:http';
import type { Writable } from 'node:stream';
import type { FramesConfig, SourceOf } from '../config/types.ts';
import { requireProgram } from '../platform/child.ts';
import type { Clock } from '../platform/clock.ts';
import { DecoderChoice, type ProbeDecoders } from './decoder-choice.ts';
import { HttpCamera } from './http-camera.ts';
import { JPEG_INPUT, JpegSplitter, NotPictures, roomIn, writePicture } from './image-feed.ts';
import type { CameraSource } from './source.ts';
import { FED, ffmpegArgs } from './source-ffmpeg.ts';

export function httpPlan(
  source: SourceOf<'http'>,
  detect: FramesConfig,
  { clock, probe }: { readonly clock: Clock; readonly probe: ProbeDecoders },
): CameraSource {
  const decoders = new DecoderChoice({ wish: source.decoder, probe, detect, codec: async () => 'mjpeg' });
  const feeder = new HttpFeeder(source, detect.fps, clock);
  return {
    async next() {
      const ffmpeg = requireProgram('ffmpeg', 'ffmpeg');
      const decoding = await decoders.next(ffmpeg);
      return {
        title: 'ffmpeg',
        command: ffmpeg,
        args: ffmpegArgs({ decoding, input: JPEG_INPUT, pace: FED, detect }),
        lossless: false,
        frameIntervalMs: undefined,
        finite: false,
        feed: (input, signal) => feeder.feed(input, signal),
      };
    },
    ended: (life) => decoders.ended(life),
    decoder: () => decoders.state(),
  };
}

class HttpFeeder {
  readonly #mode: SourceOf<'http'>['mode'];
  readonly #intervalMs: number;
  readonly #clock: Clock;
  readonly #camera: HttpCamera;

  constructor(source: SourceOf<'http'>, fps: number, clock: Clock) {
    this.#mode = source.mode;
    this.#intervalMs = 1000 / fps;
    this.#clock = clock;
    this.#camera = new HttpCamera(source, clock);
  }

  async feed(input: Writable, signal: AbortSignal): Promise<void> {
    const response = await this.#camera.open(signal);
    const type = response.headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';
    const endless = type.startsWith('multipart/');
    if (/^text\/|json|xml/.test(type)) {
      response.destroy();
      throw this.#camera.refused('sent a page or a text, not a picture');
    }
    if (endless && this.#mode === 'snapshot') {
      response.destroy();
      throw this.#camera.refused('sends an endless stream; set source.mode to mjpeg');
    }
    const isStream = this.#mode === 'mjpeg' || endless;
    await (isStream ? this.#stream(response, input) : this.#poll(response, input, signal));
  }

  /** A picture that is not due, or that ffmpeg has no room for, is left out before it is decoded. */
  async #stream(response: IncomingMessage, input: Writable): Promise<void> {
    const splitter = new JpegSplitter();
    const startMs = this.#clock.monoMs();
    let taken = -1;
    const take = (jpeg: Buffer): void => {
      // By half an interval away from the borders, for a camera that sends at just this rate.
      const slot = Math.floor((this.#clock.monoMs() - startMs) / this.#intervalMs + 0.5);
      if (slot === taken || input.writableNeedDrain) return;
      taken = slot;
      // The view is only good during this call.
      writePicture(input, Buffer.from(jpeg));
    };
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) splitter.push(chunk, take);
    } catch (error) {
      throw error instanceof NotPictures ? this.#camera.refused(error.message) : this.#camera.asError(error);
    } finally {
      response.destroy();
    }
    throw this.#camera.unreachable('ended the stream');
  }

  async #poll(first: IncomingMessage, input: Writable, signal: AbortSignal): Promise<void> {
    let response = first;
    let askedMs = this.#clock.monoMs();
    for (;;) {
      writePicture(input, await this.#camera.picture(response));
      await roomIn(input, signal);
      const leftMs = this.#intervalMs - (this.#clock.monoMs() - askedMs);
      if (leftMs > 0) await this.#clock.sleep(leftMs, signal);
      askedMs = this.#clock.monoMs();
      response = await this.#camera.open(signal);
    }
  }
}
