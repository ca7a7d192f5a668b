// The bundled model's eyes on the built-in camera, without processes: the camera's own preprocessing, the real session and
// decoder, detections as the tracker takes them.
import { join } from 'node:path';
import { Preprocessor, type Region } from '../../daemon/camera/preprocess.ts';
import type { Detection, ModelSpec } from '../../daemon/core/types.ts';
import { Decoder } from '../../daemon/detector/decode.ts';
import { type DetectorSession, openSession } from '../../daemon/detector/session.ts';
import { createDetections } from '../../daemon/detector/wire.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { ROOT } from './needs.ts';

export class SceneSight {
  readonly model: ModelSpec;
  readonly #session: DetectorSession;
  readonly #decoder: Decoder;
  readonly #preprocessor: Preprocessor;
  readonly #found = createDetections();

  private constructor(model: ModelSpec, session: DetectorSession, width: number, height: number) {
    this.model = model;
    this.#session = session;
    const labelCount = model.labels.length;
    this.#decoder = new Decoder({ decoder: model.decoder, labelCount, scoreLow: 0.2 });
    this.#preprocessor = new Preprocessor(model.input, width, height);
  }

  /** For frames of this size. Release it. */
  static async open({
    width,
    height,
  }: {
    readonly width: number;
    readonly height: number;
  }): Promise<SceneSight> {
    const model = await loadModel(join(ROOT, 'models/vedette-nano'));
    const session = await openSession({ model, providers: ['cpu'], threads: 1, clock: systemClock });
    return new SceneSight(model, session, width, height);
  }

  /** What the model finds in an I420 frame, or in a region of it. */
  async look(frame: Uint8Array, region: Region = this.#preprocessor.whole): Promise<Detection[]> {
    this.#preprocessor.run(frame, region);
    this.#session.input.set(this.#preprocessor.bytes);
    this.#decoder.decode(await this.#session.run(), this.#found);
    const { count, boxes, classes, scores } = this.#found;
    return Array.from({ length: count }, (_, i) => {
      const [x1, y1, x2, y2] = [boxes[i * 4]!, boxes[i * 4 + 1]!, boxes[i * 4 + 2]!, boxes[i * 4 + 3]!];
      const box = this.#preprocessor.boxInFrame({ x1, y1, x2, y2 }, region);
      return { label: this.model.labels[classes[i]!]!, score: scores[i]!, box };
    });
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
