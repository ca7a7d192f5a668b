// The ladder in the whole daemon, in this process, so that its board may be a folder: real camera workers, the real detector
// process, a real broker. What is asserted is what an owner reads in `health` and in the log.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { expect, onTestFinished, test } from 'vitest';
import { runApp } from '../../daemon/app.ts';
import type { RunningApp } from '../../daemon/app-options.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import type { LadderState } from '../../daemon/core/ladder-rungs.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { SYSTEM_ROOTS } from '../../daemon/platform/system-files.ts';
import { modelFolder, SHIPPED_MODEL, TOYS } from '../support/detector.ts';
import { memoryLogger } from '../support/logger.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

/** The times of a board's metal are for benches; the rungs and their order are the same. */
const QUICK = { downAfterS: 2, upAfterS: 2 };
const WAIT_MS = 120_000;
const SIDE = 64;
/** Large enough for regions with a model of 384 pixels. */
const WIDE = 576;

/** A camera of grey frames that costs next to nothing. */
function camera(fps: number, more: object = {}, side = SIDE): object {
  const frames = `$|=1; $f = "\\x80" x ${(side * side * 3) / 2}; while (1) { syswrite STDOUT, $f; select undef, undef, undef, ${1 / fps} }`;
  return {
    source: { type: 'command', command: ['perl', '-e', frames] },
    detect: { width: side, height: side, fps },
    ...more,
  };
}

interface Health {
  readonly detector: { readonly model: string };
  readonly ladder: LadderState;
}

interface Board {
  readonly app: RunningApp;
  /** Warnings and news of the ladder so far. */
  readonly log: () => readonly string[];
  readonly health: () => readonly Health[];
  /** Writes what the hottest sensor says. */
  readonly heat: (celsius: number) => void;
  readonly reach: (what: string, check: (health: Health) => boolean) => Promise<Health>;
}

async function startBoard(document: object): Promise<Board> {
  const broker = await Mosquitto.start();
  const folder = tempDir();
  const roots = { ...SYSTEM_ROOTS, sys: join(folder, 'sys') };
  const zone = join(roots.sys, 'class/thermal/thermal_zone0');
  mkdirSync(zone, { recursive: true });
  writeFileSync(join(zone, 'type'), 'cpu-thermal\n');
  const heat = (celsius: number): void =>
    writeFileSync(join(zone, 'temp'), `${Math.round(celsius * 1000)}\n`);
  heat(55);
  const config = configSchema.parse({
    device: { name: 'pi' },
    mqtt: { url: broker.url, healthS: 1, drainDelayS: 0, selfTestMinutes: 0 },
    ...document,
  });
  const { logger, records } = memoryLogger();
  const subscriber = await Subscriber.connect({ url: broker.url });
  const ending = new AbortController();
  const started = Promise.withResolvers<RunningApp>();
  const running = runApp(
    {
      ...{ config, dataDir: join(folder, 'data'), deviceDefault: 'pi', version: '0.0.0' },
      ...{ clock: systemClock, logger, roots, observer: { onStarted: started.resolve } },
    },
    ending.signal,
  );
  running.catch(started.reject);
  onTestFinished(async () => {
    ending.abort();
    await running;
  });
  const app = await started.promise;
  const health = (): Health[] =>
    subscriber.messages
      .filter(({ topic }) => topic === 'vedette/pi/health')
      .map(({ payload }) => JSON.parse(payload) as Health);
  return {
    ...{ app, health, heat },
    log: () => records.filter(({ part }) => part === 'ladder').map(({ msg }) => msg),
    reach: (what, check) => waitFor(what, () => health().find(check), WAIT_MS),
  };
}

const rungsIn = (log: readonly string[]): number[] =>
  log.map((line) => Number(/to rung (\d)/.exec(line)?.[1]));

