// Privacy masks: which samples of a frame lie under a polygon, and their blackening. The frame pool paints every frame
// as soon as it is complete, so that nothing downstream ever holds an unmasked one. Spans of samples are worked out
// once; painting allocates nothing. Camera worker thread.
import type { CameraConfig, FramesConfig } from '../config/types.ts';
import type { Point } from '../core/types.ts';

/** Black in BT.601 limited range. */
const BLACK_LUMA = 16;
const NO_COLOUR = 128;
/**
 * Slack for what the division in an edge's slope rounds off (pixels), a thousand times as much: more may be masked by it,
 * never less.
 */
const SLACK = 1e-9;

/**
 * Paints the polygons black. A pixel is masked when the polygon, its edge included, touches the pixel's square; chroma
 * is masked where any of the pixels that share the sample is. What a polygon that crosses itself winds around more than
 * once is masked too.
 */
export class MaskPainter {
  /** Pairs of first byte and byte after the last. */
  readonly #luma: Int32Array;
  readonly #chroma: Int32Array;

  /** Width and height are even. */
  constructor({ width, height }: FramesConfig, masks: CameraConfig['masks']) {
    const masked = new Uint8Array(width * height);
    for (const { points } of Object.values(masks)) mark(masked, points, width, height);
    const shared = halved(masked, width, height);
    const lumaBytes = width * height;
    this.#luma = Int32Array.from(spansOf(masked, 0));
    this.#chroma = Int32Array.from([
      ...spansOf(shared, lumaBytes),
      ...spansOf(shared, lumaBytes + shared.length),
    ]);
  }

  /** Blackens the masked samples of one I420 frame, stride = width. */
  paint(frame: Uint8Array): void {
    fill(frame, this.#luma, BLACK_LUMA);
    fill(frame, this.#chroma, NO_COLOUR);
  }
}

function fill(frame: Uint8Array, spans: Int32Array, value: number): void {
  for (let at = 0; at < spans.length; at += 2) frame.fill(value, spans[at], spans[at + 1]);
}

/** Marks (with 1) every pixel that the polygon touches. */
export function mark(masked: Uint8Array, points: readonly Point[], width: number, height: number): void {
  const corners = points.map(([x, y]): Point => [x * width, y * height]);
  const edges = corners.map((corner, at): Edge => [corner, corners[(at + 1) % corners.length]!]);
  for (let row = 0; row < height; row += 1) {
    const line = masked.subarray(row * width, (row + 1) * width);
    // A pixel that no edge touches is inside or outside as a whole: its centre decides.
    for (const [from, to] of insideOf(edges, row + 0.5)) {
      line.fill(1, Math.max(0, Math.ceil(from - 0.5)), Math.max(0, Math.floor(to - 0.5) + 1));
    }
    for (const edge of edges) {
      const touched = within(edge, row, row + 1);
      if (touched === undefined) continue;
      const [from, to] = touched;
      line.fill(1, Math.max(0, Math.ceil(from - SLACK) - 1), Math.floor(to + SLACK) + 1);
    }
  }
}

type Edge = readonly [Point, Point];

/** Stretches of the line at height `y` that the polygon winds around, left to right. */
function insideOf(edges: readonly Edge[], y: number): [number, number][] {
  const crossings: { x: number; turn: number }[] = [];
  for (const [a, b] of edges) {
    if (a[1] > y !== b[1] > y) crossings.push({ x: crossing(a, b, y), turn: b[1] > y ? 1 : -1 });
  }
  crossings.sort((a, b) => a.x - b.x);
  const stretches: [number, number][] = [];
  let winding = 0;
  for (const [index, { x, turn }] of crossings.entries()) {
    if (winding !== 0) stretches.push([crossings[index - 1]!.x, x]);
    winding += turn;
  }
  return stretches;
}

/** Least and largest x of the part of an edge between two heights, undefined when there is none. */
function within([a, b]: Edge, top: number, bottom: number): [number, number] | undefined {
  const [upper, lower] = a[1] <= b[1] ? [a, b] : [b, a];
  if (lower[1] < top || upper[1] > bottom) return undefined;
  const from = upper[1] < top ? crossing(upper, lower, top) : upper[0];
  const to = lower[1] > bottom ? crossing(upper, lower, bottom) : lower[0];
  return from <= to ? [from, to] : [to, from];
}

/** Where the line through two points of different heights is at height `y`; never beyond the points. */
function crossing(a: Point, b: Point, y: number): number {
  const x = a[0] + ((y - a[1]) / (b[1] - a[1])) * (b[0] - a[0]);
  return Math.min(Math.max(x, Math.min(a[0], b[0])), Math.max(a[0], b[0]));
}

/** The same at half width and height: marked where any of the four pixels is. */
function halved(masked: Uint8Array, width: number, height: number): Uint8Array {
  const half = new Uint8Array((width / 2) * (height / 2));
  for (let row = 0; row < height; row += 1) {
    const to = (row >> 1) * (width / 2);
    for (let x = 0; x < width; x += 1) half[to + (x >> 1)]! |= masked[row * width + x]!;
  }
  return half;
}

/** Stretches of marked samples, `offset` bytes further on. */
function spansOf(marked: Uint8Array, offset: number): number[] {
  const spans: number[] = [];
  for (let from = marked.indexOf(1); from !== -1; ) {
    const end = marked.indexOf(0, from);
    spans.push(offset + from, offset + (end === -1 ? marked.length : end));
    from = end === -1 ? -1 : marked.indexOf(1, end);
  }
  return spans;
}
