// The picture of the built-in camera and its truth: same seed, same bytes; boxes that hold what was drawn; people that
// disappear behind things; every option visible.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { VedetteError } from '../../daemon/platform/errors.ts';
import { resolveSceneOptions, SCENE_DEFAULTS, type SceneOptions } from '../../daemon/scene/options.ts';
import { Scene } from '../../daemon/scene/scene.ts';
import { actsOf, PERIOD_S } from '../../daemon/scene/script.ts';
import { isScoreable, type TruthFrame, type TruthObject, truthLine } from '../../daemon/scene/truth.ts';

const SMALL = { width: 512, height: 288 } as const;
/** Nothing in the picture but the street and, when asked for, the actors themselves. */
const PLAIN = { ...SMALL, noise: false, leaves: false, shadows: false } as const;

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function pictures(options: Partial<SceneOptions>, frames: readonly number[]): string[] {
  const scene = new Scene({ ...SMALL, ...options });
  return frames.map((n) => {
    const truth = scene.render(n);
    return hashOf(scene.frame) + truthLine(truth);
  });
}

describe('the same options give the same bytes', () => {
  const frames = [0, 7, 26, 140];

  test('of picture and truth, whatever was rendered before', () => {
    const noisy = { flicker: true, rain: true } as const;
    const forwards = pictures(noisy, frames);
    const backwards = pictures(noisy, [...frames].reverse()).reverse();
    expect(backwards).toEqual(forwards);
  });

  test('and another seed gives others', () => {
    const one = pictures({ seed: 1 }, frames);
    const two = pictures({ seed: 2 }, frames);
    for (let i = 0; i < frames.length; i++) expect(two[i]).not.toBe(one[i]);
  });

  test('and frame n shows the same moment at any frame rate', () => {
    const plain = { ...PLAIN };
    const slow = new Scene({ ...plain, fps: 5 });
    const fast = new Scene({ ...plain, fps: 10 });
    slow.render(13);
    fast.render(26);
    expect(hashOf(fast.frame)).toBe(hashOf(slow.frame));
  });
});

test('every option changes the picture', () => {
  const base = pictures({}, [27])[0];
  const changes: Partial<SceneOptions>[] = [
    { seed: 9 },
    { fps: 6 },
    { time: 'dusk' },
    { time: 'night' },
    { noise: false },
    { leaves: false },
    { flicker: true },
    { rain: true },
    { actors: false },
    { shadows: false },
  ];
  for (const change of changes) expect(pictures(change, [27])[0], JSON.stringify(change)).not.toBe(base);
});

test('night is grey, day is not, and both stay within the limited range', () => {
  for (const [time, grey] of [
    ['day', false],
    ['dusk', false],
    ['night', true],
  ] as const) {
    const scene = new Scene({ ...SMALL, time, rain: true, flicker: true });
    scene.render(30);
    const luma = scene.frame.subarray(0, SMALL.width * SMALL.height);
    const chroma = scene.frame.subarray(SMALL.width * SMALL.height);
    expect(Math.min(...chunks(luma, Math.min))).toBeGreaterThanOrEqual(16);
    expect(Math.max(...chunks(luma, Math.max))).toBeLessThanOrEqual(240);
    expect(chroma.every((value) => Math.abs(value - 128) <= 1)).toBe(grey);
  }
});

function chunks(values: Uint8Array, fold: (...list: number[]) => number): number[] {
  const folded: number[] = [];
  for (let i = 0; i < values.length; i += 4096) folded.push(fold(...values.subarray(i, i + 4096)));
  return folded;
}

interface PixelBox {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** Bounds of the pixels whose luma differs by more than `least`, outside of `ignore`. */
function difference(a: Scene, b: Scene, least: number): PixelBox | undefined {
  const { width, height } = a.options;
  const box = { x0: width, y0: height, x1: -1, y1: -1 };
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = y * width + x;
      if (Math.abs(a.frame[at]! - b.frame[at]!) <= least) continue;
      box.x0 = Math.min(box.x0, x);
      box.x1 = Math.max(box.x1, x + 1);
      box.y0 = Math.min(box.y0, y);
      box.y1 = Math.max(box.y1, y + 1);
    }
  }
  return box.x1 < 0 ? undefined : box;
}

function pixelsOf(object: TruthObject, { width, height }: SceneOptions): PixelBox {
  const { x, y } = object.box;
  return {
    x0: Math.round(x * width),
    y0: Math.round(y * height),
    x1: Math.round((x + object.box.width) * width),
    y1: Math.round((y + object.box.height) * height),
  };
}

