// Shapes and words on a picture: the box of an object with its name, lines, polygons, text on a strip. Colours and strokes
// are chosen once for all pictures of Vedette. Any thread.
import type { Box, Point } from '../core/types.ts';
import { GLYPH_HEIGHT, GLYPH_WIDTH, glyphOf } from './font.ts';
import type { Canvas } from './rgb.ts';

/** 0x00BBGGRR: a green that stands out on skin, grass at noon and night pictures alike, and black on it. */
export const BOX_COLOUR = 0x0000ff80;
const TEXT_COLOUR = 0x00000000;
/** One line of the box for so many rows of the picture; the letters' dots grow with it. */
const ROWS_PER_STROKE = 360;
/** Between letters, and around the text. In dots. */
const GAP = 1;

/** Pixels of a line on this picture, and of a letter's dot. */
export function strokeOf({ height }: Canvas): number {
  return Math.max(1, Math.round(height / ROWS_PER_STROKE));
}

/** Pixels of a line of text with its strip. */
export function textHeight(canvas: Canvas): number {
  return (GLYPH_HEIGHT + 2 * GAP) * strokeOf(canvas);
}

/** Draws the outline of the box and, on a filled strip above it (or in it, where there is no room), the text. */
export function drawBox(canvas: Canvas, box: Box, text: string, colour = BOX_COLOUR): void {
  const stroke = strokeOf(canvas);
  const left = Math.round(box.x * canvas.width);
  const top = Math.round(box.y * canvas.height);
  const width = Math.round(box.width * canvas.width);
  const height = Math.round(box.height * canvas.height);
  fillRectangle(canvas, { left, top, width, height: stroke }, colour);
  fillRectangle(canvas, { left, top: top + height - stroke, width, height: stroke }, colour);
  fillRectangle(canvas, { left, top, width: stroke, height }, colour);
  fillRectangle(canvas, { left: left + width - stroke, top, width: stroke, height }, colour);
  const strip = textHeight(canvas);
  drawText(canvas, { left, top: top >= strip ? top - strip : top }, text, colour);
}

/** Draws text on a strip of the colour, moved into the picture from the side; `left` and `top` are pixels. */
export function drawText(
  canvas: Canvas,
  { left, top }: { readonly left: number; readonly top: number },
  text: string,
  colour: number,
): void {
  const dot = strokeOf(canvas);
  const width = ((GLYPH_WIDTH + GAP) * text.length + GAP) * dot;
  const stripLeft = Math.max(0, Math.min(left, canvas.width - width));
  fillRectangle(canvas, { left: stripLeft, top, width, height: textHeight(canvas) }, colour);
  for (const [index, letter] of [...text].entries()) {
    const at = stripLeft + (GAP + index * (GLYPH_WIDTH + GAP)) * dot;
    drawGlyph(canvas, glyphOf(letter), { left: at, top: top + GAP * dot, dot });
  }
}

/** Draws the stretches between the points, which are fractions of the picture; `closed` joins the last to the first. */
export function drawPolyline(
  canvas: Canvas,
  points: readonly Point[],
  { closed, colour }: { readonly closed: boolean; readonly colour: number },
): void {
  let previous = closed ? points.at(-1) : undefined;
  for (const point of points) {
    if (previous !== undefined) drawStretch(canvas, previous, point, colour);
    previous = point;
  }
}

/** A dot for each step of a pixel along the longer axis (DDA). */
function drawStretch(canvas: Canvas, [x1, y1]: Point, [x2, y2]: Point, colour: number): void {
  const { width, height } = canvas;
  const stroke = strokeOf(canvas);
  const across = (x2 - x1) * width;
  const down = (y2 - y1) * height;
  const steps = Math.max(1, Math.ceil(Math.max(Math.abs(across), Math.abs(down))));
  for (let step = 0; step <= steps; step += 1) {
    const left = Math.round(x1 * width + (across * step) / steps - stroke / 2);
    const top = Math.round(y1 * height + (down * step) / steps - stroke / 2);
    fillRectangle(canvas, { left, top, width: stroke, height: stroke }, colour);
  }
}

function drawGlyph(
  canvas: Canvas,
  glyph: string,
  { left, top, dot }: { left: number; top: number; dot: number },
): void {
  for (let row = 0; row < GLYPH_HEIGHT; row += 1) {
    const bits = Number.parseInt(glyph[row]!, 32);
    for (let column = 0; column < GLYPH_WIDTH; column += 1) {
      if ((bits & (1 << (GLYPH_WIDTH - 1 - column))) === 0) continue;
      const rectangle = { left: left + column * dot, top: top + row * dot, width: dot, height: dot };
      fillRectangle(canvas, rectangle, TEXT_COLOUR);
    }
  }
}

interface Rectangle {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** What lies outside the picture is left out. */
function fillRectangle(canvas: Canvas, { left, top, width, height }: Rectangle, colour: number): void {
  const from = Math.max(0, left);
  const to = Math.min(canvas.width, left + width);
  const end = Math.min(canvas.height, top + height);
  if (from >= to) return;
  for (let row = Math.max(0, top); row < end; row += 1) {
    canvas.pixels.fill(colour, row * canvas.width + from, row * canvas.width + to);
  }
}
