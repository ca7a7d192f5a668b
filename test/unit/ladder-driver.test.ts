// What the ladder knows of models: those that come while the daemon runs, and how much more work the full one is.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LadderDriver } from '../../daemon/camera/ladder-driver.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import type { ModelSpec } from '../../daemon/core/types.ts';
import { SYSTEM_ROOTS } from '../../daemon/platform/system-files.ts';
import { memoryLogger } from '../support/logger.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempDir } from '../support/temp-dir.ts';
import { NO_STAGES, observation } from '../support/tracks.ts';
import { waitFor } from '../support/wait.ts';

const config = (lighter: string) =>
  configSchema.parse({
    cameras: { porch: { source: { type: 'scene' } } },
    detector: { model: 'full', lighter },
  });

const INPUTS: Readonly<Record<string, { width: number; height: number }>> = {
  full: { width: 384, height: 384 },
  light: { width: 224, height: 224 },
  wide: { width: 768, height: 384 },
};

/** A ladder on a board of its own, whose models are there from the moment `there` says so. */
function ladder(there: () => boolean | Promise<boolean>) {
  const clock = new SimClock();
  const roots = { ...SYSTEM_ROOTS, sys: tempDir() };
  const zone = join(roots.sys, 'class/thermal/thermal_zone0');
  mkdirSync(zone, { recursive: true });
  const driver = new LadderDriver({
    ...{ config: config('light'), clock, roots, logger: memoryLogger().logger },
    board: { state: () => ({}) },
    cameras: { list: [], setEffort: () => undefined },
    onModel: () => undefined,
    loadModel: async (model) => {
      if (!(await there())) throw new Error(`${model} is not there`);
      return { labels: ['person'], input: INPUTS[model] as ModelSpec['input'] };
    },
  });
  const hasLighter = (): boolean => driver.state()!.skipped.every(({ step }) => step !== 'the lighter model');
  const heat = (celsius: number): void => writeFileSync(join(zone, 'temp'), `${celsius * 1000}\n`);
  /** Time passes while the detector runs for this share of it. */
  const pass = async (seconds: number, busyShare: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      driver.observed({ ...observation(second, []), stages: { ...NO_STAGES, inferMs: busyShare * 1000 } });
      await clock.advance(1000);
    }
  };
  return { driver, hasLighter, heat, pass };
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

test.each([
  // 384² pixels to 224²: 2.94 times the work, and a rung up may make the detector 90 % busy.
  ['light', { stays: 0.31, rises: 0.3 }],
  // More pixels than the full model: no more work one rung up than here.
  ['wide', { stays: 0.91, rises: 0.89 }],
])(
  'the full model comes back from %s when the detector has time for it by the pixels of both',
  async (lighter, at) => {
    for (const [busyShare, uses] of [
      [at.stays, true],
      [at.rises, false],
    ] as const) {
      const { driver, hasLighter, heat, pass } = ladder(() => true);
      driver.arrange(config(lighter));
      heat(90);
      await driver.start();
      await waitFor('the rung', hasLighter);
      driver.detectorIs('ready');
      await pass(60, busyShare);
      expect(driver.usesLighterModel).toBe(true);
      heat(50);
      await pass(70, busyShare);
      expect(driver.usesLighterModel).toBe(uses);
      await driver.stop();
    }
  },
);
