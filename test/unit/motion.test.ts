import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LumaPlane } from '../../daemon/camera/luma-plane.ts';
import { MotionDetector } from '../../daemon/camera/motion.ts';
import { BOXES_MAX } from '../../daemon/camera/motion-blobs.ts';
import { Random } from '../../daemon/scene/random.ts';
import { Scene } from '../../daemon/scene/scene.ts';

const PLANE = { width: 160, height: 90 };

/** A picture with structure and noise of its own, looked at 5 times a second. */
class Stage {
  readonly motion: MotionDetector;
  readonly pixels = new Uint8ClampedArray(PLANE.width * PLANE.height);
  monoMs = 1000;
  readonly #random = new Random(7);

  constructor({ sensitivity = 0.5, masks = {} as Record<string, { points: [number, number][] }> } = {}) {
    this.motion = new MotionDetector({ plane: PLANE, sensitivity, masks });
  }

  /** Draws every pixel of the next look, or leaves it (undefined) as the backdrop has it. */
  look(
    luma: (x: number, y: number, backdrop: number) => number | undefined = () => undefined,
    intervalMs = 200,
  ): void {
    for (let y = 0; y < PLANE.height; y += 1) {
      for (let x = 0; x < PLANE.width; x += 1) {
        const backdrop = 60 + 40 * Math.sin(x / 9) * Math.cos(y / 7) + x / 4;
        const noise = 1.2 * (this.#random.next() + this.#random.next() - 1);
        this.pixels[y * PLANE.width + x] = Math.round((luma(x, y, backdrop) ?? backdrop) + noise);
      }
    }
    this.monoMs += intervalMs;
    this.motion.look(new Uint8Array(this.pixels.buffer), this.monoMs);
  }

  settle(looks = 40): this {
    for (let i = 0; i < looks; i += 1) this.look();
    return this;
  }

  /** Whether a box has this point of the plane in it. */
  hasBoxAt(x: number, y: number): boolean {
    const { boxes, count } = this.motion;
    return Array.from({ length: count }, (_, i) => boxes.subarray(i * 4, i * 4 + 4)).some(
      ([left, top, width, height]) =>
        x / PLANE.width >= left! &&
        x / PLANE.width <= left! + width! &&
        y / PLANE.height >= top! &&
        y / PLANE.height <= top! + height!,
    );
  }
}

const block =
  (left: number, top: number, width: number, height: number, luma: number) =>
  (x: number, y: number): number | undefined =>
    x >= left && x < left + width && y >= top && y < top + height ? luma : undefined;

describe('what is no motion', () => {
  test('the picture is learnt first, then a still one is still, noise and all', () => {
    const stage = new Stage();
    const states = Array.from({ length: 300 }, () => {
      stage.look();
      return stage.motion.state;
    });
    expect(states[0]).toBe('calibrating');
    expect(states[15]).not.toBe('calibrating');
    expect(states.slice(16).filter((state) => state === 'moving')).toEqual([]);
  });

  test('a lamp that is switched on or off: the picture is learnt anew', () => {
    const stage = new Stage().settle();
    for (const gain of [1.8, 1, 0.4, 1]) {
      const before = stage.motion.recalibrations;
      stage.look((x, _y, backdrop) => backdrop * (1 + (gain - 1) * (x / PLANE.width + 0.5)));
      expect(stage.motion).toMatchObject({ state: 'calibrating', count: 0, recalibrations: before + 1 });
      for (let i = 0; i < 30; i += 1) {
        stage.look((x, _y, backdrop) => backdrop * (1 + (gain - 1) * (x / PLANE.width + 0.5)));
        expect(stage.motion.state).not.toBe('moving');
      }
    }
  });

  test('light that flickers all the time, with each look: never a reason to begin anew', () => {
    const stage = new Stage();
    const random = new Random(11);
    for (let i = 0; i < 300; i += 1) {
      const gain = 0.9 + 0.2 * random.next();
      stage.look((_x, _y, backdrop) => backdrop * gain);
      if (i > 20) expect(stage.motion).toMatchObject({ state: 'still', recalibrations: 0 });
    }
    const walker = block(40, 30, 8, 24, 190);
    stage.look((x, y, backdrop) => walker(x, y) ?? backdrop * 1.08);
    expect(stage.hasBoxAt(44, 42)).toBe(true);
  });

  test('exposure that follows the sun, up and down', () => {
    const stage = new Stage().settle();
    for (let i = 0; i < 300; i += 1) {
      const gain = 1 + 0.35 * Math.sin(i / 25);
      stage.look((_x, _y, backdrop) => backdrop * gain);
      expect(stage.motion.state).not.toBe('moving');
    }
  });

  test('a tree, after a while, while who walks before it still is', () => {
    const stage = new Stage().settle();
    const random = new Random(3);
    const sway = Float64Array.from({ length: 160 * 90 }, () => random.next() * 6.3);
    const isTree = (x: number, y: number): boolean => x < 50 && y < 60;
    const tree = (i: number) => (x: number, y: number, backdrop: number) =>
      isTree(x, y) ? backdrop + 9 * Math.sin(i * 0.9 + sway[y * 160 + x]!) : undefined;
    for (let i = 0; i < 150; i += 1) stage.look(tree(i));
    let moving = 0;
    for (let i = 150; i < 350; i += 1) {
      stage.look(tree(i));
      if (stage.motion.state === 'moving') moving += 1;
    }
    expect(moving).toBeLessThan(20);
    let seen = 0;
    for (let i = 0; i < 20; i += 1) {
      const walker = block(10 + i, 40, 6, 16, 190);
      stage.look((x, y, backdrop) => walker(x, y) ?? tree(350 + i)(x, y, backdrop));
      if (stage.hasBoxAt(13 + i, 48)) seen += 1;
    }
    expect(seen).toBeGreaterThan(16);
  });

  test('drops of rain, each in another place', () => {
    const stage = new Stage().settle();
    const random = new Random(5);
    let moving = 0;
    for (let i = 0; i < 200; i += 1) {
      const drops = Array.from({ length: 25 }, () => [
        Math.floor(random.next() * 160),
        Math.floor(random.next() * 84),
      ]);
      stage.look((x, y, backdrop) =>
        drops.some(([left, top]) => x === left && y >= top! && y < top! + 5) ? backdrop + 25 : undefined,
      );
      if (i > 50 && stage.motion.state === 'moving') moving += 1;
    }
    expect(moving).toBeLessThan(15);
  });

  test('a lamp that flickers, after a while, while who walks through its light still is', () => {
    const stage = new Stage().settle();
    const random = new Random(13);
    const lamp = (x: number, y: number, backdrop: number): number | undefined =>
      (x - 120) ** 2 + (y - 30) ** 2 < 100 ? backdrop + level : undefined;
    let level = 0;
    let moving = 0;
    for (let i = 0; i < 250; i += 1) {
      level = random.next() < 0.5 ? 0 : 18;
      stage.look(lamp);
      if (i > 100 && stage.motion.state === 'moving') moving += 1;
    }
    expect(moving).toBeLessThan(15);
    let seen = 0;
    for (let i = 0; i < 20; i += 1) {
      const walker = block(112 + i, 24, 6, 16, 220);
      level = random.next() < 0.5 ? 0 : 18;
      stage.look((x, y, backdrop) => walker(x, y) ?? lamp(x, y, backdrop));
      if (stage.hasBoxAt(115 + i, 32)) seen += 1;
    }
    expect(seen).toBeGreaterThan(16);
  });

  test.each([0.6, 2, 4, 8])('noise of ±%d codes, once it was learnt', (codes) => {
    const stage = new Stage();
    const random = new Random(17);
    let moving = 0;
    for (let i = 0; i < 200; i += 1) {
      stage.look((_x, _y, backdrop) => backdrop + codes * (2 * random.next() - 1));
      if (i > 50 && stage.motion.state === 'moving') moving += 1;
    }
    expect(moving).toBeLessThan(3);
    expect(stage.motion.recalibrations).toBe(0);
  });

  test('what lies under a mask', () => {
    const points: [number, number][] = [
      [0, 0],
      [0.5, 0],
      [0.5, 1],
      [0, 1],
    ];
    const stage = new Stage({ masks: { street: { points } } }).settle();
    for (let i = 0; i < 20; i += 1) stage.look(block(20 + i, 30, 10, 30, 200));
    expect(stage.motion).toMatchObject({ state: 'still', share: 0 });
    for (let i = 0; i < 4; i += 1) stage.look(block(100 + i, 30, 10, 30, 200));
    expect(stage.hasBoxAt(107, 45)).toBe(true);
  });
});

describe('what is', () => {
  test('who walks in is there with the first look, with a box around him', () => {
    const stage = new Stage().settle();
    stage.look(block(40, 30, 8, 24, 190));
    expect(stage.motion).toMatchObject({ state: 'moving', count: 1 });
    const [x, y, width, height] = stage.motion.boxes;
    expect([x! * 160, y! * 90, width! * 160, height! * 90].map(Math.round)).toEqual([39, 29, 10, 26]);
  });

  test('a small and slow one far away is found within a second and a half, and not lost', () => {
    const stage = new Stage().settle();
    const found = Array.from({ length: 60 }, (_, i) => {
      stage.look(block(60 + Math.round(i * 0.4), 50, 2, 4, 130));
      return stage.hasBoxAt(61 + Math.round(i * 0.4), 52);
    });
    expect(found.indexOf(true)).toBeLessThan(8);
    expect(found.slice(8).filter(Boolean).length).toBeGreaterThan(45);
  });

  test('what came to stay becomes background; when it leaves, that is motion again', () => {
    const stage = new Stage().settle();
    const car = block(70, 50, 30, 14, 40);
    for (let i = 0; i < 500; i += 1) stage.look(car);
    expect(stage.motion.state).toBe('still');
    stage.look();
    expect(stage.hasBoxAt(85, 57)).toBe(true);
  });

  test('more sensitive sees what less sensitive does not', () => {
    const moves = (sensitivity: number): boolean => {
      const stage = new Stage({ sensitivity }).settle();
      let moved = false;
      for (let i = 0; i < 10; i += 1) {
        stage.look((x, y, backdrop) => (block(40 + i, 30, 6, 14, 1)(x, y) === 1 ? backdrop + 6 : undefined));
        moved ||= stage.motion.state === 'moving';
      }
      return moved;
    };
    expect([moves(0), moves(0.5), moves(1)]).toEqual([false, true, true]);
  });

  test('is looked for at any rate: a frame every two seconds, or sixty in one', () => {
    for (const [intervalMs, looks] of [
      [2000, 10],
      [1000 / 60, 400],
    ] as const) {
      const stage = new Stage();
      for (let i = 0; i < looks; i += 1) stage.look(undefined, intervalMs);
      expect(stage.motion.state).toBe('still');
      stage.look(block(40, 30, 8, 24, 190), intervalMs);
      expect(stage.motion.state).toBe('moving');
    }
  });

  test('after half an hour without a picture nothing is known of it', () => {
    const stage = new Stage().settle();
    stage.look(block(40, 30, 60, 40, 190), 1_800_000);
    expect(stage.motion).toMatchObject({ state: 'calibrating', count: 0 });
  });

  test('and so is time that begins anew', () => {
    const stage = new Stage().settle();
    stage.look(block(40, 30, 60, 40, 190), -8_000_000);
    expect(stage.motion).toMatchObject({ state: 'calibrating', count: 0 });
  });
});

test('people of the scene who walk are nearly always in a box', () => {
  const scene = new Scene({ width: 640, height: 384, seed: 3, fps: 5 });
  const plane = new LumaPlane({ width: 640, height: 384 });
  const motion = new MotionDetector({ plane, sensitivity: 0.5, masks: {} });
  const before = new Map<string, number>();
  let [walking, seen] = [0, 0];
  for (let n = 0; n < 250; n += 1) {
    const truth = scene.render(n);
    plane.shrink(scene.frame);
    motion.look(plane.pixels, n * 200);
    for (const { id, box, visible } of truth.objects) {
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      const moved = Math.abs(x - (before.get(id) ?? x)) > 0.003;
      before.set(id, x);
      if (!moved || visible < 0.5 || motion.state === 'calibrating') continue;
      walking += 1;
      const boxes = Array.from({ length: motion.count }, (_, i) => motion.boxes.subarray(i * 4, i * 4 + 4));
      if (boxes.some(([l, t, w, h]) => x >= l! && x <= l! + w! && y >= t! && y <= t! + h!)) seen += 1;
    }
  }
  expect(walking).toBeGreaterThan(100);
  expect(seen / walking).toBeGreaterThan(0.9);
});

test('whatever the picture and whenever: boxes lie in it, and there are no more than there is room for', () => {
  const motion = new MotionDetector({ plane: PLANE, sensitivity: 1, masks: {} });
  const pixels = new Uint8Array(PLANE.width * PLANE.height);
  let monoMs = 0;
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 0, max: 255 }),
      fc.integer({ min: 0, max: 40_000 }),
      (seed, level, ms) => {
        const random = new Random(seed >>> 0);
        for (let i = 0; i < pixels.length; i += 1) pixels[i] = random.next() < 0.02 ? level : 100;
        monoMs += ms;
        motion.look(pixels, monoMs);
        expect(motion.count).toBeLessThanOrEqual(BOXES_MAX);
        for (let i = 0; i < motion.count * 4; i += 4) {
          const [x, y, width, height] = motion.boxes.subarray(i, i + 4);
          expect(x! >= 0 && y! >= 0 && width! > 0 && height! > 0).toBe(true);
          expect(x! + width! <= 1 + 1e-6 && y! + height! <= 1 + 1e-6).toBe(true);
        }
        expect(motion.share >= 0 && motion.share <= 1).toBe(true);
      },
    ),
    { numRuns: 200 },
  );
});

