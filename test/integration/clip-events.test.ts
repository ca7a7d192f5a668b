// The bundled model and the clips labelled by hand: how many arrivals and departures it tells, and how many of those are right.
import { join } from 'node:path';
import { expect } from 'vitest';
import { clipHash, playClip, readClip, scoreClip } from '../support/clip-events.ts';
import { ROOT, testNeeding } from '../support/needs.ts';

const CLIPS = ['doorbell-person', 'parking-cars'].map((name) =>
  readClip(join(ROOT, 'test/fixtures/clips', `${name}.json`)),
);

const testClip = testNeeding({ programs: ['ffmpeg'], shared: CLIPS.map(({ clip }) => clip) });

testClip.each(CLIPS)('the events of $clip are those of its labels, to the floors', async (labels) => {
  expect(clipHash(labels)).toBe(labels.sha256);
  const { precision, recall, lines } = scoreClip(labels, await playClip(labels, 'default'));
  const found = `${labels.clip}: precision ${precision}, recall ${recall}\n${lines.join('\n')}`;
  console.info(found);
  expect(precision, found).toBeGreaterThanOrEqual(labels.floors.precision);
  expect(recall, found).toBeGreaterThanOrEqual(labels.floors.recall);
});
