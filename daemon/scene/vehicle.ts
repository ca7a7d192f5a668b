// A car: a side outline drawn out to its width, glass, wheels and lamps, painted as polygons far to near. Pure but for
// reused buffers. Any thread, one at a time.
import { ActorLight, type Rgb, reflectance, type Shader } from './light.ts';
import type { PolygonPaint, PolygonPainter } from './polygon.ts';
import type { Random } from './random.ts';
import type { Layer } from './raster.ts';
import type { View } from './view.ts';

export type CarBody = 'saloon' | 'hatchback' | 'van';

/** How a car looks; colours as linear reflectance. */
export interface CarLook {
  readonly body: CarBody;
  readonly paint: Rgb;
}

/** Where a car stands: middle on the ground in metres, direction as Pose.yaw. */
export interface CarPose {
  readonly x: number;
  readonly z: number;
  readonly yaw: number;
}

const PAINTS = [0x8f1f22, 0x24406e, 0xc9cccf, 0x2b2d30, 0x6f767c, 0xe3e3df, 0x31553f, 0x9aa4ac].map(
  reflectance,
);
const GLASS = reflectance(0x3a444d);
const RUBBER = reflectance(0x26272a);
const RIM = reflectance(0xa9adb1);
const TRIM = reflectance(0x2c2e31);
const HEADLAMP = reflectance(0xeef0ea);
const TAILLAMP = reflectance(0xb3201f);
const PLATE = reflectance(0xd8d8d2);

type Outline = readonly (readonly [along: number, up: number])[];

interface Shape {
  /** From the front bumper over the roof to the tail; along > 0 is forward. */
  readonly outline: Outline;
  /** Side windows. */
  readonly windows: readonly Outline[];
  /** Outline edges (index of their first point) that are glass. */
  readonly glassEdges: readonly number[];
  readonly wheels: readonly [number, number];
  readonly half: number;
}

const SALOON: Shape = {
  outline: [
    [2.2, 0.3],
    [2.25, 0.62],
    [2.1, 0.78],
    [1.15, 0.95],
    [0.45, 1.4],
    [-0.85, 1.43],
    [-1.55, 1.02],
    [-2.15, 0.98],
    [-2.25, 0.6],
    [-2.2, 0.3],
  ],
  windows: [
    [
      [0.98, 0.97],
      [0.42, 1.33],
      [-0.1, 1.36],
      [-0.1, 0.97],
    ],
    [
      [-0.18, 0.97],
      [-0.18, 1.36],
      [-0.82, 1.36],
      [-1.3, 1.02],
      [-1.2, 0.97],
    ],
  ],
  glassEdges: [3, 5],
  wheels: [1.38, -1.36],
  half: 0.88,
};
const HATCHBACK: Shape = {
  outline: [
    [1.9, 0.3],
    [1.95, 0.65],
    [1.8, 0.82],
    [0.98, 1.0],
    [0.3, 1.47],
    [-1.35, 1.48],
    [-1.85, 1.02],
    [-1.92, 0.55],
    [-1.88, 0.3],
  ],
  windows: [
    [
      [0.8, 1.02],
      [0.27, 1.39],
      [-0.25, 1.41],
      [-0.25, 1.02],
    ],
    [
      [-0.33, 1.02],
      [-0.33, 1.41],
      [-1.2, 1.41],
      [-1.5, 1.05],
      [-1.45, 1.02],
    ],
  ],
  glassEdges: [3, 5],
  wheels: [1.2, -1.22],
  half: 0.86,
};
const VAN: Shape = {
  outline: [
    [2.3, 0.32],
    [2.35, 0.75],
    [2.15, 1.0],
    [1.75, 1.1],
    [1.2, 1.85],
    [0.9, 1.95],
    [-2.2, 1.97],
    [-2.3, 1.8],
    [-2.32, 0.32],
  ],
  windows: [
    [
      [1.6, 1.12],
      [1.15, 1.72],
      [0.5, 1.75],
      [0.5, 1.12],
    ],
  ],
  glassEdges: [3],
  wheels: [1.5, -1.5],
  half: 0.95,
};
const SHAPES: Readonly<Record<CarBody, Shape>> = { saloon: SALOON, hatchback: HATCHBACK, van: VAN };

const WHEEL_RADIUS = 0.31;
/** The roof is narrower than the sills: metres taken off each side per metre above the belt line. */
const TUMBLEHOME = 0.22;
const BELT = 0.95;

export function drawCarLook(random: Random): CarLook {
  return {
    body: random.pick(['saloon', 'hatchback', 'hatchback', 'saloon', 'van'] as const),
    paint: random.pick(PAINTS),
  };
}

