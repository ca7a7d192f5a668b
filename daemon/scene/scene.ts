// The built-in camera's picture: frame n of a scene with given options, as I420 with its exact truth. Owns all buffers,
// made once; renders in place. Same options and number, same bytes. No clock, no I/O. Any thread, one at a time.
import type { Box } from '../core/types.ts';
import { Backdrop, cutWing } from './backdrop.ts';
import { Befalling } from './befalling.ts';
import { binSprites } from './bins.ts';
import { Clip, countSeen, darken, Extent, layOver, layOverShifted, measure, recut } from './composite.ts';
import { addDog } from './dog.ts';
import { FigurePainter } from './figure.ts';
import { Foliage, type Sprite } from './foliage.ts';
import { BINS, PARKED, WING } from './layout.ts';
import { ActorLight, type Lighting, lightingOf, Shader } from './light.ts';
import { resolveSceneOptions, type SceneOptions } from './options.ts';
import { PolygonPainter } from './polygon.ts';
import { cloudTile, mixSeed, Random } from './random.ts';
import { Layer, type Planes } from './raster.ts';
import { type Act, type PersonAct, Script } from './script.ts';
import { Sensor } from './sensor.ts';
import { castCar, castPerson, contactFeet, contactPatch, type SunSlope, shadowBounds } from './shadow.ts';
import { isScoreable, TRUTH_VERSION, type TruthFrame, type TruthObject } from './truth.ts';
import { TubePool } from './tubes.ts';
import { CarPainter, drawCarLook } from './vehicle.ts';
import { View } from './view.ts';

const TUBES_MAX = 48;
/** More actors than a script ever has on stage. */
const STAGED_MAX = 16;
/** Metres walked in one gait cycle by a person of average height (Winter 1991: 1.4 m at natural cadence). */
const STRIDE_M = 1.38;

/** One actor of the frame being drawn; pooled. */
class Staged {
  act: Act | undefined;
  depth = 0;
  owner = 0;
  readonly extent = new Extent();
}

/** Anything that is laid over the frame in order of depth. */
interface Item {
  readonly depth: number;
  readonly staged?: Staged;
  readonly sprite?: Sprite & { readonly owner: number };
}

export class Scene {
  readonly options: SceneOptions;
  /** The frame rendered last: width·height luma, then two quarter planes; reused by the next. */
  readonly frame: Uint8Array;
  readonly #planes: Planes;
  readonly #still: Uint8Array;
  readonly #view: View;
  readonly #light: Lighting;
  readonly #shader: Shader;
  readonly #layer: Layer;
  readonly #polygon: PolygonPainter;
  readonly #pool: TubePool;
  readonly #figure = new FigurePainter();
  readonly #car: CarPainter;
  readonly #script: Script;
  readonly #sensor: Sensor;
  readonly #befalling: Befalling;
  readonly #sprites: Item[] = [];
  readonly #staged: Staged[] = [];
  readonly #parked = new Staged();
  readonly #items: Item[] = [];
  readonly #actorItems: Item[];
  readonly #seen = new Extent();
  /** Where this frame differs from the still one, so far. */
  readonly #touched = new Clip();
  readonly #bounds = new Float64Array(4);
  readonly #shifts: Int16Array;
  readonly #slope: SunSlope;
  #tS = 0;

