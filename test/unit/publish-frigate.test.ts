// Payloads in the shape of Frigate, held against a schema written from its documentation and sources.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EventChange } from '../../daemon/core/types.ts';
import {
  type FrigateObject,
  frigateEventPayload,
  frigateObject,
  type ObjectContext,
} from '../../daemon/publish/frigate.ts';
import { type FrigateEvent, frigateEvent } from '../support/frigate-schema.ts';

const START_MS = 1_780_348_440_687;
const PICTURE = { path: 'media/porch/2026-06-01/211403-person-7-6a8c0e11.jpg', sha256: 'f'.repeat(64) };

function event(fields: Partial<EventChange> = {}): EventChange {
  return {
    id: '0197c9a4-5f10-7c3a-9b1e-2f4d6a8c0e11',
    type: 'new',
    camera: 'porch',
    label: 'person',
    score: 0.91239,
    box: { x: 0.25, y: 0.5, width: 0.125, height: 0.25 },
    zones: ['door'],
    stationary: false,
    zonesEntered: ['door', 'drive'],
    track: 7,
    startedAtMs: START_MS,
    atMs: START_MS + 2400,
    monoMs: 5000,
    ...fields,
  };
}

function context(fields: Partial<ObjectContext> = {}): ObjectContext {
  return {
    size: { width: 1280, height: 720 },
    before: undefined,
    movement: { active: true, score: 0.87, still: 2, starts: 1 },
    alerted: false,
    samePicture: false,
    ...fields,
  };
}

function sent(after: FrigateObject, before?: FrigateObject, type: EventChange['type'] = 'new'): FrigateEvent {
  return frigateEvent(frigateEventPayload(type, after, before));
}

describe('an event in the shape of Frigate', () => {
  test('has seconds, pixels of the frames that are looked at, and its scores', () => {
    expect(sent(frigateObject(event(), context())).after).toMatchObject({
      id: '1780348440.687000-8c0e11',
      vedette_id: '0197c9a4-5f10-7c3a-9b1e-2f4d6a8c0e11',
      start_time: 1780348440.687,
      frame_time: 1780348443.087,
      end_time: null,
      top_score: 0.9124,
      score: 0.87,
      box: [320, 360, 480, 540],
      area: 160 * 180,
      ratio: 0.8889,
      region: [0, 0, 1280, 720],
      current_zones: ['door'],
      entered_zones: ['door', 'drive'],
      active: true,
      stationary: false,
      motionless_count: 2,
      position_changes: 1,
      has_snapshot: false,
      snapshot: null,
      max_severity: 'detection',
    });
  });

  test('that is new was not believed before', () => {
    const { before, after } = sent(frigateObject(event(), context()));
    expect(before).toEqual({ ...after, false_positive: true });
    expect(after['false_positive']).toBe(false);
  });

  test('goes on from what was told last, and ends with what was known of an object that has left', () => {
    const first = frigateObject(event(), context());
    const rest = { active: false, score: 0.6, still: 40, starts: 1 };
    const second = frigateObject(event({ type: 'update' }), context({ before: first, movement: rest }));
    const gone = event({ type: 'end', endedAtMs: START_MS + 9000, atMs: START_MS + 9000 });
    const last = frigateObject(gone, context({ before: second, movement: undefined, alerted: true }));
    const message = sent(last, second, 'end');
    expect(message.type).toBe('end');
    expect(message.before).toMatchObject({ stationary: true, max_severity: 'detection', end_time: null });
    expect(message.after).toMatchObject({
      stationary: true,
      motionless_count: 40,
      score: 0.6,
      end_time: 1780348449.687,
      max_severity: 'alert',
    });
  });

  test('tells of the best picture what was so when it was first named', () => {
    const first = frigateObject(event({ snapshot: PICTURE }), context());
    const moved = event({
      snapshot: PICTURE,
      box: { x: 0, y: 0, width: 1, height: 1 },
      atMs: START_MS + 5000,
    });
    const second = frigateObject(moved, context({ before: first, samePicture: true }));
    expect(second.snapshot).toEqual(first.snapshot);
    expect(second).toMatchObject({ has_snapshot: true, box: [0, 0, 1280, 720] });
    const third = frigateObject(moved, context({ before: second, samePicture: false }));
    expect(third.snapshot).toMatchObject({ box: [0, 0, 1280, 720], frame_time: 1780348445.687 });
  });

  test('whatever the box, stays within the frame', () => {
    const fraction = fc.double({ min: -0.2, max: 1.2, noNaN: true });
    const boxes = fc.record({ x: fraction, y: fraction, width: fraction, height: fraction });
    fc.assert(
      fc.property(
        boxes.filter(({ width, height }) => width >= 0 && height >= 0),
        (box) => {
          const { after } = sent(frigateObject(event({ box }), context()));
          const [left, top, right, bottom] = after['box'] as [number, number, number, number];
          expect(right).toBeGreaterThanOrEqual(left);
          expect(bottom).toBeGreaterThanOrEqual(top);
          expect(right).toBeLessThanOrEqual(1280);
          expect(bottom).toBeLessThanOrEqual(720);
        },
      ),
    );
  });
});
