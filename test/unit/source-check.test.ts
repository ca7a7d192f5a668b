// What `vedette check` says about frames that a source cannot make.
import { expect, test } from 'vitest';
import { checkSources } from '../../daemon/cli/check-sources.ts';
import { configSchema } from '../../daemon/config/schema.ts';

async function look(detect: object) {
  const config = configSchema.parse({ cameras: { yard: { source: { type: 'scene' }, detect } } });
  const { good, faults } = await checkSources(config);
  return [...good, ...faults.map(({ path, message }) => `${path.join('.')}: ${message}`)];
}

test('a size that the built-in scene cannot draw is told with its limit', async () => {
  const fine = ["camera 'yard': the built-in scene, needs nothing"];
  expect(await look({})).toEqual(fine);
  expect(await look({ width: 320, height: 192, fps: 60 })).toEqual(fine);
  const width = 'cameras.yard.detect.width: the built-in scene needs a multiple of 64 from 320 to 1920';
  expect(await look({ width: 64, height: 64 })).toEqual([`${width} (got 64)`]);
  expect(await look({ width: 2560 })).toEqual([`${width} (got 2560)`]);
  expect(await look({ width: 1920, height: 66 })).toEqual([
    'cameras.yard.detect.height: the built-in scene needs an even number from 192 to 1080 (got 66)',
  ]);
});
