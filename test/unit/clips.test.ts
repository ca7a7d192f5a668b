// What a camera remembers for clips and how it becomes a steady video; which alerts come with one.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ClipPicture, ClipRing, RING_BYTES_MAX, steady } from '../../daemon/camera/clip-ring.ts';
import { Halver } from '../../daemon/camera/halve.ts';
import { ClipPlan } from '../../daemon/core/clips.ts';
import type { Rule } from '../../daemon/core/rule-types.ts';
import { namesIn } from '../../daemon/store/paths.ts';
import { alert } from '../fixtures/store/records.ts';
import { plainFrame } from '../support/pictures.ts';
import { DOOR } from '../support/tracks.ts';

function picture(monoMs: number, bytes = 1): ClipPicture {
  return { monoMs, jpeg: new Uint8Array(bytes) };
}

describe('the ring', () => {
  test('never holds more than its seconds or its bytes, and always the newest', () => {
    const steps = fc.array(
      fc.tuple(fc.integer({ min: -300, max: 3000 }), fc.integer({ min: 1, max: 900_000 })),
      {
        maxLength: 120,
      },
    );
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 60 }), (pictures, seconds) => {
        const ring = new ClipRing();
        ring.spanMs = seconds * 1000;
        let nowMs = 10_000;
        for (const [stepMs, bytes] of pictures) {
          nowMs += stepMs;
          ring.add(picture(nowMs, bytes));
          const held = ring.between(0, Number.POSITIVE_INFINITY);
          expect(held.at(-1)?.monoMs).toBe(nowMs);
          expect(held[0]!.monoMs).toBeGreaterThanOrEqual(nowMs - seconds * 1000);
          expect(ring.bytes).toBe(held.reduce((sum, { jpeg }) => sum + jpeg.length, 0));
          expect(ring.bytes).toBeLessThanOrEqual(RING_BYTES_MAX);
        }
      }),
      { numRuns: 50 },
    );
  });

  test('forgets everything when nothing is wanted any more', () => {
    const ring = new ClipRing();
    ring.spanMs = 5000;
    ring.add(picture(1000));
    ring.spanMs = 0;
    expect([ring.bytes, ring.newestMonoMs]).toEqual([0, undefined]);
  });
});

test('a steady video shows each moment for as long as it was, pauses and bursts included', () => {
  const at = (monoMs: number): ClipPicture => ({ monoMs, jpeg: Uint8Array.of(monoMs / 100) });
  // Five a second, with a pause of a second and two that came at once.
  const shown = steady([at(0), at(200), at(1200), at(1210), at(1400)], 200);
  expect(shown.map(([first]) => first)).toEqual([0, 2, 2, 2, 2, 2, 12, 14]);
  expect(steady([], 200)).toEqual([]);
});

test('a frame is halved with its colours; of an odd half the last rows are left out', () => {
  const halver = new Halver({ width: 128, height: 70 });
  expect(halver.size).toEqual({ width: 64, height: 34 });
  const frame = plainFrame({ width: 128, height: 70 }, [90, 100, 200]);
  // Left half of the luma brighter.
  for (let row = 0; row < 70; row += 1) frame.fill(190, row * 128, row * 128 + 64);
  const half = halver.halve(frame);
  expect(half.length).toBe((64 * 34 * 3) / 2);
  expect([half[0], half[31], half[32], half[63], half[64 * 33]]).toEqual([190, 190, 90, 90, 190]);
  expect([half[64 * 34], half[64 * 34 * 1.25], half.at(-1)]).toEqual([100, 200, 200]);
});

describe('the plan', () => {
  const rule: Rule = {
    ...{ name: 'door-at-night', trigger: { type: 'enter', zone: 'door' }, scoreMin: 0, while: 'armed' },
    ...{ cooldownS: 0, cooldownPer: 'camera', groupS: 0, severity: 'info', snapshot: true },
    clip: { beforeS: 5, afterS: 10 },
  };
  const places = new Map([
    ['porch', { zones: [DOOR], lines: [] }],
    ['yard', { zones: [], lines: [] }],
  ]);
  const plain: Rule = { ...rule, name: 'plain', clip: undefined };

  test('only cameras that a rule with a clip looks at remember anything', () => {
    const plan = new ClipPlan({ rules: [rule, plain], places });
    expect(['porch', 'yard', 'attic'].map((camera) => plan.secondsOf(camera))).toEqual([15, 0, 0]);
    const anywhere: Rule = {
      ...rule,
      trigger: { type: 'appear' },
      cameras: ['yard'],
      clip: { beforeS: 1, afterS: 2 },
    };
    expect(new ClipPlan({ rules: [rule, anywhere], places }).secondsOf('yard')).toBe(3);
  });

  test('the clip of an alert is named by its time and id, so that the store knows the file again', () => {
    const plan = new ClipPlan({ rules: [rule, plain], places });
    const id = '0197c9a4-5f9c-7d10-8a2b-1c3d5e7f9a0b';
    const order = plan.orderOf(alert(1, { id }))!;
    expect(order.path).toBe(`media/porch/2026-06-01/120001-${id}.mp4`);
    expect([order.fromMonoMs, order.toMonoMs]).toEqual([1, 15_001]);
    expect(namesIn(order.path)).toEqual({ kind: 'clip', camera: 'porch', label: '', track: 0 });
    expect(plan.orderOf(alert(1, { rule: 'plain' }))).toBeUndefined();
    const { camera: _camera, ...ofTheBoard } = alert(1);
    expect(plan.orderOf(ofTheBoard)).toBeUndefined();
  });
});
