// How events are held against a clip labelled by hand: what counts as right, and what does not.
import { describe, expect, it } from 'vitest';
import { type ClipLabels, scoreClip, type ToldEvent } from '../support/clip-events.ts';

const LABELS: ClipLabels = {
  clip: 'none',
  sha256: '',
  floors: { precision: 1, recall: 1 },
  objects: [
    {
      name: 'a car from left to right',
      label: 'car',
      appearsS: 1,
      arrivesS: 2,
      leavesS: 8,
      goneS: 9,
      path: [
        { atS: 2, box: [0, 0.4, 0.2, 0.2] },
        { atS: 8, box: [0.8, 0.4, 0.2, 0.2] },
      ],
    },
  ],
  notAskedFor: [{ label: 'car', box: [0, 0, 1, 0.1] }],
};

/** Looks once a second that go with the labelled car, at the height `y`. */
function told(label: string, fromS: number, toS: number, y = 0.4): ToldEvent {
  const looks = Array.from({ length: toS - fromS + 1 }, (_, k) => {
    const x = Math.min(0.8, Math.max(0, ((fromS + k - 2) / 6) * 0.8));
    return { atS: fromS + k, box: { x, y, width: 0.2, height: 0.1 } };
  });
  return { label, score: 0.9, looks };
}

describe('events of a labelled clip', () => {
  it('are right in both moments when they go with the object', () => {
    expect(scoreClip(LABELS, [told('car', 2, 8)])).toMatchObject({ precision: 1, recall: 1 });
  });

  it('have a wrong moment when the object was seen too late, or gone too early', () => {
    expect(scoreClip(LABELS, [told('car', 4, 8)])).toMatchObject({ precision: 0.5, recall: 0.5 });
    expect(scoreClip(LABELS, [told('car', 2, 5)])).toMatchObject({ precision: 0.5, recall: 0.5 });
  });

  it('are wrong under another name, and the object is missing', () => {
    const { precision, recall, lines } = scoreClip(LABELS, [told('truck', 2, 8)]);
    expect([precision, recall]).toEqual([0, 0]);
    expect(lines.at(-1)).toBe('no event: a car from left to right');
  });

  it('are wrong the second time', () => {
    const score = scoreClip(LABELS, [told('car', 2, 8), told('car', 3, 7)]);
    expect(score).toMatchObject({ precision: 0.5, recall: 1 });
  });

  it('do not count where nobody asked, but do when they were never seen', () => {
    const parked = told('car', 0, 9, 0);
    expect(scoreClip(LABELS, [told('car', 2, 8), parked])).toMatchObject({ precision: 1, recall: 1 });
    const unseen = { ...parked, looks: [] };
    expect(scoreClip(LABELS, [told('car', 2, 8), unseen])).toMatchObject({ precision: 0.5, recall: 1 });
  });
});
