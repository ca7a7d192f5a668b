// What the keys of a configuration say about each other: zones that rules name exist, polygons are polygons, thresholds
// are in order, a broker open to others has a password. Pure; knows only the shape it needs, not the configuration room.
import type { Point } from './types.ts';

/** The part of the configuration that is looked at. */
export interface CheckedConfig {
  readonly mqtt: {
    readonly embedded: {
      readonly enabled: boolean;
      readonly host: string;
      readonly user?: string | undefined;
      readonly password?: string | undefined;
    };
  };
  readonly frigate?: { readonly enabled: boolean };
  readonly track: {
    readonly scoreLow: number;
    readonly scoreMin: number;
    readonly thresholds: Readonly<Record<string, number>>;
  };
  readonly cameras: Readonly<Record<string, CheckedCamera>>;
  readonly rules: Readonly<Record<string, CheckedRule>>;
}

interface CheckedCamera {
  readonly zones: Readonly<Record<string, CheckedZone>>;
  /** Privacy masks. */
  readonly masks: Readonly<Record<string, CheckedZone>>;
}

interface CheckedZone {
  readonly points: readonly Point[];
}

interface CheckedRule {
  readonly trigger: { readonly zone: string };
  readonly cameras?: readonly string[] | undefined;
  readonly labels?: readonly string[] | undefined;
}

/** Something wrong, and the path of the key in the configuration. */
export interface ConfigFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

/** Smaller than a square of 3 x 3 pixels in 1280 x 720: nobody's feet are ever seen in it. */
const AREA_MIN = 1e-5;
const NAMES_SHOWN_MAX = 12;

/** Everything about a configuration that its schema cannot say. */
export function checkConfig(config: CheckedConfig): ConfigFault[] {
  return [
    ...trackFaults(config),
    ...embeddedFaults(config),
    ...zoneFaults(config),
    ...frigateFaults(config),
    ...ruleFaults(config),
  ];
}

/** Labels in rules and thresholds that the model does not know, with those it knows. */
export function checkLabels(
  { rules, track }: Pick<CheckedConfig, 'rules' | 'track'>,
  labels: readonly string[],
): ConfigFault[] {
  const message = (label: string): string =>
    `the model does not know the label '${label}' (${known(labels, 'it knows')})`;
  const inRules = Object.entries(rules).flatMap(([rule, { labels: wanted = [] }]) =>
    wanted.flatMap((label, index) =>
      labels.includes(label) ? [] : [{ path: ['rules', rule, 'labels', index], message: message(label) }],
    ),
  );
  const inThresholds = Object.keys(track.thresholds)
    .filter((label) => !labels.includes(label))
    .map((label) => ({ path: ['track', 'thresholds', label], message: message(label) }));
  return [...inRules, ...inThresholds];
}

function trackFaults({ track: { scoreLow, scoreMin } }: CheckedConfig): ConfigFault[] {
  if (scoreLow <= scoreMin) return [];
  return [
    { path: ['track', 'scoreLow'], message: `must be at most track.scoreMin, ${scoreMin} (got ${scoreLow})` },
  ];
}

function embeddedFaults({ mqtt: { embedded } }: CheckedConfig): ConfigFault[] {
  const { enabled, host, user, password } = embedded;
  if (!enabled || isLoopback(host) || (user !== undefined && password !== undefined)) return [];
  const message = `'${host}' can be reached from elsewhere: set mqtt.embedded.user and a password, or use 127.0.0.1`;
  return [{ path: ['mqtt', 'embedded', 'host'], message }];
}

/** Frigate counts per camera and per zone below the same topic; its documentation forbids such names as well. */
function frigateFaults({ frigate, cameras }: CheckedConfig): ConfigFault[] {
  if (frigate?.enabled !== true) return [];
  return Object.entries(cameras).flatMap(([camera, { zones }]) =>
    Object.keys(zones)
      .filter((zone) => Object.hasOwn(cameras, zone))
      .map((zone) => ({
        path: ['cameras', camera, 'zones', zone],
        message: `has the name of a camera, and in topics of Frigate they would be one: rename it, or switch frigate off`,
      })),
  );
}

