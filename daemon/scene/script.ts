// What happens in the street: a script that repeats every PERIOD_S seconds with other people, clothes, speeds and small
// delays each time, all drawn from the seed. Actors as a pure function of time; no pixels. Any thread.
import { BINS, LANE, PATH } from './layout.ts';
import type { SceneLens } from './options.ts';
import { mixSeed, Random } from './random.ts';
import { Route } from './route.ts';
import { type CarLook, drawCarLook } from './vehicle.ts';
import { drawLook, type Look } from './wardrobe.ts';

/** Seconds after which the script begins again. */
export const PERIOD_S = 52;

interface ActBase {
  /** Unique per appearance, for example `person-3`. */
  readonly id: string;
  /** Seconds since the start of the scene. */
  readonly startS: number;
  readonly route: Route;
}

export interface PersonAct extends ActBase {
  readonly label: 'person';
  readonly look: Look;
}

export interface DogAct extends ActBase {
  readonly label: 'dog';
  /** Shade of the coat, 0..1. */
  readonly coat: number;
}

export interface CarAct extends ActBase {
  readonly label: 'car';
  readonly look: CarLook;
}

export type Act = PersonAct | DogAct | CarAct;

/** Beyond the left edge of the picture. */
const LEFT: Readonly<Record<SceneLens, number>> = { normal: -4.3, wide: -10 };
/** The same at the near kerb. */
const KERB_LEFT: Readonly<Record<SceneLens, number>> = { normal: -5, wide: -12.5 };
/** Hidden behind the wing of the house. */
const RIGHT = 3.7;
const GATE_X = -1.5;
const TO_DOOR = Math.PI / 2;
/** Beyond both edges of a wide picture, at the pavement on the other side of the road. */
const FAR_X = 21;
/** How many walk there in each cycle. */
const FAR_WALKERS = 4;

/** The script of one seed; keeps the acts of the cycle before the present one and of the present one. */
export class Script {
  readonly #seed: number;
  readonly #lens: SceneLens;
  #cycle = -1;
  #acts: readonly Act[] = [];
  #before: readonly Act[] = [];
  readonly #present: Act[] = [];

  constructor(seed: number, lens: SceneLens = 'normal') {
    this.#seed = seed;
    this.#lens = lens;
  }

