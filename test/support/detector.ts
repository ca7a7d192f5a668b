// For tests and benches of the detector: a supervisor with the real process, a plain client of its socket, a drawn
// picture and a folder of test models. The client is simpler than the camera room's: it waits for one answer at a time.
import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { configSchema } from '../../daemon/config/schema.ts';
import type { DetectorConfig } from '../../daemon/config/types.ts';
import { DetectorSupervisor, type SupervisorOptions } from '../../daemon/detector/supervisor.ts';
import {
  createRequest,
  type DetectorEndpoint,
  type DetectorResponse,
  type DetectorState,
  encodeRequest,
  REQUEST_BYTES,
  ResponseParser,
  slotOf,
  slotOffset,
  tensorDims,
} from '../../daemon/detector/wire.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { memoryLogger } from './logger.ts';
import { ROOT } from './needs.ts';
import { waitFor } from './wait.ts';

export const FIXTURES = join(ROOT, 'test/fixtures/detector');
export const SHIPPED_MODEL = join(ROOT, 'models/vedette-nano');
export const LIGHTER_MODEL = join(ROOT, 'models/vedette-nano-224');
/** Width and height of the shipped model's input. */
export const INPUT_SIDE = (await loadModel(SHIPPED_MODEL)).input.width;

/** The detector section with its defaults. */
export function detectorConfig(changes: Partial<DetectorConfig> = {}): DetectorConfig {
  const config = configSchema.parse({ cameras: { door: { source: { type: 'scene' } } } });
  return { ...config.detector, ...changes };
}

/** A supervisor with the real process, real time, and every state it showed. */
export function supervised(options: Partial<SupervisorOptions> & Pick<SupervisorOptions, 'runtimeDir'>) {
  const states: DetectorState[] = [];
  const { logger, records } = memoryLogger();
  const supervisor = new DetectorSupervisor({
    config: detectorConfig(),
    scoreLow: 0.2,
    loadModel: () => loadModel(SHIPPED_MODEL),
    logger,
    clock: systemClock,
    onState: (state) => states.push(state),
    ...options,
  });
  const nextState = (wanted: DetectorState['state'], from: number): Promise<DetectorState> =>
    waitFor(
      `the detector to be ${wanted}; shown so far: ${JSON.stringify(states.map(({ state, code, reason }) => [state, code, reason]))}`,
      () => states.slice(from).find(({ state }) => state === wanted),
      60_000,
    );
  return { supervisor, states, records, nextState };
}

/** What came back for one request, copied out of the parser's buffers. */
export interface Answer {
  readonly type: 'answer' | 'error';
  readonly requestId: number;
  readonly camera: number;
  readonly message: string;
  readonly runStartMonoMs: number;
  readonly runEndMonoMs: number;
  readonly found: readonly { label: string; score: number; box: readonly number[] }[];
}

/** One camera's connection. */
export class TestClient {
  readonly socket: Socket;
  readonly answers: Answer[] = [];
  closed = false;
  readonly #endpoint: DetectorEndpoint;
  readonly #camera: number;
  readonly #weight: number;
  readonly #slotsFd: number;
  #requestId = 0;

