import { expect, test } from 'vitest';
import { cropOf, isDayFolder, isMediaPath, namesIn, wholeOf } from '../../daemon/store/paths.ts';

const DAY = 'media/porch/2026-06-01';

test.each([
  `${DAY}/120001-person-7-0a1b2c3d.jpg`,
  `${DAY}/120001-person-7-0a1b2c3d-crop.jpg`,
  `${DAY}/120001-person-7-0a1b2c3d.jpg.tmp`,
  'media/back_yard-2/2026-12-31/x.jpg',
])('%s is the path of a picture', (path) => {
  expect(isMediaPath(path)).toBe(true);
});

test.each([
  '',
  'vedette.db',
  '/etc/passwd',
  `/data/${DAY}/a.jpg`,
  'media/../vedette.jpg',
  `media/../${DAY}/a.jpg`,
  `${DAY}/../../../a.jpg`,
  `${DAY}/..jpg`,
  `${DAY}/a..b.jpg`,
  `${DAY}/.hidden.jpg`,
  `${DAY}/a.jpg/b.jpg`,
  `${DAY}/a\0.jpg`,
  `${DAY}/a.jpg\n`,
  `${DAY}/a\\b.jpg`,
  `${DAY}/vedette.db`,
  'media/porch/a.jpg',
  'media/porch/.unfinished/a.jpg',
  'media//2026-06-01/a.jpg',
  './media/porch/2026-06-01/a.jpg',
  'mediamtx/porch/2026-06-01/a.jpg',
  `${DAY}/${'a'.repeat(300)}.jpg`,
])('%j is not', (path) => {
  expect(isMediaPath(path)).toBe(false);
});

test('a day folder is a day of a camera and nothing beside it', () => {
  expect(isDayFolder(DAY)).toBe(true);
  for (const path of ['media', 'media/porch', 'media/porch/.unfinished', `${DAY}/deeper`]) {
    expect([path, isDayFolder(path)]).toEqual([path, false]);
  }
});

test("a picture's name tells its camera, label and track, whatever dashes the label has", () => {
  expect(namesIn(`${DAY}/120001-stop-sign-17-0a1b2c3d.jpg`)).toEqual({
    kind: 'picture',
    camera: 'porch',
    label: 'stop-sign',
    track: 17,
  });
  for (const name of [
    '1-person-1-a.jpg',
    '120001-person-1-a-crop.jpg',
    '120001-person-1-a.tmp',
    'photo.jpg',
  ]) {
    expect([name, namesIn(`${DAY}/${name}`)]).toEqual([name, undefined]);
  }
});

test('a crop and its whole picture lead to each other', () => {
  expect(cropOf(`${DAY}/a.jpg`)).toBe(`${DAY}/a-crop.jpg`);
  expect(wholeOf(`${DAY}/a-crop.jpg`)).toBe(`${DAY}/a.jpg`);
  expect(wholeOf(`${DAY}/a.jpg`)).toBe(`${DAY}/a.jpg`);
});