  /** Everybody on stage at `s` seconds. The array is reused by the next call. */
  at(s: number): readonly Act[] {
    const cycle = Math.floor(s / PERIOD_S);
    if (cycle !== this.#cycle) {
      this.#before = cycle === this.#cycle + 1 ? this.#acts : cycle > 0 ? this.#actsOf(cycle - 1) : [];
      this.#acts = this.#actsOf(cycle);
      this.#cycle = cycle;
    }
    this.#present.length = 0;
    for (const acts of [this.#before, this.#acts]) {
      for (const act of acts) {
        if (s >= act.startS && s <= act.startS + act.route.durationS) this.#present.push(act);
      }
    }
    return this.#present;
  }

  #actsOf(cycle: number): Act[] {
    return actsOf(this.#seed, cycle, this.#lens);
  }
}

/** All acts that start in a cycle (counted from 0). */
export function actsOf(seed: number, cycle: number, lens: SceneLens = 'normal'): Act[] {
  const random = new Random(mixSeed(seed, cycle * 2 + 1));
  const counts = { person: 0, dog: 0, car: 0 };
  const isWide = lens === 'wide';
  const left = LEFT[lens];
  const perCycle = { person: isWide ? 9 + FAR_WALKERS : 9, dog: 1, car: 7 };
  const nameOf = (label: Act['label']): string => `${label}-${cycle * perCycle[label] + ++counts[label]}`;
  const acts: Act[] = [];
  const person = (at: number, route: Route, courier = false): void => {
    const startS = cycle * PERIOD_S + at;
    acts.push({ id: nameOf('person'), label: 'person', startS, route, look: drawLook(random, courier) });
  };
  const car = (at: number, toRight: boolean): void => {
    const speed = random.range(7, 10);
    const route = toRight
      ? new Route(-13, LANE.far).to(13, LANE.far, speed)
      : new Route(13, LANE.near).to(-13, LANE.near, speed);
    acts.push({
      id: nameOf('car'),
      label: 'car',
      startS: cycle * PERIOD_S + at,
      route,
      look: drawCarLook(random),
    });
  };
  const pace = (): number => random.range(1.1, 1.35);

  person(0.2, visit(left, left, 1.3, random));
  person(11 + random.range(0, 1.5), along(RIGHT, left, random.range(5.8, 6.2), pace()));
  person(16 + random.range(0, 1.5), along(left, RIGHT, random.range(5.6, 5.9), pace()));
  person(21 + random.range(0, 1), crossing(KERB_LEFT[lens], random, pace()));
  person(26 + random.range(0, 1), visit(RIGHT, left, 1.25, random), true);
  const walk = random.range(1, 1.15);
  const dogAt = 33 + random.range(0, 1);
  person(dogAt, along(left, RIGHT, 5.95, walk));
  acts.push({
    id: nameOf('dog'),
    label: 'dog',
    startS: cycle * PERIOD_S + dogAt,
    route: along(left + 1.25, RIGHT + 1.25, 5.75, walk),
    coat: random.next(),
  });
  person(39 + random.range(0, 1), atBins(left, random));
  const pair = 45 + random.range(0, 0.5);
  const together = pace();
  person(pair, along(RIGHT, left, 5.75, together));
  person(pair + 0.1, along(RIGHT + 0.85, left + 0.6, 6.25, together));

  car(2 + random.range(0, 2), true);
  car(8 + random.range(0, 2), false);
  car(18 + random.range(0, 2), true);
  car(29 + random.range(0, 2), false);
  car(36 + random.range(0, 1), true);
  car(38 + random.range(0, 1), false);
  car(48 + random.range(0, 2), true);
  for (let i = 0; isWide && i < FAR_WALKERS; i += 1) {
    const from = random.chance(0.5) ? FAR_X : -FAR_X;
    person(13 * i + random.range(0, 6), along(from, -from, random.range(12.9, 13.9), pace()));
  }
  return acts;
}

/** From the pavement through the gate to the door, a ring, a wait, and away again. */
function visit(from: number, to: number, speed: number, random: Random): Route {
  const z = random.range(5.7, 6);
  const doorX = random.range(1.2, 1.4);
  const doorZ = random.range(3.85, 4.05);
  const route = new Route(from, z).to(GATE_X + (from < 0 ? -0.3 : 0.3), z, speed);
  for (const [x, pz] of PATH) route.to(x, pz, speed);
  route.to(doorX, doorZ, speed);
  route.wait(1.1, TO_DOOR, 1).wait(random.range(2, 3), TO_DOOR);
  for (let i = PATH.length - 1; i >= 0; i--) route.to(PATH[i]![0], PATH[i]![1], speed * 0.92);
  return route.to(GATE_X, z, speed * 0.92).to(to, random.range(5.7, 6.3), speed * 0.92);
}

function along(from: number, to: number, z: number, speed: number): Route {
  return new Route(from, z).to(to, z, speed);
}

/** Over the road at a slant, then along the pavement. */
function crossing(left: number, random: Random, speed: number): Route {
  return new Route(left, 7.5)
    .to(-3, 7.3, speed)
    .to(-0.8, 6.2, speed)
    .to(RIGHT, random.range(5.7, 6.2), speed);
}

/** Stops behind the bins for a while, legs hidden. */
function atBins(left: number, random: Random): Route {
  const speed = random.range(1.1, 1.3);
  const z = random.range(5.65, 5.75);
  return new Route(left, z)
    .to(BINS[0]!.x + 0.2, z, speed)
    .wait(2.2, Math.PI)
    .to(RIGHT, z, speed);
}