/** Half length and half width on the ground, metres. */
export function footprint(look: CarLook): { readonly along: number; readonly across: number } {
  const shape = SHAPES[look.body];
  return { along: shape.outline[0]![0], across: shape.half };
}

export class CarPainter {
  readonly #view: View;
  readonly #shader: Shader;
  readonly #polygon: PolygonPainter;
  readonly #light = new ActorLight();
  readonly #paint: PolygonPaint = { y: 0, u: 0, v: 0, lightTop: 1, lightBottom: 1 };
  #pose: CarPose = { x: 0, z: 0, yaw: 0 };
  #sin = 0;
  #cos = 1;

  constructor(view: View, shader: Shader, polygon: PolygonPainter) {
    this.#view = view;
    this.#shader = shader;
    this.#polygon = polygon;
  }

  /** Paints the car into `layer`, which must have begun with bounds around it (`bounds`). */
  paint(layer: Layer, look: CarLook, pose: CarPose): void {
    this.#place(pose);
    const shape = SHAPES[look.body];
    this.#light.set(this.#shader, this.#view, pose.x, 1, pose.z);
    // The side towards the lens: right of the driver when the car's right faces it.
    const side = -pose.x * this.#cos + pose.z * this.#sin > 0 ? 1 : -1;
    this.#underside(layer, shape);
    for (const at of shape.wheels) this.#wheel(layer, shape, at, -side);
    this.#edges(layer, shape, look);
    this.#side(layer, shape, look, side);
    for (const at of shape.wheels) this.#wheel(layer, shape, at, side);
    this.#lamps(layer, shape, side);
  }

  /** Bounds of the car on the frame in pixels, into out: x0, y0, x1, y1. */
  bounds(look: CarLook, pose: CarPose, out: Float64Array): void {
    this.#place(pose);
    const shape = SHAPES[look.body];
    out[0] = out[1] = Number.POSITIVE_INFINITY;
    out[2] = out[3] = Number.NEGATIVE_INFINITY;
    for (const along of [2.4, -2.4]) {
      for (const across of [shape.half, -shape.half]) {
        for (const up of [0, 2]) {
          this.#project(along, up, across);
          out[0] = Math.min(out[0]!, this.#view.sx - 2);
          out[1] = Math.min(out[1]!, this.#view.sy - 2);
          out[2] = Math.max(out[2]!, this.#view.sx + 2);
          out[3] = Math.max(out[3]!, this.#view.sy + 2);
        }
      }
    }
  }

  #place(pose: CarPose): void {
    this.#pose = pose;
    this.#sin = Math.sin(pose.yaw);
    this.#cos = Math.cos(pose.yaw);
  }

  #project(along: number, up: number, across: number): void {
    const { x, z } = this.#pose;
    this.#view.project(
      x + along * this.#sin + across * this.#cos,
      up,
      z + along * this.#cos - across * this.#sin,
    );
  }

  #corner(along: number, up: number, across: number): void {
    this.#project(along, up, across);
    this.#polygon.point(this.#view.sx, this.#view.sy);
  }

