import { expect, test } from 'vitest';
import type { Camera } from '../../daemon/camera/camera.ts';
import { Cameras } from '../../daemon/camera/cameras.ts';

test('what a reload would add after the daemon was told to stop is not started any more', async () => {
  const told: string[] = [];
  const stopping = Promise.withResolvers<void>();
  const make = (name: string): Camera => {
    const camera: Partial<Camera> = {
      camera: name,
      start: async () => void told.push(`start ${name}`),
      stop: async () => {
        told.push(`stop ${name}`);
        await stopping.promise;
      },
    };
    return camera as Camera;
  };
  const cameras = new Cameras({ names: ['porch'], make });
  await cameras.start();
  const reload = cameras.remove(['porch']).then(() => cameras.add(['porch', 'yard']));
  const stopped = cameras.stop();
  stopping.resolve();
  await Promise.all([reload, stopped]);
  expect(told).toEqual(['start porch', 'stop porch', 'stop porch']);
  expect(cameras.list).toEqual([]);
});
