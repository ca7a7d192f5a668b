import { expect, test } from 'vitest';
import type { Camera } from '../../daemon/camera/camera.ts';
import { noPast, passCounters, passObservation } from '../../daemon/camera/camera-past.ts';
import { Cameras } from '../../daemon/camera/cameras.ts';
import type { CameraPast } from '../../daemon/camera/messages.ts';
import { observation, standing, trackView } from '../support/tracks.ts';

const box = standing(0.5, 0.5);

test('the highest numbers stay, whatever is told after them', () => {
  const past = noPast();
  passObservation(past, observation(7, [trackView({ id: 2, box }), trackView({ id: 5, box })]));
  passObservation(past, observation(9, [trackView({ id: 3, box })], [5]));
  passObservation(past, observation(8, [], [3]));
  expect(past).toMatchObject({ frame: 9, track: 5 });
});

test('frames that were counted and not told of count too', () => {
  const past = noPast();
  passObservation(past, observation(12, []));
  passCounters(past, { ...past.counters, framesTotal: 10 });
  expect(past).toMatchObject({ frame: 12, counters: { framesTotal: 10 } });
  passCounters(past, { ...past.counters, framesTotal: 15 });
  expect(past.frame).toBe(15);
});

test('a camera that a reload brings back goes on from what the one of its name was when it stopped', async () => {
  const from: [string, CameraPast][] = [];
  const make = (name: string): Camera => {
    const past = noPast();
    const camera: Partial<Camera> = {
      camera: name,
      past,
      goOnFrom: (before) => void from.push([name, before]),
      start: async () => undefined,
      stop: async () => void passObservation(past, observation(9, [trackView({ id: 5, box })])),
    };
    return camera as Camera;
  };
  const cameras = new Cameras({ names: ['porch', 'yard'], make });
  await cameras.start();
  await cameras.remove(['porch']);
  await cameras.add(['garden']);
  await cameras.add(['porch']);
  expect(from).toEqual([['porch', expect.objectContaining({ frame: 9, track: 5 })]]);
});