  #fill(layer: Layer, colour: Rgb, lightTop: number, lightBottom: number): void {
    const { red, green, blue, ambient, key } = this.#light;
    this.#shader.encodeSurface(colour, red, green, blue);
    const paint = this.#paint;
    paint.y = this.#shader.y - 16;
    paint.u = this.#shader.u - 128;
    paint.v = this.#shader.v - 128;
    const full = ambient + key * 0.7;
    paint.lightTop = lightTop * full;
    paint.lightBottom = lightBottom * full;
    this.#polygon.fill(layer, paint);
  }

  #half(shape: Shape, up: number): number {
    return shape.half - Math.max(0, up - BELT) * TUMBLEHOME;
  }

  #underside(layer: Layer, shape: Shape): void {
    const length = shape.outline[0]![0] - 0.15;
    for (const [along, across] of [
      [length, shape.half],
      [length, -shape.half],
      [-length, -shape.half],
      [-length, shape.half],
    ] as const) {
      this.#corner(along, 0.22, across * 0.95);
    }
    this.#fill(layer, RUBBER, 0.2, 0.2);
  }

  /** Bonnet, glass, roof, tail: the strips between the two side outlines that face the lens, far ones first. */
  #edges(layer: Layer, shape: Shape, look: CarLook): void {
    const { outline } = shape;
    const forwardFirst = -this.#pose.x * this.#sin - this.#pose.z * this.#cos > 0;
    for (let n = 0; n < outline.length - 1; n++) {
      const i = forwardFirst ? outline.length - 2 - n : n;
      const a = outline[i]!;
      const b = outline[i + 1]!;
      const ha = this.#half(shape, a[1]);
      const hb = this.#half(shape, b[1]);
      if (!this.#faces(a, b)) continue;
      this.#corner(a[0], a[1], ha);
      this.#corner(b[0], b[1], hb);
      this.#corner(b[0], b[1], -hb);
      this.#corner(a[0], a[1], -ha);
      const flat = Math.abs(a[0] - b[0]) / Math.hypot(a[0] - b[0], a[1] - b[1]);
      const glass = shape.glassEdges.includes(i);
      this.#fill(
        layer,
        glass ? GLASS : look.paint,
        glass ? 1.5 : 0.75 + 0.5 * flat,
        glass ? 0.7 : 0.7 + 0.45 * flat,
      );
    }
  }

  /** Whether the strip over an edge of the outline faces the lens (its outward normal looks towards it). */
  #faces(a: readonly [number, number], b: readonly [number, number]): boolean {
    const along = b[1] - a[1];
    const up = a[0] - b[0];
    const middle = (a[0] + b[0]) / 2;
    const height = (a[1] + b[1]) / 2;
    const lensAlong = -this.#pose.x * this.#sin - this.#pose.z * this.#cos - middle;
    return along * lensAlong + up * (2.7 - height) > 0;
  }

  #side(layer: Layer, shape: Shape, look: CarLook, side: number): void {
    for (const [along, up] of shape.outline) this.#corner(along, up, side * this.#half(shape, up));
    this.#fill(layer, look.paint, 1.12, 0.62);
    // A crease: the lower doors turn from the sky.
    const length = shape.outline[0]![0];
    for (const [along, up] of [
      [length, 0.3],
      [length, 0.52],
      [-length, 0.52],
      [-length, 0.3],
    ] as const) {
      this.#corner(along, up, side * shape.half);
    }
    this.#fill(layer, look.paint, 0.62, 0.4);
    for (const [along, up] of [
      [length, 0.24],
      [length, 0.32],
      [-length, 0.32],
      [-length, 0.24],
    ] as const) {
      this.#corner(along * 0.98, up, side * shape.half);
    }
    this.#fill(layer, TRIM, 0.7, 0.5);
    for (const window of shape.windows) {
      for (const [along, up] of window) this.#corner(along, up, side * (this.#half(shape, up) + 0.005));
      this.#fill(layer, GLASS, 1.6, 0.6);
    }
    for (const at of shape.wheels) this.#disc(layer, shape, at, side, 1.22, TRIM, 0.35);
  }

  #wheel(layer: Layer, shape: Shape, at: number, side: number): void {
    this.#disc(layer, shape, at, side, 1, RUBBER, 0.8);
    this.#disc(layer, shape, at, side, 0.62, RIM, 0.8);
    this.#disc(layer, shape, at, side, 0.2, TRIM, 0.8);
  }

  #disc(
    layer: Layer,
    shape: Shape,
    at: number,
    side: number,
    size: number,
    colour: Rgb,
    light: number,
  ): void {
    const radius = WHEEL_RADIUS * size;
    for (let i = 0; i < 20; i++) {
      const angle = (i / 20) * 2 * Math.PI;
      const up = WHEEL_RADIUS + Math.sin(angle) * radius;
      this.#corner(at + Math.cos(angle) * radius, Math.max(0.005, up), side * (shape.half + 0.01));
    }
    this.#fill(layer, colour, light * 1.1, light * 0.8);
  }

  #lamps(layer: Layer, shape: Shape, side: number): void {
    const front = shape.outline[1]!;
    const tail = shape.outline[shape.outline.length - 2]!;
    const across = side * (shape.half + 0.005);
    for (const [end, colour, sign] of [
      [front, HEADLAMP, -1],
      [tail, TAILLAMP, 1],
    ] as const) {
      this.#corner(end[0], end[1] + 0.02, across);
      this.#corner(end[0] + sign * 0.3, end[1] + 0.08, across);
      this.#corner(end[0] + sign * 0.28, end[1] - 0.06, across);
      this.#corner(end[0], end[1] - 0.1, across);
      this.#fill(layer, colour, 1, 0.8);
      if (!this.#faces(end, [end[0], end[1] + 0.1 * -sign])) continue;
      for (const [up, w] of [
        [0.4, 0.26],
        [0.52, 0.26],
        [0.52, -0.26],
        [0.4, -0.26],
      ] as const) {
        this.#corner(end[0] - sign * 0.02, up, w);
      }
      this.#fill(layer, PLATE, 0.9, 0.9);
    }
  }
}
