// What `vedette replay --draw` draws on a frame: zones and lines with their names, every object with its box and trail, and
// how each rule stands. Owns no pixel and no time: it is given both. Any thread.
import type { Places } from '../core/rule-types.ts';
import type { Box, Point } from '../core/types.ts';
import { BOX_COLOUR, drawBox, drawPolyline, drawText, textHeight } from './draw.ts';
import type { Canvas } from './rgb.ts';

/** 0x00BBGGRR. */
const COLOUR = {
  confirmed: BOX_COLOUR,
  unconfirmed: 0x00b0b0b0,
  resting: 0x00ffb060,
  zone: 0x00e0c040,
  occupied: 0x0020d0ff,
  line: 0x00ff60ff,
  rule: 0x00d8d8d8,
  fired: 0x004040ff,
} as const;

export interface OverlayTrack {
  readonly id: number;
  readonly label: string;
  /** 0: not seen in this frame. */
  readonly score: number;
  readonly box: Box;
  readonly confirmed: boolean;
  readonly stationary: boolean;
  /** Names of zones it is in. */
  readonly zones: readonly string[];
  /** Where it was, oldest first. */
  readonly trail: readonly Point[];
}

export interface OverlayRule {
  readonly text: string;
  /** It has just fired. */
  readonly fired: boolean;
}

export interface Overlay {
  /** First line: name and time. */
  readonly title: string;
  readonly places: Places;
  readonly tracks: readonly OverlayTrack[];
  readonly rules: readonly OverlayRule[];
}

export function drawOverlay(canvas: Canvas, { title, places, tracks, rules }: Overlay): void {
  const occupied = new Set(tracks.flatMap(({ confirmed, zones }) => (confirmed ? zones : [])));
  for (const { name, points } of places.zones) {
    const colour = occupied.has(name) ? COLOUR.occupied : COLOUR.zone;
    drawPolyline(canvas, points, { closed: true, colour });
    drawText(canvas, pixelOf(canvas, points[0]!), name, colour);
  }
  for (const { name, points, sides } of places.lines) {
    drawPolyline(canvas, points, { closed: false, colour: COLOUR.line });
    drawText(canvas, pixelOf(canvas, points[0]!), `${name}: ${sides[0]} / ${sides[1]}`, COLOUR.line);
  }
  for (const track of tracks) {
    drawPolyline(canvas, track.trail, { closed: false, colour: colourOf(track) });
  }
  for (const track of tracks) drawTrack(canvas, track);
  drawList(canvas, title, rules);
}

function drawTrack(canvas: Canvas, track: OverlayTrack): void {
  const seen = track.score === 0 ? 'hidden' : track.score.toFixed(2);
  drawBox(canvas, track.box, `${track.label} #${track.id} ${seen}`, colourOf(track));
}

function colourOf({ confirmed, stationary }: OverlayTrack): number {
  if (!confirmed) return COLOUR.unconfirmed;
  return stationary ? COLOUR.resting : COLOUR.confirmed;
}

function drawList(canvas: Canvas, title: string, rules: readonly OverlayRule[]): void {
  const lines = [{ text: title, fired: false }, ...rules];
  for (const [index, { text, fired }] of lines.entries()) {
    const top = index * textHeight(canvas);
    drawText(canvas, { left: 0, top }, text, fired ? COLOUR.fired : COLOUR.rule);
  }
}

function pixelOf({ width, height }: Canvas, [x, y]: Point): { left: number; top: number } {
  return { left: Math.round(x * width), top: Math.round(y * height) };
}
