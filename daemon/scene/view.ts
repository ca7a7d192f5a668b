// The camera: a pinhole looking down from the house at the street. Turns metres into pixels. Axes of the world: x to
// the right, y up, z away from the house; the camera stands at (0, MOUNT_HEIGHT, 0). Pure, any thread.

import type { SceneLens } from './options.ts';

/** Metres above the ground. */
export const MOUNT_HEIGHT = 2.7;
const PITCH = (18 * Math.PI) / 180;
/** What it sees from top to bottom. */
const FIELD_VERTICAL: Readonly<Record<SceneLens, number>> = {
  normal: (37 * Math.PI) / 180,
  wide: (80 * Math.PI) / 180,
};

/**
 * Pinhole projection (Hartley and Zisserman, Multiple View Geometry, 6.1). `project` writes its result into the fields
 * so that no object is made per point.
 */
export class View {
  readonly width: number;
  readonly height: number;
  /** Focal length in pixels. */
  readonly focal: number;
  readonly sinPitch = Math.sin(PITCH);
  readonly cosPitch = Math.cos(PITCH);
  /** Result of `project`: pixels, origin top left of the frame. */
  sx = 0;
  sy = 0;
  /** Result of `project`: metres along the optical axis (at least 0.05). */
  depth = 0;
  /** Result of `project`: pixels per metre at that depth. */
  scale = 0;

  constructor(width: number, height: number, lens: SceneLens = 'normal') {
    this.width = width;
    this.height = height;
    this.focal = height / 2 / Math.tan(FIELD_VERTICAL[lens] / 2);
  }

  project(x: number, y: number, z: number): void {
    const rise = y - MOUNT_HEIGHT;
    const depth = Math.max(0.05, z * this.cosPitch - rise * this.sinPitch);
    const up = rise * this.cosPitch + z * this.sinPitch;
    const scale = this.focal / depth;
    this.depth = depth;
    this.scale = scale;
    this.sx = this.width / 2 + x * scale;
    this.sy = this.height / 2 - up * scale;
  }
}
