// The two wheelie bins at the edge of the pavement: plain boxes with lids and wheels, painted once into layers of their
// own that hide the legs of whoever stands behind them. Any thread.
import type { Sprite } from './foliage.ts';
import { BINS } from './layout.ts';
import { ActorLight, type Rgb, reflectance, type Shader } from './light.ts';
import type { PolygonPainter } from './polygon.ts';
import { Layer } from './raster.ts';
import type { View } from './view.ts';

const BODIES = [0x2e4a3a, 0x33383f].map(reflectance);
const LID = reflectance(0x3c5a46);
const RUBBER = reflectance(0x222326);
/** Metres: height, half width and depth at the top; the foot is narrower. */
const HEIGHT = 0.8;
const HALF = 0.24;
const DEPTH = 0.5;
const TAPER = 0.82;

/** Both bins, as scenery in place. */
export function binSprites(
  view: View,
  shader: Shader,
  polygon: PolygonPainter,
  noise: Float32Array,
): Sprite[] {
  return BINS.map((bin, index) => {
    view.project(bin.x, HEIGHT, bin.z);
    const reach = HALF * 1.5 * view.scale;
    const { sx, sy } = view;
    view.project(bin.x, 0, bin.z - DEPTH / 2);
    const { scale } = view;
    const layer = new Layer(Math.ceil(reach * 2 + 8) * Math.ceil(view.sy - sy + scale), noise);
    layer.begin(sx - reach, sy - 0.3 * scale, sx + reach, view.sy + 0.06 * scale);
    const light = new ActorLight();
    light.set(shader, view, bin.x, 0.6, bin.z);
    paintBin(layer, view, shader, polygon, light, bin.x, bin.z, BODIES[index % BODIES.length]!);
    view.project(bin.x, 0, bin.z);
    return { layer, depth: view.depth, swayPixels: 0 };
  });
}

function paintBin(
  layer: Layer,
  view: View,
  shader: Shader,
  polygon: PolygonPainter,
  light: ActorLight,
  x: number,
  z: number,
  body: Rgb,
): void {
  const near = z - DEPTH / 2;
  const far = z + DEPTH / 2;
  const point = (px: number, py: number, pz: number): void => {
    view.project(px, py, pz);
    polygon.point(view.sx, view.sy);
  };
  const fill = (colour: Rgb, top: number, bottom: number): void => {
    shader.encodeSurface(colour, light.red, light.green, light.blue);
    const full = light.ambient + light.key;
    polygon.fill(layer, {
      y: shader.y - 16,
      u: shader.u - 128,
      v: shader.v - 128,
      lightTop: top * full,
      lightBottom: bottom * full,
    });
  };
  const foot = HALF * TAPER;
  // The side towards the lens, then the front, then the lid.
  const side = x > 0 ? -1 : 1;
  point(x + side * HALF, HEIGHT, near);
  point(x + side * HALF, HEIGHT, far);
  point(x + side * foot, 0.03, far);
  point(x + side * foot, 0.03, near);
  fill(body, 0.75, 0.5);
  point(x - HALF, HEIGHT, near);
  point(x + HALF, HEIGHT, near);
  point(x + foot, 0.03, near);
  point(x - foot, 0.03, near);
  fill(body, 0.95, 0.55);
  for (const wheel of [-1, 1]) {
    point(x + wheel * foot - 0.03, 0.14, near - 0.01);
    point(x + wheel * foot + 0.03, 0.14, near - 0.01);
    point(x + wheel * foot + 0.03, 0, near - 0.01);
    point(x + wheel * foot - 0.03, 0, near - 0.01);
    fill(RUBBER, 0.8, 0.5);
  }
  point(x - HALF * 1.06, HEIGHT + 0.06, near - 0.03);
  point(x - HALF * 1.06, HEIGHT + 0.11, far);
  point(x + HALF * 1.06, HEIGHT + 0.11, far);
  point(x + HALF * 1.06, HEIGHT + 0.06, near - 0.03);
  fill(LID, 1.15, 1);
  point(x - HALF * 1.06, HEIGHT + 0.06, near - 0.03);
  point(x + HALF * 1.06, HEIGHT + 0.06, near - 0.03);
  point(x + HALF * 1.06, HEIGHT - 0.01, near - 0.03);
  point(x - HALF * 1.06, HEIGHT - 0.01, near - 0.03);
  fill(LID, 0.8, 0.65);
}