  constructor(endpoint: DetectorEndpoint, camera = 0, onAnswer?: (answer: Answer) => void, weight = 1) {
    this.#endpoint = endpoint;
    this.#camera = camera;
    this.#weight = weight;
    this.#slotsFd = openSync(endpoint.slotsPath, 'r+');
    this.socket = connect(endpoint.socketPath);
    const parser = new ResponseParser((response) => {
      const answer = copyOf(response, endpoint.model.labels);
      this.answers.push(answer);
      onAnswer?.(answer);
    });
    this.socket.on('data', (chunk: Buffer) => parser.push(chunk));
    this.socket.on('error', () => undefined);
    this.socket.on('close', () => {
      this.closed = true;
      closeSync(this.#slotsFd);
    });
  }

  /** Puts a tensor into the slot `which` (0 or 1). */
  write(tensor: Uint8Array, which = 0): void {
    const offset = slotOffset(slotOf(this.#camera, which), this.#endpoint.slotBytes);
    writeSync(this.#slotsFd, tensor, 0, tensor.length, offset);
  }

  /** Sends a request header for the slot; returns its id. */
  send(which = 0, changes: { slot?: number; dims?: readonly number[] } = {}): number {
    const request = createRequest();
    this.#requestId += 1;
    request.requestId = this.#requestId;
    request.camera = this.#camera;
    request.weight = this.#weight;
    request.slot = changes.slot ?? slotOf(this.#camera, which);
    request.captureMonoMs = systemClock.monoMs();
    request.dims.set(changes.dims ?? tensorDims(this.#endpoint.model.input));
    const bytes = new Uint8Array(REQUEST_BYTES);
    encodeRequest(new DataView(bytes.buffer), request);
    this.socket.write(bytes);
    return request.requestId;
  }

  /** Writes, sends, waits. */
  async infer(tensor: Uint8Array): Promise<Answer> {
    this.write(tensor);
    const id = this.send();
    return waitFor(`the answer to request ${id}`, () => this.answers.find((one) => one.requestId === id));
  }

  close(): void {
    this.socket.destroy();
  }
}

function copyOf(response: DetectorResponse, labels: readonly string[]): Answer {
  const { type, requestId, camera, message, runStartMonoMs, runEndMonoMs, detections } = response;
  const found = Array.from({ length: detections.count }, (_, i) => ({
    label: labels[detections.classes[i] ?? -1] ?? `class ${detections.classes[i]}`,
    score: detections.scores[i] ?? Number.NaN,
    box: [...detections.boxes.subarray(i * 4, i * 4 + 4)],
  }));
  return { type, requestId, camera, message, runStartMonoMs, runEndMonoMs, found };
}

/** The side for which figure.json is drawn. */
const FIGURE_SIDE = 320;

/**
 * The golden picture, RGB of side x side: a dark figure before a light wall, drawn with whole numbers only, so that
 * scripts/golden.py draws the same bytes. Not a photo: nobody's face and nobody's licence.
 */
export function drawnFigure(side = INPUT_SIDE): Uint8Array {
  const pixels = new Uint8Array(side * side * 3);
  const { wall, shapes } = JSON.parse(readFileSync(join(FIXTURES, 'figure.json'), 'utf8')) as Figure;
  for (let row = 0; row < side; row += 1) {
    for (let column = 0; column < side; column += 1) {
      const at = (row * side + column) * 3;
      const [x, y] = [column, row].map((n) => Math.floor((n * FIGURE_SIDE) / side)) as [number, number];
      let colour = wall[y < 210 ? 0 : 1]!;
      for (const shape of shapes) if (inside(shape, x, y)) colour = shape.colour;
      for (let k = 0; k < 3; k += 1) pixels[at + k] = colour[k]! + ((x * 7 + y * 13) % 11);
    }
  }
  return pixels;
}

interface Figure {
  /** Colours above and below y = 210. */
  readonly wall: readonly (readonly number[])[];
  readonly shapes: readonly Shape[];
}

/** Ellipse: [centre x, centre y, radius x, radius y]; limb: [x1, y1, x2, y2, radius], a line with round ends. */
interface Shape {
  readonly kind: 'ellipse' | 'limb';
  readonly at: readonly number[];
  readonly colour: readonly number[];
}

function inside({ kind, at }: Shape, x: number, y: number): boolean {
  if (kind === 'ellipse') {
    const [cx, cy, rx, ry] = at as [number, number, number, number];
    return (x - cx) ** 2 * ry ** 2 + (y - cy) ** 2 * rx ** 2 <= rx ** 2 * ry ** 2;
  }
  const [x1, y1, x2, y2, radius] = at as [number, number, number, number, number];
  const dx = x2 - x1;
  const dy = y2 - y1;
  const length2 = dx * dx + dy * dy;
  const along = Math.max(0, Math.min(length2, (x - x1) * dx + (y - y1) * dy));
  // Distance to the line, multiplied by length2 to stay in whole numbers.
  const ox = (x - x1) * length2 - along * dx;
  const oy = (y - y1) * length2 - along * dy;
  return ox * ox + oy * oy <= radius * radius * length2 * length2;
}

/** Makes a model folder in `parent` from an ONNX file; `changes` are laid over a manifest that fits it. */
export function modelFolder(
  parent: string,
  from: { readonly onnx: string; readonly manifest: Record<string, unknown> },
): string {
  const folder = join(parent, 'model');
  mkdirSync(folder, { recursive: true });
  copyFileSync(from.onnx, join(folder, 'model.onnx'));
  const content = readFileSync(from.onnx);
  const manifest = {
    v: 1,
    name: 'toy',
    version: '1',
    task: 'detect',
    file: 'model.onnx',
    sha256: createHash('sha256').update(content).digest('hex'),
    bytes: content.length,
    thresholdDefault: 0.5,
    licence: 'Apache-2.0',
    data: [{ name: 'none', licence: 'none', source: 'none' }],
    source: 'scripts/golden.py',
    card: 'CARD.md',
    ...from.manifest,
  };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  return folder;
}

/** Manifest parts of the toy models of scripts/golden.py. */
export const TOYS = {
  /** Boxes and scores are read straight out of the input tensor: 24 boxes, 4 classes. */
  echo: {
    onnx: join(FIXTURES, 'echo.onnx'),
    manifest: {
      input: {
        name: 'pixels',
        type: 'float32',
        layout: 'nchw',
        colour: 'rgb',
        width: 16,
        height: 16,
        resize: 'stretch',
      },
      decoder: { type: 'boxes-scores', boxes: 'boxes', scores: 'scores', nmsIou: 0.5 },
      labels: ['a', 'b', 'c', 'd'],
    },
  },
  /** Finds nothing, and takes a megabyte more than the brightest pixel says; what it took once it never gives back. */
  hoard: {
    onnx: join(FIXTURES, 'hoard.onnx'),
    manifest: {
      input: {
        name: 'image',
        type: 'uint8',
        layout: 'nhwc',
        colour: 'rgb',
        width: 16,
        height: 16,
        resize: 'stretch',
      },
      decoder: { type: 'boxes-scores', boxes: 'boxes', scores: 'scores', nmsIou: 0.5 },
      labels: ['a'],
    },
  },
  /** Eight TensorFlow-style boxes whose scores follow the brightest pixel; fails when the first pixel is 200 or more. */
  ssd: {
    onnx: join(FIXTURES, 'ssd.onnx'),
    manifest: {
      input: {
        name: 'image',
        type: 'uint8',
        layout: 'nhwc',
        colour: 'rgb',
        width: 16,
        height: 16,
        resize: 'stretch',
      },
      decoder: {
        type: 'tf-ssd',
        boxes: 'boxes',
        classes: 'classes',
        scores: 'scores',
        count: 'count',
        classOffset: 1,
      },
      labels: ['person', 'car', 'dog'],
    },
  },
} as const;

interface GoldenFound {
  readonly class: number;
  readonly score: number;
  readonly box: readonly number[];
}

/** test/fixtures/detector/golden.json, made by scripts/golden.py. */
export interface Golden {
  readonly scoreLow: number;
  readonly iouMax: number;
  readonly figure: { readonly sha256: string; readonly found: readonly GoldenFound[] };
  readonly boxesScores: {
    readonly boxes: readonly number[];
    readonly scores: readonly number[];
    readonly found: readonly GoldenFound[];
  };
  readonly ssd: {
    readonly boxes: readonly number[];
    readonly classes: readonly number[];
    readonly scores: readonly number[];
    readonly count: readonly number[];
    readonly found: readonly GoldenFound[];
    readonly brightest: number;
    readonly foundAtBrightest: readonly GoldenFound[];
    readonly foundDynamic: readonly GoldenFound[];
  };
}
