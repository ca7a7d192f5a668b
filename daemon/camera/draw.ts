// The box of an object with its name, drawn on a picture that is about to be encoded; with a small font of our own.
// Camera worker thread.
import type { Box } from '../core/types.ts';
import type { Canvas } from './jpeg.ts';

/** 0x00BBGGRR: a green that stands out on skin, grass at noon and night pictures alike, and black on it. */
const BOX_COLOUR = 0x0000ff80;
const TEXT_COLOUR = 0x00000000;
/** One line of the box for so many rows of the picture; the letters' dots grow with it. */
const ROWS_PER_STROKE = 360;

const GLYPH_WIDTH = 5;
const GLYPH_HEIGHT = 7;
/** Between letters, and around the text. In dots. */
const GAP = 1;
/**
 * Seven rows from the top, each a number of five bits written as one digit to the base 32, the left dot first. What has no
 * glyph is a filled rectangle.
 */
const GLYPHS: Readonly<Record<string, string>> = {
  ...{ a: 'ehhvhhh', b: 'uhhuhhu', c: 'ehggghe', d: 'uhhhhhu', e: 'vgguggv', f: 'vgguggg', g: 'ehgnhhf' },
  ...{ h: 'hhhvhhh', i: 'e44444e', j: '72222ic', k: 'hikokih', l: 'ggggggv', m: 'hrllhhh', n: 'hpljhhh' },
  ...{ o: 'ehhhhhe', p: 'uhhuggg', q: 'ehhhlid', r: 'uhhukih', s: 'fgge11u', t: 'v444444', u: 'hhhhhhe' },
  ...{ v: 'hhhhha4', w: 'hhhllrh', x: 'hha4ahh', y: 'hha4444', z: 'v1248gv' },
  ...{ 0: 'ehjlphe', 1: '4c4444e', 2: 'eh1248v', 3: 'v2421he', 4: '26aiv22', 5: 'vgu11he', 6: '68guhhe' },
  ...{
    7: 'v124888',
    8: 'ehhehhe',
    9: 'ehhf12c',
    '.': '00000cc',
    '-': '000v000',
    _: '000000v',
    ' ': '0000000',
  },
};
const UNKNOWN = 'vvvvvvv';

/** Draws the outline of the box and, on a filled strip above it (or in it, where there is no room), the text. */
export function drawBox(canvas: Canvas, box: Box, text: string): void {
  const stroke = Math.max(1, Math.round(canvas.height / ROWS_PER_STROKE));
  const left = Math.round(box.x * canvas.width);
  const top = Math.round(box.y * canvas.height);
  const width = Math.round(box.width * canvas.width);
  const height = Math.round(box.height * canvas.height);
  fillRectangle(canvas, { left, top, width, height: stroke }, BOX_COLOUR);
  fillRectangle(canvas, { left, top: top + height - stroke, width, height: stroke }, BOX_COLOUR);
  fillRectangle(canvas, { left, top, width: stroke, height }, BOX_COLOUR);
  fillRectangle(canvas, { left: left + width - stroke, top, width: stroke, height }, BOX_COLOUR);
  const strip = {
    width: ((GLYPH_WIDTH + GAP) * text.length + GAP) * stroke,
    height: (GLYPH_HEIGHT + 2 * GAP) * stroke,
  };
  const stripLeft = Math.max(0, Math.min(left, canvas.width - strip.width));
  const stripTop = top >= strip.height ? top - strip.height : top;
  fillRectangle(canvas, { left: stripLeft, top: stripTop, ...strip }, BOX_COLOUR);
  for (const [index, letter] of [...text.toLowerCase()].entries()) {
    const at = stripLeft + (GAP + index * (GLYPH_WIDTH + GAP)) * stroke;
    drawGlyph(canvas, GLYPHS[letter] ?? UNKNOWN, { left: at, top: stripTop + GAP * stroke, dot: stroke });
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
