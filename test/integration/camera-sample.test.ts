// Frames of a camera spread over time: a recording is played once, as fast as it can be, and its own time counts.
import { expect } from 'vitest';
import { type SampleOptions, sampleCamera } from '../../daemon/camera/sample.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { sharedPath, testNeeding } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';

const SIZE = { width: 640, height: 384 };
const CLIP = 'media/doorbell-person.mkv';
const onClip = testNeeding({ programs: ['ffmpeg'], shared: [CLIP] });

function sampling(path: string, changes: object, take: SampleOptions['take'], everyS = 0.5): Promise<void> {
  const { cameras } = configSchema.parse({
    cameras: { door: { source: { type: 'file', path }, detect: { ...SIZE, fps: 5 }, ...changes } },
  });
  const options = {
    camera: 'door',
    config: cameras['door']!,
    runtimeDir: tempDir(),
    clock: systemClock,
    everyS,
    take,
  };
  return sampleCamera(options, new AbortController().signal);
}

onClip(
  'a recording gives frames apart by its own time, the same each time, and masks are painted',
  async () => {
    const means: number[][] = [];
    const everything = [
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ];
    for (const changes of [{}, {}, { masks: { all: { points: everything } } }]) {
      const seen: number[] = [];
      await sampling(sharedPath(CLIP), changes, (frame) => {
        const luma = frame.subarray(0, SIZE.width * SIZE.height);
        seen.push(luma.reduce((sum, value) => sum + value, 0) / luma.length);
        return true;
      });
      means.push(seen);
    }
    const [first, second, masked] = means;
    expect(first!.length).toBeGreaterThan(3);
    expect(second).toEqual(first);
    expect(new Set(masked)).toEqual(new Set([16]));
  },
);

onClip('no more frames are taken than are wanted, and further apart they are fewer', async () => {
  let taken = 0;
  await sampling(sharedPath(CLIP), {}, () => ++taken < 2);
  expect(taken).toBe(2);
  const counts: number[] = [];
  for (const everyS of [0.5, 4]) {
    let count = 0;
    await sampling(sharedPath(CLIP), {}, () => ++count > 0, everyS);
    counts.push(count);
  }
  expect(counts[1]).toBeLessThan(counts[0]!);
});