function movers(truth: TruthFrame): TruthObject[] {
  return truth.objects.filter(({ id }) => id !== 'car-parked');
}

test('what an actor changes in the picture lies inside its truth box, and the box is tight around it', () => {
  for (const time of ['day', 'night'] as const) {
    const empty = new Scene({ ...PLAIN, time, actors: false });
    empty.render(0);
    const scene = new Scene({ ...PLAIN, time });
    let alone = 0;
    for (let n = 0; n < 260; n += 5) {
      const [object, ...others] = movers(scene.render(n));
      if (object === undefined) expect(difference(scene, empty, 0), `frame ${n}`).toBeUndefined();
      if (object === undefined || others.length > 0) continue;
      const changed = difference(scene, empty, 0);
      if (changed === undefined) continue;
      alone++;
      const box = pixelsOf(object, scene.options);
      // An edge that covers less than half a pixel is drawn, but is not the figure.
      expect(changed.x0, `frame ${n}`).toBeGreaterThanOrEqual(box.x0 - 2);
      expect(changed.x1, `frame ${n}`).toBeLessThanOrEqual(box.x1 + 2);
      expect(changed.y0, `frame ${n}`).toBeGreaterThanOrEqual(box.y0 - 2);
      expect(changed.y1, `frame ${n}`).toBeLessThanOrEqual(box.y1 + 2);
      if (object.visible < 0.999) continue;
      expect(changed.x0, `frame ${n}`).toBeLessThanOrEqual(box.x0 + 3);
      expect(changed.x1, `frame ${n}`).toBeGreaterThanOrEqual(box.x1 - 3);
      expect(changed.y0, `frame ${n}`).toBeLessThanOrEqual(box.y0 + 3);
      expect(changed.y1, `frame ${n}`).toBeGreaterThanOrEqual(box.y1 - 3);
    }
    expect(alone).toBeGreaterThan(5);
  }
});

describe('truth', () => {
  const scene = new Scene({ ...PLAIN });
  const frames = Array.from({ length: PERIOD_S * 5 }, (_, n) => scene.render(n));
  const lives = new Map<string, TruthObject[]>();
  for (const truth of frames) {
    for (const object of truth.objects) {
      const life = lives.get(object.id) ?? [];
      life.push(object);
      lives.set(object.id, life);
    }
  }
  const people = [...lives].filter(([id]) => id.startsWith('person-'));

  test('boxes lie in the frame, shares in 0..1, scoreable as documented', () => {
    for (const { objects } of frames) {
      expect(new Set(objects.map(({ id }) => id)).size).toBe(objects.length);
      for (const { box, boxSeen, visible, scoreable } of objects) {
        expect(box.x).toBeGreaterThanOrEqual(0);
        expect(box.y).toBeGreaterThanOrEqual(0);
        expect(box.x + box.width).toBeLessThanOrEqual(1.000001);
        expect(box.y + box.height).toBeLessThanOrEqual(1.000001);
        expect(visible).toBeGreaterThanOrEqual(0);
        expect(visible).toBeLessThanOrEqual(1);
        expect(boxSeen !== undefined).toBe(visible > 0);
        expect(scoreable).toBe(isScoreable(box.height, visible));
      }
    }
  });

  test('a person enters within two seconds and stands before the door within eight', () => {
    const first = frames.findIndex(({ objects }) =>
      objects.some(({ scoreable, label }) => scoreable && label === 'person'),
    );
    expect(first).toBeLessThanOrEqual(2 * 5);
    const feet = (object: TruthObject): boolean => {
      const x = object.box.x + object.box.width / 2;
      return x > 0.55 && x < 0.9 && object.box.y + object.box.height > 0.88;
    };
    const arrived = frames.findIndex(({ objects }) =>
      objects.some((object) => object.id === 'person-1' && feet(object)),
    );
    expect(arrived).toBeGreaterThan(first);
    expect(arrived).toBeLessThanOrEqual(8 * 5);
  });

  test('visibility falls behind the bins, and what is seen ends above them', () => {
    const hidden = people.filter(([, life]) => {
      const lowest = Math.min(
        ...life.filter(({ box }) => box.x > 0.4 && box.x + box.width < 0.8).map(({ visible }) => visible),
      );
      return lowest < 0.8 && life.some(({ visible }) => visible > 0.97);
    });
    expect(hidden.length).toBeGreaterThanOrEqual(2);
    const shortened = hidden
      .flatMap(([, life]) => life)
      .filter(({ box, boxSeen }) => (boxSeen?.height ?? 1) < box.height * 0.8);
    expect(shortened.length).toBeGreaterThan(0);
  });

  test('visibility rises from nothing as a person comes out from behind the house', () => {
    const [, life] = people.find(([, seen]) => seen[0]!.box.x > 0.7) ?? [];
    expect(life?.[0]?.visible).toBeLessThan(0.3);
    expect(Math.max(...(life ?? []).map(({ visible }) => visible))).toBeGreaterThan(0.95);
  });

  test('people are large enough for a small model, and all of the script appears', () => {
    expect(people.length).toBe(9);
    expect([...lives.keys()].some((id) => id.startsWith('dog-'))).toBe(true);
    expect([...lives.keys()].filter((id) => id.startsWith('car-')).length).toBeGreaterThan(5);
    const heights = people.flatMap(([, life]) =>
      life.filter(({ scoreable }) => scoreable).map(({ box }) => box.height),
    );
    expect(heights.filter((height) => height >= 0.18).length / heights.length).toBeGreaterThan(0.95);
  });

  test('a line is one JSON object with the frame and the objects', () => {
    const line = truthLine(frames[20]!);
    expect(line.indexOf('\n')).toBe(line.length - 1);
    const parsed = JSON.parse(line) as TruthFrame;
    expect(parsed).toMatchObject({ v: 1, frame: 20, tMs: 4000, time: 'day' });
    expect(parsed.objects[0]?.box.x).toBeCloseTo(frames[20]!.objects[0]!.box.x, 4);
  });
});