  /**
   * Prepares a scene: paints the backdrop, which takes some hundred milliseconds at 1280x720.
   * @throws VedetteError SCENE_OPTIONS for a value out of range.
   */
  constructor(options: Partial<SceneOptions> = {}) {
    this.options = resolveSceneOptions(options);
    const { width, height, seed, time, lens } = this.options;
    this.frame = new Uint8Array((width * height * 3) / 2);
    this.#still = new Uint8Array(this.frame.length);
    this.#planes = planesOf(this.frame, width, height, new Uint8Array(width * height));
    this.#view = new View(width, height, lens);
    this.#light = lightingOf(time);
    this.#shader = new Shader(this.#light);
    const noise = cloudTile(new Random(mixSeed(seed, 5)));
    this.#layer = new Layer(Math.ceil(width * height * 1.3), noise);
    this.#polygon = new PolygonPainter(width * 3);
    this.#pool = new TubePool(TUBES_MAX, this.#view, this.#shader, new ActorLight());
    this.#car = new CarPainter(this.#view, this.#shader, this.#polygon);
    this.#script = new Script(seed, lens);
    this.#befalling = new Befalling(width, height, this.options.happenings);
    this.#sensor = new Sensor(seed, this.#light.noiseSigma, this.#light.infrared > 0);
    const { toSun } = this.#light;
    this.#slope = { x: -toSun[0] / toSun[1], z: -toSun[2] / toSun[1] };
    for (let i = 0; i < STAGED_MAX; i++) {
      const staged = new Staged();
      staged.owner = i + 2;
      this.#staged.push(staged);
    }
    this.#actorItems = this.#staged.map((staged) => ({
      staged,
      get depth() {
        return staged.depth;
      },
    }));
    this.#shifts = new Int16Array(height + 4);
    this.#prepare(noise);
  }

  /** Paints what never moves and cuts out what can hide an actor. */
  #prepare(noise: Float32Array): void {
    const { seed, leaves } = this.options;
    const planes = this.#planes;
    new Backdrop(this.#view, this.#light, noise, new Random(mixSeed(seed, 11))).paint(planes);
    this.#sprites.push({
      depth: this.#depthOf(WING.x, WING.zEnd + 0.2),
      sprite: { ...cutWing(planes, noise), owner: 0 },
    });
    const foliage = new Foliage(this.#view, this.#shader, noise, new Random(mixSeed(seed, 13)));
    for (const sprite of foliage.sprites(leaves)) {
      this.#sprites.push({ depth: sprite.depth, sprite: { ...sprite, owner: 0 } });
    }
    this.#binShadows();
    for (const sprite of binSprites(this.#view, this.#shader, this.#polygon, noise)) {
      this.#sprites.push({ depth: sprite.depth, sprite: { ...sprite, owner: 0 } });
    }
    this.#park(noise);
    this.#sprites.sort((a, b) => b.depth - a.depth);
    for (const { sprite } of this.#sprites) {
      if (sprite && sprite.swayPixels === 0) layOver(sprite.layer, planes, 0);
    }
    for (const { sprite } of this.#sprites) if (sprite?.swayPixels === 0) recut(sprite.layer, planes);
    this.#still.set(this.frame);
  }

  #depthOf(x: number, z: number): number {
    this.#view.project(x, 0, z);
    return this.#view.depth;
  }

  #binShadows(): void {
    const layer = this.#layer;
    layer.begin(0, 0, this.#view.width, this.#view.height);
    const { castShadow, contactShadow } = this.#light;
    for (const { x, z } of BINS) {
      contactPatch(layer, this.#view, x, z, 0.2, 0.3, contactShadow);
      for (const height of [0.2, 0.4, 0.6]) {
        contactPatch(
          layer,
          this.#view,
          x + this.#slope.x * height,
          z + this.#slope.z * height,
          0.2,
          0.3,
          castShadow,
        );
      }
    }
    darken(layer, this.#planes, 1);
    this.#touch(layer);
  }

  /** The parked car: its shadow goes into the backdrop, the car into a layer of its own. */
  #park(noise: Float32Array): void {
    const look = { ...drawCarLook(new Random(mixSeed(this.options.seed, 17))), body: 'saloon' as const };
    this.#carShadow(look, PARKED);
    this.#car.bounds(look, PARKED, this.#bounds);
    const [x0, y0, x1, y1] = this.#bounds as unknown as [number, number, number, number];
    const layer = new Layer(Math.ceil(x1 - x0 + 4) * Math.ceil(y1 - y0 + 4), noise);
    layer.begin(x0, y0, x1, y1);
    this.#car.paint(layer, look, PARKED);
    const depth = this.#depthOf(PARKED.x, PARKED.z);
    this.#parked.owner = 1;
    this.#parked.extent.clear();
    measure(layer, this.#planes, this.#parked.extent);
    this.#sprites.push({ depth, sprite: { layer, depth, swayPixels: 0, owner: 1 } });
  }

  /** Renders frame `n` (0, 1, …; any order) into `frame` and returns its truth. */
  render(n: number): TruthFrame {
    const { options } = this;
    const shown = this.#befalling.shownFrame(n, options.fps);
    this.#tS = (shown * 1000) / options.fps / 1000;
    this.frame.set(this.#still);
    this.#planes.owner.fill(0);
    this.#touched.clear();
    const count = options.actors ? this.#stage() : 0;
    if (options.shadows) for (let i = 0; i < count; i++) this.#shadow(this.#staged[i]!.act!);
    this.#draw(count);
    const objects = this.#befalling.isTurned(this.#tS) ? [] : this.#truth(count);
    this.#befalling.light(this.#planes, this.#tS);
    if (options.rain) this.#sensor.rain(this.#planes, shown);
    if (options.flicker) this.#sensor.flicker(this.#planes, shown, this.#tS);
    this.#befalling.lens(this.#planes, this.#tS);
    if (options.noise) this.#sensor.noise(this.#planes, shown);
    const { time, width, height, fps } = options;
    return { v: TRUTH_VERSION, frame: n, tMs: (n * 1000) / fps, time, width, height, objects };
  }

  #stage(): number {
    const acts = this.#script.at(this.#tS);
    const count = Math.min(acts.length, STAGED_MAX);
    for (let i = 0; i < count; i++) {
      const act = acts[i]!;
      act.route.at(this.#tS - act.startS);
      const staged = this.#staged[i]!;
      staged.act = act;
      staged.depth = this.#depthOf(act.route.x, act.route.z);
      staged.extent.clear();
    }
    return count;
  }

  #shadow(act: Act): void {
    const { castShadow, contactShadow } = this.#light;
    const layer = this.#layer;
    const { route } = act;
    if (act.label === 'car') {
      this.#carShadow(act.look, route);
      return;
    }
    const tall = act.label === 'person' ? act.look.height : 0.6;
    const b = this.#bounds;
    shadowBounds(this.#view, route.x, route.z, tall, this.#slope, b);
    if (b[2]! < 0 || b[0]! > this.#view.width) return;
    layer.begin(b[0]!, b[1]!, b[2]!, b[3]!);
    if (act.label === 'person') {
      this.#person(act);
      castPerson(layer, this.#view, this.#figure.joints, this.#slope, castShadow);
      contactFeet(layer, this.#view, this.#figure.joints, contactShadow);
      contactPatch(layer, this.#view, route.x, route.z, 0.08, 0.3, contactShadow * 0.5);
    } else {
      contactPatch(layer, this.#view, route.x, route.z, 0.28, 0.2, contactShadow * 0.7);
      const { x, z } = this.#slope;
      contactPatch(layer, this.#view, route.x + x * 0.4, route.z + z * 0.4, 0.3, 0.22, castShadow);
    }
    darken(layer, this.#planes, 1);
    this.#touch(layer);
  }

  #carShadow(look: Parameters<CarPainter['paint']>[1], pose: Parameters<CarPainter['paint']>[2]): void {
    const b = this.#bounds;
    this.#car.bounds(look, pose, b);
    const pad = (b[2]! - b[0]!) * 0.4 + 2;
    if (b[2]! + pad < 0 || b[0]! - pad > this.#view.width) return;
    const layer = this.#layer;
    layer.begin(b[0]! - pad, b[1]! - 2, b[2]! + pad, b[3]! + 4);
    const { castShadow, contactShadow } = this.#light;
    castCar(layer, this.#view, this.#polygon, look, pose, this.#slope, castShadow, contactShadow + 0.15);
    darken(layer, this.#planes, 1);
    this.#touch(layer);
  }

  #person(act: PersonAct): void {
    const { route, look } = act;
    const stride = Math.min(1, route.speed / 1.0);
    const cycle = route.walked / (STRIDE_M * (look.height / 1.75)) + look.offset / 256;
    this.#pool.reset();
    this.#pool.light.set(this.#shader, this.#view, route.x, 1.1, route.z);
    this.#figure.add(this.#pool, look, {
      x: route.x,
      z: route.z,
      yaw: route.yaw,
      phase: cycle - Math.floor(cycle),
      stride,
      reach: route.reach,
      holding: look.carries === 'parcel',
    });
  }

  #draw(count: number): void {
    const items = this.#items;
    items.length = 0;
    for (const item of this.#sprites) items.push(item);
    for (let i = 0; i < count; i++) items.push(this.#actorItems[i]!);
    items.sort((a, b) => b.depth - a.depth);
    for (const item of items) {
      if (item.staged) {
        this.#actor(item.staged);
      } else if (item.sprite) this.#sprite(item.sprite);
    }
  }

  #sprite(sprite: Sprite & { readonly owner: number }): void {
    if (sprite.owner === 1) {
      layOver(sprite.layer, this.#planes, 1);
    } else if (sprite.swayPixels > 0) {
      this.#sway(sprite);
    } else {
      layOver(sprite.layer, this.#planes, 0, this.#touched);
    }
  }

  #sway(sprite: Sprite): void {
    const t = this.#tS;
    const gust = 0.55 + 0.45 * Math.sin(t * 0.7) * Math.sin(t * 0.23 + 1);
    const { layer, swayPixels } = sprite;
    for (let row = 0; row < layer.height; row++) {
      const f = row / layer.height;
      const wave = Math.sin(t * 2.9 + f * 5) + 0.5 * Math.sin(t * 5.3 + f * 13);
      this.#shifts[row] = Math.round(swayPixels * gust * wave * (1 - 0.6 * f));
    }
    layOverShifted(layer, this.#planes, this.#shifts);
  }

  #actor(staged: Staged): void {
    const act = staged.act!;
    const { route } = act;
    const pool = this.#pool;
    const layer = this.#layer;
    if (act.label === 'car') {
      const b = this.#bounds;
      this.#car.bounds(act.look, route, b);
      if (b[2]! < 0 || b[0]! > this.#view.width) return;
      layer.begin(b[0]!, b[1]!, b[2]!, b[3]!);
      this.#car.paint(layer, act.look, route);
    } else {
      if (act.label === 'person') this.#person(act);
      else {
        pool.reset();
        pool.light.set(this.#shader, this.#view, route.x, 0.4, route.z);
        addDog(pool, { x: route.x, z: route.z, yaw: route.yaw, walked: route.walked, coat: act.coat });
      }
      if (pool.x1 < 0 || pool.x0 > this.#view.width || pool.y0 > this.#view.height) return;
      layer.begin(pool.x0, pool.y0, pool.x1, pool.y1);
      pool.paint(layer);
    }
    measure(layer, this.#planes, staged.extent);
    layOver(layer, this.#planes, staged.owner);
    this.#touch(layer);
  }

  #touch(layer: Layer): void {
    const { originX, originY, width, height } = layer;
    this.#touched.include(originX, originY, originX + width, originY + height);
  }

  #truth(count: number): TruthObject[] {
    const objects: TruthObject[] = [];
    for (let i = 0; i < count; i++) {
      const staged = this.#staged[i]!;
      const object = this.#object(staged, staged.act!.id, staged.act!.label);
      if (object) objects.push(object);
    }
    const parked = this.#object(this.#parked, 'car-parked', 'car');
    if (parked) objects.push(parked);
    return objects;
  }

  #object(staged: Staged, id: string, label: TruthObject['label']): TruthObject | undefined {
    const { extent, owner } = staged;
    if (extent.x1 <= extent.x0 || extent.pixels === 0) return undefined;
    const seen = this.#seen;
    countSeen(this.#planes, owner, extent, seen);
    const visible = seen.pixels / extent.pixels;
    const box = this.#box(extent);
    const scoreable = isScoreable(box.height, visible);
    if (seen.pixels === 0) return { id, label, box, visible: 0, scoreable };
    return { id, label, box, boxSeen: this.#box(seen), visible, scoreable };
  }

  #box(extent: Extent): Box {
    const { width, height } = this.options;
    return {
      x: extent.x0 / width,
      y: extent.y0 / height,
      width: (extent.x1 - extent.x0) / width,
      height: (extent.y1 - extent.y0) / height,
    };
  }
}

/** Views of a frame's bytes as planes. */
function planesOf(frame: Uint8Array, width: number, height: number, owner: Uint8Array): Planes {
  const luma = width * height;
  const quarter = luma / 4;
  return {
    width,
    height,
    y: frame.subarray(0, luma),
    u: frame.subarray(luma, luma + quarter),
    v: frame.subarray(luma + quarter, luma + 2 * quarter),
    owner,
  };
}