test('who is so far away that he is four per cent of the picture high is in a box, most of the time', () => {
  // Half the plane of a wide lens: people on the other side of the road are three to five pixels high.
  const scene = new Scene({ width: 640, height: 360, seed: 2, fps: 5, lens: 'wide' });
  const plane = new LumaPlane({ width: 640, height: 360 });
  const motion = new MotionDetector({ plane: { width: 80, height: 45 }, sensitivity: 0.5, masks: {} });
  const small = new Uint8Array(80 * 45);
  const before = new Map<string, number>();
  let [there, found] = [0, 0];
  for (let n = 0; n < 200; n += 1) {
    const truth = scene.render(n);
    plane.shrink(scene.frame);
    for (let at = 0; at < small.length; at += 1) {
      const from = 320 * Math.floor(at / 80) + 2 * (at % 80);
      const [a, b, c, d] = [from, from + 1, from + 160, from + 161].map((i) => plane.pixels[i]!);
      small[at] = (a! + b! + c! + d! + 2) >> 2;
    }
    motion.look(small, n * 200);
    for (const { id, label, box, visible } of truth.objects) {
      const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
      const moved = Math.abs(x - (before.get(id) ?? x)) > 0.002;
      before.set(id, x);
      if (label !== 'person' || box.height > 0.1 || visible < 0.7 || !moved) continue;
      if (motion.state === 'calibrating') continue;
      there += 1;
      const boxes = Array.from({ length: motion.count }, (_, i) => motion.boxes.subarray(i * 4, i * 4 + 4));
      if (boxes.some(([l, t, w, h]) => x >= l! && x <= l! + w! && y >= t! && y <= t! + h!)) found += 1;
    }
  }
  expect(there).toBeGreaterThan(50);
  expect(found / there).toBeGreaterThan(0.8);
});

