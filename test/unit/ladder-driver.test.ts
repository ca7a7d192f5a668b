// What the ladder knows of models that come while the daemon runs.
import { expect, test } from 'vitest';
import { LadderDriver } from '../../daemon/camera/ladder-driver.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import type { ModelSpec } from '../../daemon/core/types.ts';
import { memoryLogger } from '../support/logger.ts';
import { SimClock } from '../support/sim-clock.ts';
import { waitFor } from '../support/wait.ts';

const config = (lighter: string) =>
  configSchema.parse({
    cameras: { porch: { source: { type: 'scene' } } },
    detector: { model: 'full', lighter },
  });

/** A ladder whose models are there from the moment `there` says so. */
function ladder(there: () => boolean | Promise<boolean>) {
  const driver = new LadderDriver({
    ...{ config: config('light'), clock: new SimClock(), logger: memoryLogger().logger },
    board: { state: () => ({}) },
    cameras: { list: [], setEffort: () => undefined },
    onModel: () => undefined,
    loadModel: async (model) => {
      if (!(await there())) throw new Error(`${model} is not there`);
      const input = { width: model === 'full' ? 320 : 224 } as ModelSpec['input'];
      return { labels: ['person'], input };
    },
  });
  const hasLighter = (): boolean => driver.state()!.skipped.every(({ step }) => step !== 'the lighter model');
  return { driver, hasLighter };
}

test('the lighter model is a rung as soon as the detector has got the model that was not there at first', async () => {
  let isThere = false;
  const { driver, hasLighter } = ladder(() => isThere);
  await driver.start();
  driver.detectorIs('down');
  expect(hasLighter()).toBe(false);
  isThere = true;
  driver.detectorIs('ready');
  await waitFor('the rung', hasLighter);
  await driver.stop();
});

test('a reload while the models are being read does not lose what is read', async () => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const { driver, hasLighter } = ladder(() => promise);
  await driver.start();
  driver.arrange(config('light'));
  resolve(true);
  await waitFor('the rung', hasLighter);
  await driver.stop();
});