test('ids are never used twice and each cycle brings other people', () => {
  const acts = [0, 1, 2].flatMap((cycle) => actsOf(3, cycle));
  expect(new Set(acts.map(({ id }) => id)).size).toBe(acts.length);
  const looks = acts.filter((act) => act.label === 'person').map(({ look }) => JSON.stringify(look));
  expect(new Set(looks).size).toBe(looks.length);
  for (const { route } of acts) expect(route.durationS).toBeLessThan(PERIOD_S);
});

describe('options are refused by name, value and limit', () => {
  const cases: readonly [Partial<Record<keyof SceneOptions, unknown>>, RegExp][] = [
    [{ width: 1000 }, /width: must be a multiple of 64 from 320 to 1920 \(got 1000\)/],
    [{ width: 256 }, /width.*got 256/],
    [{ width: 1984 }, /width.*got 1984/],
    [{ height: 719 }, /height: must be an even number from 192 to 1080 \(got 719\)/],
    [{ height: 1082 }, /height.*got 1082/],
    [{ fps: 0 }, /fps: must be from 0.1 to 60 \(got 0\)/],
    [{ fps: Number.NaN }, /fps.*NaN/],
    [{ seed: -1 }, /seed.*got -1/],
    [{ seed: 1.5 }, /seed.*got 1.5/],
    [{ time: 'noon' }, /time: must be one of day, dusk, night \(got noon\)/],
  ];
  test.each(cases)('%j', (options, message) => {
    const attempt = (): unknown => resolveSceneOptions(options as Partial<SceneOptions>);
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ code: 'SCENE_OPTIONS' }) as VedetteError);
  });

  test('the smallest, the largest and the default size are drawn', () => {
    for (const [width, height] of [
      [320, 192],
      [1920, 1080],
      [SCENE_DEFAULTS.width, SCENE_DEFAULTS.height],
    ] as const) {
      const scene = new Scene({ width, height });
      const { objects } = scene.render(25);
      expect(scene.frame.length).toBe((width * height * 3) / 2);
      expect(objects.some(({ id, visible }) => id === 'person-1' && visible > 0.9)).toBe(true);
    }
  });
});

test('through the wide lens people on the other side are small, and nobody begins in the middle of the picture', () => {
  const scene = new Scene({ width: 640, height: 384, fps: 2, seed: 2, lens: 'wide' });
  const known = new Set<string>();
  let far = 0;
  for (let n = 0; n < 240; n += 1) {
    for (const { id, label, box, visible } of scene.render(n).objects) {
      if (label !== 'person') continue;
      if (box.height > 0.04 && box.height < 0.1 && visible > 0.6) far += 1;
      const isAtSide = box.x < 0.06 || box.x + box.width > 0.94 || visible < 0.5;
      if (!known.has(id) && n > 0) expect([id, isAtSide]).toEqual([id, true]);
      known.add(id);
    }
  }
  expect(far).toBeGreaterThan(200);
});
