// What befalls the built-in camera and its light: only while it lasts, the same bytes for the same options, and as strong as it has
// to be for a watchman to be tested with it.
import { describe, expect, test } from 'vitest';
import { HAPPENING_KINDS, type HappeningKind, parseHappening } from '../../daemon/scene/happenings.ts';
import { Scene } from '../../daemon/scene/scene.ts';

const SIZE = { width: 320, height: 192, fps: 2, seed: 5 };

function sceneWith(...texts: readonly string[]): Scene {
  return new Scene({ ...SIZE, happenings: texts.map(parseHappening) });
}

function lumaOf(scene: Scene): Uint8Array {
  return scene.frame.subarray(0, SIZE.width * SIZE.height);
}

/** Mean luma, and mean step from one pixel to the next: brightness and sharpness. */
function looks(scene: Scene): { mean: number; step: number } {
  const luma = lumaOf(scene);
  let [sum, steps] = [0, 0];
  for (let i = 1; i < luma.length; i += 1) {
    sum += luma[i]!;
    steps += Math.abs(luma[i]! - luma[i - 1]!);
  }
  return { mean: sum / luma.length, step: steps / luma.length };
}

test.each(HAPPENING_KINDS)('%s: the same bytes again, and none other than ever when it is over', (kind) => {
  const [scene, twin, plain] = [sceneWith(`${kind}@2-6`), sceneWith(`${kind}@2-6`), sceneWith()];
  for (const n of [5, 3, 8]) {
    scene.render(n);
    const bytes = Buffer.from(scene.frame);
    twin.render(n);
    expect(Buffer.compare(bytes, twin.frame)).toBe(0);
    plain.render(n);
    const isOn = n >= 4 && n < 12;
    // The sun is not up before it rises.
    if (kind !== 'sunrise' || n !== 3) expect(Buffer.compare(bytes, plain.frame) !== 0).toBe(isOn);
  }
  scene.render(14);
  plain.render(14);
  expect(Buffer.compare(scene.frame, plain.frame)).toBe(0);
});

test('codes stay within those of BT.601', () => {
  for (const kind of HAPPENING_KINDS) {
    const scene = sceneWith(`${kind}@0-20`);
    for (const n of [0, 1, 5]) {
      scene.render(n);
      const luma = lumaOf(scene);
      expect([kind, luma.every((code) => code >= 14 && code <= 240)]).toEqual([kind, true]);
    }
  }
});

describe('how it looks', () => {
  const seen = (kind: HappeningKind): { mean: number; step: number } => {
    const scene = sceneWith(`${kind}@0-20`);
    scene.render(6);
    return looks(scene);
  };
  const plain = sceneWith();
  plain.render(6);
  const clear = looks(plain);

  test('a covered lens is dark, with hardly anything in it', () => {
    expect(seen('cover').mean).toBeLessThan(30);
    expect(seen('cover').step).toBeLessThan(0.7 * clear.step);
  });

  test('out of focus it is as bright as ever and not sharp', () => {
    expect(Math.abs(seen('defocus').mean - clear.mean)).toBeLessThan(3);
    expect(seen('defocus').step).toBeLessThan(0.7 * clear.step);
  });

  test('washed out it is bright and flat', () => {
    expect(seen('wash-out').mean).toBeGreaterThan(170);
    expect(seen('wash-out').step).toBeLessThan(0.7 * clear.step);
  });

  test('infrared has no colour; the lamp makes it brighter, the hour before the sun darker', () => {
    const scene = sceneWith('infrared@0-20');
    scene.render(6);
    const colour = scene.frame.subarray(SIZE.width * SIZE.height);
    const mean = colour.reduce((sum, code) => sum + Math.abs(code - 128), 0) / colour.length;
    expect(mean).toBeLessThan(3);
    expect(seen('light-switch').mean).toBeGreaterThan(clear.mean + 25);
    expect(seen('sunrise').mean).toBeLessThan(clear.mean - 10);
  });
});

test('a frozen picture is one and the same, and its truth with it', () => {
  const scene = sceneWith('freeze@3-8');
  const before = scene.render(6);
  const bytes = Buffer.from(scene.frame);
  for (const n of [7, 11, 15]) {
    const truth = scene.render(n);
    expect(Buffer.compare(bytes, scene.frame)).toBe(0);
    expect(truth).toEqual({ ...before, frame: n, tMs: n * 500 });
  }
  scene.render(16);
  expect(Buffer.compare(bytes, scene.frame)).not.toBe(0);
});

test('nothing is told of where things are while the camera looks elsewhere', () => {
  const scene = sceneWith('turn@3-8');
  expect(scene.render(5).objects.length).toBeGreaterThan(0);
  expect(scene.render(6).objects).toEqual([]);
  expect(scene.render(16).objects.length).toBeGreaterThan(0);
});

test.each([
  'cover',
  'cover@20',
  'cover@20-20',
  'cover@40-20',
  'cover@-1-20',
  'smash@1-2',
  'cover@1-2 ',
  'cover@1e3-2e3',
])('%j is refused with what was expected', (text) => {
  expect(() => parseHappening(text)).toThrow(
    /scene happening: must be <kind>@<from>-<until> .*cover.* \(got '.*'\)/,
  );
});
