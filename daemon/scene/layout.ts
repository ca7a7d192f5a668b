// Where things stand in the scene, in metres (axes as in view.ts): the one place that says how wide the road is and where
// the door is. Numbers only.

/** Strips of ground by distance from the house. */
export const STRIP = {
  hedgeNear: 4.85,
  hedgeFar: 5.1,
  pavementNear: 5.15,
  pavementFar: 7,
  kerb: 7.15,
  roadMiddle: 9.6,
  roadFar: 12.6,
  farPavement: 14.2,
  farWall: 14.7,
  houses: 20,
} as const;

/** The wing of our own house on the right: its wall, seen at a slant, with the door in it. */
export const WING = { x: 2.05, zEnd: 4.4, doorNear: 3.35, doorFar: 4.2, doorHeight: 2.1 } as const;

/** Paved area before the door. */
export const PORCH = { x0: 0.1, x1: 2.05, z0: 2, z1: 4.35 } as const;

/** Garden path, from the pavement to the porch. */
export const PATH: readonly (readonly [number, number])[] = [
  [-1.5, 5.2],
  [-1.1, 4.6],
  [-0.4, 4.2],
  [0.3, 4],
];
export const PATH_HALF = 0.42;

/** Hedges along the pavement: from x0 to x1, height. The gap is the gate. */
export const HEDGES: readonly { readonly x0: number; readonly x1: number; readonly height: number }[] = [
  { x0: -12, x1: -2.1, height: 0.3 },
  { x0: -0.9, x1: 12, height: 0.3 },
];

export const TREE = {
  x: -2.92,
  z: 4.5,
  trunkRadius: 0.09,
  crownHeight: 3.1,
  crownRadius: 0.95,
  crownBottom: 2.35,
} as const;

/** The parked car: middle, direction (radians as Pose.yaw). */
export const PARKED = { x: 1.2, z: 11.6, yaw: Math.PI / 2 } as const;

/** Middles of the two lanes. */
export const LANE = { near: 8.5, far: 10.2 } as const;

/** Wheelie bins at the edge of the pavement: middles. */
export const BINS: readonly { readonly x: number; readonly z: number }[] = [
  { x: 0.15, z: 5.4 },
  { x: 0.73, z: 5.42 },
];