/** Addresses that only this machine reaches. */
function isLoopback(host: string): boolean {
  if (host === 'localhost' || host === '::1') return true;
  const parts = host.split('.');
  return (
    parts.length === 4 &&
    parts[0] === '127' &&
    parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256)
  );
}

function ruleFaults({ cameras, rules }: CheckedConfig): ConfigFault[] {
  return Object.entries(rules).flatMap(([name, { trigger, cameras: wanted }]) => {
    const zonePath = ['rules', name, 'trigger', 'zone'];
    if (wanted === undefined) {
      const zones = Object.values(cameras).flatMap((camera) => Object.keys(camera.zones));
      if (zones.includes(trigger.zone)) return [];
      const message = `no camera has a zone '${trigger.zone}' (${known([...new Set(zones)], 'there are')})`;
      return [{ path: zonePath, message }];
    }
    return wanted.flatMap((camera, index): ConfigFault[] => {
      // hasOwn: 'constructor' must not find what every object inherits.
      if (!Object.hasOwn(cameras, camera)) {
        const message = `there is no camera '${camera}' (${known(Object.keys(cameras), 'there are')})`;
        return [{ path: ['rules', name, 'cameras', index], message }];
      }
      const zones = Object.keys(cameras[camera]!.zones);
      if (zones.includes(trigger.zone)) return [];
      const message = `camera '${camera}' has no zone '${trigger.zone}' (${known(zones, 'it has')})`;
      return [{ path: zonePath, message }];
    });
  });
}

/** Names that would have been right, for the end of a message: 'there are a, b'. */
export function known(names: readonly string[], verb: string): string {
  if (names.length === 0) return `${verb} none`;
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(', ');
  return `${verb} ${shown}${names.length > NAMES_SHOWN_MAX ? ', …' : ''}`;
}

function zoneFaults({ cameras }: CheckedConfig): ConfigFault[] {
  return Object.entries(cameras).flatMap(([camera, { zones, masks }]) =>
    Object.entries({ zones, masks }).flatMap(([kind, polygons]) =>
      Object.entries(polygons).flatMap(([name, { points }]) => {
        const message = polygonFault(points);
        return message === undefined ? [] : [{ path: ['cameras', camera, kind, name, 'points'], message }];
      }),
    ),
  );
}

/** Why corners are no polygon that an object can stand in, or undefined. */
function polygonFault(points: readonly Point[]): string | undefined {
  for (let i = 0; i < points.length; i += 1) {
    for (let j = i + 1; j < points.length; j += 1) {
      if (edgesCross(points, i, j)) {
        return `the edges from corner ${i + 1} and from corner ${j + 1} cross; give the corners in order around the zone`;
      }
    }
  }
  const area = polygonArea(points);
  if (area < AREA_MIN) return `it has no area (its corners lie on a line or in one point)`;
  return undefined;
}

/** Area in fractions of the frame (shoelace formula). */
function polygonArea(points: readonly Point[]): number {
  let doubled = 0;
  let previous = points.at(-1);
  for (const corner of points) {
    if (previous !== undefined) doubled += previous[0] * corner[1] - corner[0] * previous[1];
    previous = corner;
  }
  return Math.abs(doubled) / 2;
}

/** True when the edges that begin at corners i < j cross inside both. Neighbours share a corner, which is no crossing. */
function edgesCross(points: readonly Point[], i: number, j: number): boolean {
  const [a, b] = [points[i]!, points[(i + 1) % points.length]!];
  const [c, d] = [points[j]!, points[(j + 1) % points.length]!];
  return side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0;
}

/** On which side of the line from a to b the point lies: sign of the cross product. */
function side(a: Point, b: Point, point: Point): number {
  return Math.sign((b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]));
}