test('a ramp of heat walks the ladder down to the lighter model and up again, in health and in the log', async () => {
  const board = await startBoard({
    detector: { lighter: 'vedette-nano-224' },
    ladder: QUICK,
    cameras: {
      cat: camera(4, { priority: 'low' }, WIDE),
      yard: camera(4, {}, WIDE),
      door: camera(4, { priority: 'high' }, WIDE),
    },
  });
  const calm = await board.reach('a health message', ({ ladder }) => ladder.busyShare !== undefined);
  expect(calm.ladder).toMatchObject({ rung: 0, of: 7, step: 'full effort', hottestC: 55, skipped: [] });
  expect(calm.ladder).not.toHaveProperty('reason');

  let celsius = 70;
  const ramp = systemClock.every(150, () => {
    celsius = Math.min(91, celsius + 1);
    board.heat(celsius);
  });
  onTestFinished(() => ramp.stop());
  const alertLast = await board.reach('rung 4', ({ ladder }) => ladder.rung === 4);
  expect(alertLast.ladder.cameras).toEqual({
    cat: { class: 'low', rate: 0.5, regions: false },
    yard: { class: 'normal', rate: 0.5, regions: false },
    door: { class: 'alert', rate: 1, regions: true },
  });
  const worst = await board.reach(
    'the lighter model',
    ({ detector }) => detector.model === 'vedette-nano-224',
  );
  expect(worst.ladder).toMatchObject({ rung: 7, step: 'the lighter model' });
  expect(worst.ladder.reason).toMatch(/^\d\d\.\d °C \(cpu-thermal, limit 80\)$/);
  expect(worst.ladder.cameras['door']).toEqual({ class: 'alert', rate: 0.5, regions: false });

  ramp.stop();
  board.heat(60);
  await waitFor('full effort', () => rungsIn(board.log()).at(-1) === 0, WAIT_MS);
  expect(rungsIn(board.log())).toEqual([1, 2, 3, 4, 5, 6, 7, 6, 5, 4, 3, 2, 1, 0]);
  expect(board.log()[0]).toMatch(
    /^down to rung 1 of 7 \(low-class cameras at half their rate\): [89]\d\.\d °C \(cpu-thermal, limit 80\)$/,
  );
  expect(board.log().at(-1)).toMatch(/^up to rung 0 of 7 \(full effort\): no strain for 2 s, 60\.0 °C/);
  const over = await waitFor('health of full effort', () => {
    const last = board.health().at(-1);
    return last?.ladder.rung === 0 && last.detector.model === 'vedette-nano' && last;
  });
  expect(over.ladder.cameras['cat']).toEqual({ class: 'low', rate: 1, regions: true });
});

test('more frames than the detector can take walk the ladder down, and less of them up again', async () => {
  const unwatched = { motion: { enabled: false } };
  const board = await startBoard({
    detector: { model: SHIPPED_MODEL, threads: 1 },
    ladder: QUICK,
    cameras: {
      cat: camera(60, { ...unwatched, priority: 'low' }),
      yard: camera(60, unwatched),
      fence: camera(60, unwatched),
      lane: camera(60, unwatched),
      pond: camera(60, unwatched),
      door: camera(60, { ...unwatched, priority: 'high' }),
    },
  });
  const down = await board.reach('two steps down', ({ ladder }) => ladder.rung === 2);
  expect(down.ladder.reason).toMatch(
    /^the detector is saturated: camera \w+ loses \d+ % of its frames \(limit 10 %\)$/,
  );
  expect(down.ladder.cameras['door']).toEqual({ class: 'alert', rate: 1, regions: true });
  // Rungs of regions would change nothing where nobody watches for motion, and there is no lighter model.
  expect(down.ladder.of).toBe(3);
  expect(down.ladder.skipped).toHaveLength(4);

  const client = await connectAsync(board.app.brokerUrl);
  onTestFinished(() => client.endAsync(true));
  for (const name of Object.keys(down.ladder.cameras))
    await client.publishAsync(`vedette/pi/camera/${name}/detect/set`, 'OFF', { qos: 1 });
  await waitFor('full effort', () => rungsIn(board.log()).at(-1) === 0, WAIT_MS);
  const rungs = rungsIn(board.log());
  expect(rungs.slice(0, 2)).toEqual([1, 2]);
  for (const [index, rung] of rungs.entries()) expect(Math.abs(rung - (rungs[index - 1] ?? 0))).toBe(1);
});

test('a lighter model that cannot be run is left out when it is read, not when it is needed', async () => {
  const model = modelFolder(tempDir(), TOYS.ssd);
  const cameras = { door: camera(2) };
  const board = await startBoard({ detector: { model, lighter: SHIPPED_MODEL }, ladder: QUICK, cameras });
  await waitFor('the warning', () => board.log().length > 0);
  expect(board.log()).toEqual([
    'detector.lighter: its labels are not those of detector.model; that rung is left out',
  ]);
  const { ladder } = await board.reach('health after that', ({ ladder: { skipped } }) =>
    skipped.some(({ reason }) => reason === 'its labels are not those of detector.model'),
  );
  expect(ladder.skipped.at(-1)?.step).toBe('the lighter model');
});

test('a reload keeps what is given up as far as there are rungs for it, and without a ladder nothing is', async () => {
  const document = { cameras: { yard: camera(4), door: camera(4, { priority: 'high' }) } };
  const whole = { detector: { model: modelFolder(tempDir(), TOYS.ssd) }, ladder: QUICK, ...document };
  const board = await startBoard(whole);
  board.heat(95);
  await board.reach('the last rung', ({ ladder }) => ladder.rung === 4);
  const reloaded = { device: { name: 'pi' }, ...whole };
  const { mqtt } = configSchema.parse({ ...document, mqtt: { url: board.app.brokerUrl } });
  const config = configSchema.parse({
    ...reloaded,
    mqtt: { ...mqtt, healthS: 1, drainDelayS: 0, selfTestMinutes: 0 },
    cameras: { door: camera(4, { priority: 'high' }) },
  });
  await board.app.reload(config);
  await board.reach('fewer rungs', ({ ladder }) => ladder.of === 2 && ladder.rung === 2);
  await board.app.reload({ ...config, ladder: { ...config.ladder, enabled: false } });
  await board.reach('no ladder', ({ ladder }) => ladder === undefined);
});
