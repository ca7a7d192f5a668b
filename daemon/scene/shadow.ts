// Shadows on flat ground: soft strips in a layer's coverage, from a person's joints or a car's footprint, along the sun
// and close around feet and wheels. Any thread, one at a time.
import type { PolygonPainter } from './polygon.ts';
import type { Layer } from './raster.ts';
import { JOINT } from './skeleton.ts';
import { type CarLook, type CarPose, footprint } from './vehicle.ts';
import type { View } from './view.ts';

/** Bones that cast: joints and half width in metres. */
const BONES: readonly (readonly [number, number, number])[] = [
  [JOINT.neck, JOINT.pelvis, 0.15],
  [JOINT.head, JOINT.neck, 0.08],
  [JOINT.head, JOINT.head, 0.1],
  [JOINT.hip, JOINT.knee, 0.075],
  [JOINT.hip + 1, JOINT.knee + 1, 0.075],
  [JOINT.knee, JOINT.ankle, 0.055],
  [JOINT.knee + 1, JOINT.ankle + 1, 0.055],
  [JOINT.shoulder, JOINT.elbow, 0.05],
  [JOINT.shoulder + 1, JOINT.elbow + 1, 0.05],
  [JOINT.elbow, JOINT.finger, 0.04],
  [JOINT.elbow + 1, JOINT.finger + 1, 0.04],
];

/** Metres a shadow moves along x and z per metre of height. */
export interface SunSlope {
  readonly x: number;
  readonly z: number;
}

/** Bounds on the frame of a person's shadow: x0, y0, x1, y1 in pixels into out. */
export function shadowBounds(
  view: View,
  x: number,
  z: number,
  height: number,
  slope: SunSlope,
  out: Float64Array,
): void {
  view.project(x, 0, z);
  const { sx, sy } = view;
  const pad = 0.75 * view.scale;
  view.project(x + slope.x * height, 0, z + slope.z * height);
  out[0] = Math.min(sx, view.sx) - pad;
  out[1] = Math.min(sy, view.sy) - pad * 0.6;
  out[2] = Math.max(sx, view.sx) + pad;
  out[3] = Math.max(sy, view.sy) + pad * 0.6;
}

/** Adds a person's cast shadow (`strength` 0..1) to the layer's coverage. */
export function castPerson(
  layer: Layer,
  view: View,
  joints: Float64Array,
  slope: SunSlope,
  strength: number,
): void {
  if (strength <= 0) return;
  for (const [from, to, half] of BONES) {
    const a = from * 3;
    const b = to * 3;
    const ah = joints[a + 1]!;
    const bh = joints[b + 1]!;
    view.project(joints[a]! + slope.x * ah, 0, joints[a + 2]! + slope.z * ah);
    const { sx, sy, scale } = view;
    view.project(joints[b]! + slope.x * bh, 0, joints[b + 2]! + slope.z * bh);
    // Seen at a slant a strip on the ground is thinner than it is wide.
    softStrip(layer, sx, sy, view.sx, view.sy, half * 0.75 * scale, 1 + 0.012 * scale * (1 + bh), strength);
  }
}

/** Adds the dark contact under each foot. */
export function contactFeet(layer: Layer, view: View, joints: Float64Array, strength: number): void {
  for (let side = 0; side < 2; side++) {
    const heel = (JOINT.heel + side) * 3;
    const toe = (JOINT.toe + side) * 3;
    const lift = Math.min(joints[heel + 1]!, joints[toe + 1]!) - 0.03;
    view.project(joints[heel]!, 0, joints[heel + 2]!);
    const { sx, sy, scale } = view;
    view.project(joints[toe]!, 0, joints[toe + 2]!);
    const fade = Math.max(0.2, 1 - lift * 5);
    softStrip(layer, sx, sy, view.sx, view.sy, 0.05 * scale, 0.07 * scale + 1, strength * fade);
  }
}

/** Adds an even dark patch around a point on the ground: half width `radius` metres, `along` metres to each side. */
export function contactPatch(
  layer: Layer,
  view: View,
  x: number,
  z: number,
  along: number,
  radius: number,
  strength: number,
): void {
  view.project(x - along, 0, z);
  const { sx, sy } = view;
  view.project(x + along, 0, z);
  softStrip(
    layer,
    sx,
    sy,
    view.sx,
    view.sy,
    radius * 0.4 * view.scale,
    radius * 0.5 * view.scale + 1,
    strength,
  );
}

/** Adds a car's shadow: its footprint, stretched along the sun when it casts, and the dark beneath it. */
export function castCar(
  layer: Layer,
  view: View,
  polygon: PolygonPainter,
  look: CarLook,
  pose: CarPose,
  slope: SunSlope,
  cast: number,
  contact: number,
): void {
  const { along, across } = footprint(look);
  const sin = Math.sin(pose.yaw);
  const cos = Math.cos(pose.yaw);
  const corner = (a: number, c: number, height: number): void => {
    view.project(
      pose.x + a * sin + c * cos + slope.x * height,
      0,
      pose.z + a * cos - c * sin + slope.z * height,
    );
    polygon.point(view.sx, view.sy);
  };
  if (cast > 0) {
    for (const height of [0.6, 1.2]) {
      const length = height > 1 ? along * 0.6 : along;
      corner(length, across, height);
      corner(length, -across, height);
      corner(-length, -across, height);
      corner(-length, across, height);
      polygon.shade(layer, cast);
    }
  }
  corner(along, across, 0);
  corner(along, -across, 0);
  corner(-along, -across, 0);
  corner(-along, across, 0);
  polygon.shade(layer, contact);
}

/** A strip with round ends whose coverage fades over `soft` pixels around its edge; keeps the darker of old and new. */
function softStrip(
  layer: Layer,
  ax: number,
  ay: number,
  bx: number,
  by: number,
  radius: number,
  soft: number,
  strength: number,
): void {
  const dx = bx - ax;
  const dy = by - ay;
  const square = dx * dx + dy * dy || 1e-6;
  const reach = radius + soft;
  const x0 = Math.max(0, Math.floor(Math.min(ax, bx) - reach) - layer.originX);
  const x1 = Math.min(layer.width, Math.ceil(Math.max(ax, bx) + reach) - layer.originX);
  const y0 = Math.max(0, Math.floor(Math.min(ay, by) - reach) - layer.originY);
  const y1 = Math.min(layer.height, Math.ceil(Math.max(ay, by) + reach) - layer.originY);
  for (let py = y0; py < y1; py++) {
    const ry = py + layer.originY + 0.5 - ay;
    for (let px = x0; px < x1; px++) {
      const rx = px + layer.originX + 0.5 - ax;
      let t = (rx * dx + ry * dy) / square;
      t = Math.max(0, Math.min(1, t));
      const ex = rx - t * dx;
      const ey = ry - t * dy;
      let cover = (radius + soft * 0.5 - Math.sqrt(ex * ex + ey * ey)) / soft;
      if (cover <= 0) continue;
      cover = cover >= 1 ? 1 : cover * cover * (3 - 2 * cover);
      const alpha = cover * strength * 255;
      const at = py * layer.width + px;
      if (alpha > layer.alpha[at]!) layer.alpha[at] = alpha;
    }
  }
}
