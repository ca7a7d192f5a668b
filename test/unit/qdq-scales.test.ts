// Which values share a scale: copies keep it, a concatenation unites what loses little, bounds and given scales stay.
import { expect, test } from 'vitest';
import { ScaleGroups } from '../../daemon/models/qdq-scales.ts';

const step = (range: number): number => Math.fround(range / 255);

test('what only moves numbers has the scale of its input', () => {
  const groups = new ScaleGroups();
  groups.open('a', { min: -1, max: 3 });
  groups.tie('a', 'pooled');
  groups.tie('pooled', 'shaped');
  const params = groups.params();
  expect(params.get('shaped')).toEqual(params.get('a'));
  expect(params.get('a')).toEqual({ scale: step(4), zeroPoint: 64 });
});

test('a concatenation covers all inputs; one with half of the range takes its scale, a small one keeps its own', () => {
  const groups = new ScaleGroups();
  groups.open('wide', { min: -4, max: 4 });
  groups.open('half', { min: 0, max: 4 });
  groups.open('small', { min: 0, max: 1 });
  groups.tie('half', 'tied');
  groups.share(['wide', 'tied', 'small'], 'all');
  const params = groups.params();
  for (const name of ['wide', 'half', 'tied', 'all']) expect(params.get(name)?.scale).toBe(step(8));
  expect(params.get('small')?.scale).toBe(step(1));
});

test('a value that saturation bounds at zero does not take a scale that goes below', () => {
  const groups = new ScaleGroups();
  groups.open('bounded', { min: 0, max: 6 }, { min: 0, max: 6 });
  groups.open('other', { min: -5, max: 5 });
  groups.share(['bounded', 'other'], 'all');
  const params = groups.params();
  expect(params.get('bounded')).toEqual({ scale: step(6), zeroPoint: 0 });
  expect(params.get('all')?.scale).toBe(step(11));
  expect(params.get('other')).toEqual(params.get('all'));
});

test('bounded values of one kind share, and the bounds of all stay with the group', () => {
  const groups = new ScaleGroups();
  groups.open('six', { min: 0, max: 6 }, { min: 0, max: 6 });
  groups.open('five', { min: 0, max: 5 }, { min: 0, max: Number.POSITIVE_INFINITY });
  groups.share(['six', 'five'], 'joined');
  groups.open('nine', { min: 0, max: 9 });
  groups.share(['joined', 'nine'], 'more');
  const params = groups.params();
  expect(params.get('five')?.scale).toBe(step(6));
  // Six would lose its bound.
  expect(params.get('six')?.scale).toBe(step(6));
  expect(params.get('more')?.scale).toBe(step(9));
});

test('a multiple has the zero point of its source and its scale times the factor, also when that changes afterwards', () => {
  const groups = new ScaleGroups();
  groups.open('a', { min: -1, max: 1 });
  groups.scaled('sixth', 'a', 0.25);
  groups.open('b', { min: -2, max: 2 });
  groups.share(['a', 'b'], 'all');
  const params = groups.params();
  const { scale, zeroPoint } = params.get('a')!;
  expect(scale).toBe(step(4));
  expect(params.get('sixth')).toEqual({ scale: Math.fround(scale * 0.25), zeroPoint });
});

test('a given scale stays, and a value nobody opened is an error', () => {
  const groups = new ScaleGroups();
  groups.fix('picture', { scale: 1, zeroPoint: 0 });
  groups.open('b', { min: 0, max: 300 });
  groups.share(['picture', 'b'], 'all');
  expect(groups.params().get('picture')).toEqual({ scale: 1, zeroPoint: 0 });
  expect(() => groups.tie('nothing', 'x')).toThrow("value 'nothing' has no scale yet");
});
