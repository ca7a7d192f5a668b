// What a scenario is: what happens before a camera of the built-in street, the rules of an owner, and what a thoughtful owner
// wants to be told. The tables beside this file hold them all; docs/scenarios.md says how to add one. Types and short-hands.
import { Route } from '../../../daemon/scene/route.ts';
import type { Actor, Screen } from '../street.ts';

export interface Scenario {
  /** Of its files below test/fixtures/scenarios. */
  readonly name: string;
  /** What an owner expects, in words; written before the result is looked at. */
  readonly expects: string;
  /** How many alerts each rule makes. Counted by hand: a golden that is written anew does not change it. */
  readonly alerts: Readonly<Record<string, number>>;
  /** The configuration beside the camera `porch` of YARD: rules, and what else an owner would write. */
  readonly yaml: string;
  /** Other configurations that are loaded while it runs, by name; with cameras of their own, or that of YARD. */
  readonly later?: Readonly<Record<string, string>>;
  /** Wall clock of second 0, with its offset; a Wednesday noon when absent. */
  readonly startsAt?: string;
  /** What each camera sees, by name. */
  readonly films: Readonly<Record<string, Film>>;
  /** What else happens, in order. */
  readonly happenings?: readonly Happening[];
  /** Last second: time goes on until then. */
  readonly endsS: number;
}

/** What one camera sees, and how well. */
export interface Film {
  readonly seed?: number;
  readonly actors: readonly Actor[];
  readonly screens?: readonly Screen[];
  /** What the detector takes for an object although nothing is there. */
  readonly phantoms?: readonly Phantom[];
  /** When it looks; from the first second to the last at 5 frames a second when absent. */
  readonly looks?: readonly Looks[];
  /** How well it sees; by second, where that changes. */
  readonly lens?: Partial<Lens> | ((s: number) => Partial<Lens>);
  readonly cuts?: readonly Cut[];
  /** A video that is played so many times as fast as it was taken. */
  readonly pace?: number;
  /** A look is told of so much later than it was taken: a slow detector. */
  readonly lagS?: number;
}

export interface Looks {
  readonly fromS: number;
  readonly toS: number;
  readonly fps: number;
}

export interface Phantom {
  readonly label: string;
  readonly score: number;
  readonly box: readonly [x: number, y: number, width: number, height: number];
  readonly fromS: number;
  readonly toS: number;
}

/**
 * A span without frames. `crash`: the worker dies and the next counts its tracks from 1. `power`: the same, and nothing is
 * told of it: a history that a power cut has left. `silence`: no frame comes.
 */
export interface Cut {
  readonly how: 'crash' | 'power' | 'silence';
  readonly fromS: number;
  readonly toS: number;
}

/** How a detector sees what is there. */
export interface Lens {
  /** Share of visible objects that are not found. */
  readonly misses: number;
  /** Deviation of each side of a box, as a share of the object's width or height. */
  readonly jitter: number;
  /** Scores of what is in full view, evenly spread. */
  readonly scores: readonly [low: number, high: number];
  /** Share of looks in which a label is taken for another, and for which. */
  readonly mistakes?: { readonly label: string; readonly for: string; readonly share: number };
}

export const CLEAR: Lens = { misses: 0.04, jitter: 0.015, scores: [0.74, 0.95] };

export type Happening = { readonly s: number } & (
  | { readonly armed: boolean; readonly camera: string }
  | { readonly status: 'online' | 'offline'; readonly camera: string }
  | { readonly fault: 'detector' | 'disk'; readonly active: boolean }
  /** A configuration of `later` is loaded. */
  | { readonly load: string }
  /** The wall clock is set forward by so many seconds. */
  | { readonly clockS: number }
);

/** The camera of nearly all scenarios, as an owner of the built-in street would write it. */
export const YARD = `location: { timeZone: Europe/Berlin, latitude: 52.52, longitude: 13.41 }
track: { threshold: 0.7 }
cameras:
  porch: &porch
    source: { type: scene }
    zones:
      porch: { points: [[0.52, 0.86], [0.84, 0.86], [0.9, 1], [0.52, 1]] }
      path: { points: [[0.21, 0.76], [0.37, 0.76], [0.52, 0.85], [0.52, 1], [0.27, 0.89]] }
      pavement: { points: [[0, 0.58], [1, 0.58], [1, 0.755], [0, 0.755]] }
      parking: { points: [[0, 0.46], [1, 0.46], [1, 0.56], [0, 0.56]] }
    lines:
      gate: { points: [[0.1, 0.77], [0.45, 0.77]], sides: [street, garden] }
      kerb: { points: [[0, 0.574], [1, 0.574]], sides: [road, pavement] }
      middle: { points: [[0.5, 1], [0.5, 0]], sides: [left, right] }
`;

/** A second camera of the same view: put before other text of a scenario. */
export const SECOND_CAMERA = '  yard: *porch\n';

/** The file as it is loaded: with the camera of YARD, unless it has cameras of its own. */
export function yamlOf(text: string): string {
  return text.includes('cameras:\n') ? text : YARD + text;
}

export const WALK = 1.25;

export function from(x: number, z: number): Route {
  return new Route(x, z);
}

export function person(route: Route, startS = 0): Actor {
  return { label: 'person', route, startS };
}

export function car(route: Route, startS = 0): Actor {
  return { label: 'car', route, startS };
}

/** From the left along the pavement, through the gate, to the door. */
export function toTheDoor(speed = WALK): Route {
  return from(-4.3, 6)
    .to(-1.5, 6, speed)
    .to(-1.4, 5, speed)
    .to(-0.9, 4.5, speed)
    .to(0.3, 4.1, speed)
    .to(1.2, 4, speed);
}

/** To the door, a ring, a wait of so many seconds, and away again. */
export function visit(waitS = 3, speed = WALK): Route {
  return toTheDoor(speed)
    .wait(waitS, 0)
    .to(0.3, 4.1, speed)
    .to(-0.9, 4.5, speed)
    .to(-1.4, 5, speed)
    .to(-1.5, 6, speed)
    .to(-4.6, 6, speed);
}

/** Along the pavement from left to right. */
export function passing(z = 6.2, speed = WALK): Route {
  return from(-4.5, z).to(4.6, z, speed);
}