test('bytes that mean nothing, in planes of any size, at any time, do no harm', () => {
  fc.assert(
    fc.property(
      fc.record({ width: fc.integer({ min: 1, max: 40 }), height: fc.integer({ min: 1, max: 30 }) }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.array(fc.tuple(fc.integer({ min: 0 }), fc.double({ min: 0, max: 4000, noNaN: true })), {
        maxLength: 40,
      }),
      (plane, sensitivity, looks) => {
        const motion = new MotionDetector({ plane, sensitivity, masks: {} });
        const pixels = new Uint8Array(plane.width * plane.height);
        let monoMs = 0;
        for (const [seed, ms] of looks) {
          const random = new Random(seed);
          // A calm picture now and then, so that not every look begins anew.
          for (let i = 0; i < pixels.length; i += 1)
            pixels[i] = seed % 2 ? 256 * random.next() : 90 + 2 * random.next();
          monoMs += ms;
          motion.look(pixels, monoMs);
          expect(motion.count).toBeLessThanOrEqual(BOXES_MAX);
          if (motion.state !== 'moving') expect(motion.count).toBe(0);
          for (let i = 0; i < motion.count * 4; i += 4) {
            const [x, y, width, height] = motion.boxes.subarray(i, i + 4);
            expect(x! >= 0 && y! >= 0 && width! > 0 && height! > 0).toBe(true);
            expect(x! + width! <= 1 + 1e-6 && y! + height! <= 1 + 1e-6).toBe(true);
          }
          expect(motion.share >= 0 && motion.share <= 1).toBe(true);
        }
      },
    ),
    { numRuns: 200 },
  );
});

test('a frame is looked at without anything being allocated', () => {
  // In a process of its own: the code that a test runner makes of ours is not what the daemon runs.
  const program = fileURLToPath(new URL('../fixtures/camera/motion-memory.ts', import.meta.url));
  const growth = JSON.parse(execFileSync(process.execPath, [program], { encoding: 'utf8' })) as number[];
  // Bytes a look, in each round: in the first, and now and then later, some are the compiler's; in some, rubbish was collected.
  const kept = growth.filter((bytes) => bytes >= 0).sort((a, b) => a - b);
  expect(kept.length).toBeGreaterThan(8);
  expect(kept[kept.length >> 1]).toBeLessThan(64);
});
