// SIGHUP takes the configuration up again: all of it, or none of it with the errors of a start. Real daemon, real broker.
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { parse, stringify } from 'yaml';
import { writeConfig } from '../support/configurations.ts';
import { childrenOf, type RunningDaemon, runToEnd, startDaemon } from '../support/daemon.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testBroker = testNeeding({ programs: ['mosquitto'] });
const WHOLE_FRAME = [
  [0, 0],
  [1, 0],
  [1, 1],
  [0, 1],
];
const SCENE = { source: { type: 'scene' }, detect: { width: 640, height: 384 } };

interface Trial {
  readonly daemon: RunningDaemon;
  readonly config: string;
  readonly broker: Mosquitto;
  readonly subscriber: Subscriber;
  /** Writes the document and hangs up; resolves with the log line of the answer. */
  reload(document: object): Promise<string>;
  /** The newest value of a topic. */
  newest(topicEnd: string): string | undefined;
  health(): {
    cameras: Record<string, { framesTotal: number; restarts: number }>;
    detector: { restarts: number };
    snapshots: { count: number; bytes: number };
  };
}

async function startTrial(document: object, data = tempDir()): Promise<Trial> {
  const broker = await Mosquitto.start();
  const subscriber = await Subscriber.connect({ url: broker.url });
  const whole = (more: object): object => ({
    log: { format: 'json' },
    mqtt: { url: broker.url, drainDelayS: 0, healthS: 1 },
    ...more,
  });
  const config = writeConfig(whole(document));
  const daemon = startDaemon(['run', '--config', config, '--data', data]);
  await waitFor('the start', () => daemon.stderr().includes('"msg":"started"'));
  const answers = (): string[] =>
    daemon
      .stderr()
      .split('\n')
      .filter((line) => /configuration (reloaded|is the same|not reloaded)/.test(line));
  const newest = (topicEnd: string): string | undefined =>
    subscriber.messages.findLast(({ topic }) => topic.endsWith(topicEnd))?.payload;
  return {
    daemon,
    config,
    broker,
    subscriber,
    newest,
    reload: async (next) => {
      const before = answers().length;
      writeFileSync(config, stringify(whole(next)));
      daemon.kill('SIGHUP');
      return waitFor('the answer to the reload', () => answers()[before], 30_000);
    },
    health: () => JSON.parse(newest('/health') ?? '{}') as ReturnType<Trial['health']>,
  };
}

describe('a reload', () => {
  testBroker('brings a camera and a rule, and leaves the camera that was there alone', async () => {
    const { daemon, reload, subscriber, health, newest } = await startTrial({ cameras: { yard: SCENE } });
    await waitFor('frames', () => health().cameras?.['yard']?.framesTotal);
    const program = await waitFor('its program', () =>
      childrenOf(daemon.pid).find(({ command }) => command.includes(' scene ')),
    );
    const line = await reload({
      cameras: {
        yard: { ...SCENE, zones: { all: { points: WHOLE_FRAME } } },
        lane: { source: { type: 'scene', seed: 2 }, detect: { width: 640, height: 384 } },
      },
      rules: { anybody: { trigger: { type: 'enter', zone: 'all' }, cooldownS: 0 } },
    });
    expect(JSON.parse(line)).toMatchObject({ changes: ['rules', 'camera lane added'] });
    await subscriber.waitFor(
      'an alert of the new rule',
      ({ topic, payload }) => topic.endsWith('/alert') && payload.includes('anybody'),
    );
    await waitFor('the new camera', () => newest('camera/lane/status') === 'online');
    await waitFor('frames of the new camera', () => health().cameras['lane']?.framesTotal);
    expect(health().cameras['yard']?.restarts).toBe(0);
    expect(childrenOf(daemon.pid).map(({ pid }) => pid)).toContain(program.pid);

    expect(JSON.parse(await reload({ cameras: { lane: SCENE } }))).toMatchObject({
      changes: ['rules', 'camera yard removed', 'camera lane restarted'],
    });
    await waitFor('no camera yard', () => newest('camera/yard/status') === '');
    await waitFor(
      'its program to be gone',
      () => !childrenOf(daemon.pid).some(({ pid }) => pid === program.pid),
    );
    await waitFor('health without it', () => Object.keys(health().cameras).join() === 'lane');
    daemon.kill('SIGTERM');
    expect(await daemon.exited).toBe(0);
  });

  testBroker('with mistakes changes nothing and says what vedette check says', async () => {
    const { daemon, config, reload, newest, health } = await startTrial({ cameras: { yard: SCENE } });
    await waitFor('the camera', () => newest('camera/yard/status') === 'online');
    const line = await reload({
      track: { scoreMin: 7 },
      cameras: { lane: { ...SCENE, stallMs: 1 } },
      rules: { a: { trigger: { type: 'enter', zone: 'nowhere' } } },
    });
    expect(line).toContain('configuration not reloaded');
    const { stderr } = await runToEnd(['check', '--config', config]);
    const mistakes = stderr.trim().split('\n');
    expect(mistakes.length).toBeGreaterThanOrEqual(2);
    const told = daemon
      .stderr()
      .split('\n')
      .flatMap((text) =>
        text.includes('CONFIG_INVALID') ? [(JSON.parse(text) as { msg: string }).msg] : [],
      );
    expect(told).toEqual(expect.arrayContaining(mistakes));
    const frames = health().cameras['yard']!.framesTotal;
    await waitFor('the old camera going on', () => health().cameras['yard']!.framesTotal > frames);
    expect(Object.keys(health().cameras)).toEqual(['yard']);

    // And what is mended is taken.
    const text = readFileSync(config, 'utf8');
    expect(text).toContain('nowhere');
    expect(await reload({ cameras: { yard: SCENE, lane: SCENE } })).toContain('camera lane added');
  });

  testBroker('moves to another broker and another detector setting; what was committed arrives', async () => {
    const { daemon, broker, subscriber, config, reload, newest, health } = await startTrial({
      cameras: { yard: SCENE },
    });
    await waitFor('the camera', () => newest('camera/yard/status') === 'online');
    await waitFor('the detector', () => health().detector);
    const second = await Mosquitto.start();
    const there = await Subscriber.connect({ url: second.url });
    const { mqtt } = parse(readFileSync(config, 'utf8')) as { mqtt: object };
    const line = await reload({
      mqtt: { ...mqtt, url: second.url },
      detector: { deadlineMs: 5000, threads: 2 },
      cameras: { yard: SCENE },
    });
    expect(JSON.parse(line)).toMatchObject({ changes: ['mqtt', 'detector'] });
    await there.waitFor(
      'the tree at the new broker',
      ({ topic, payload }) => topic.endsWith('camera/yard/status') && payload === 'online',
    );
    // Two connections: the tree may be heard before the goodbye that was sent first.
    await subscriber.waitFor('the goodbye at the old broker', ({ topic, payload }) => {
      return /vedette\/[^/]+\/status$/.test(topic) && payload === 'stopped';
    });
    await there.waitFor(
      'the detector with two threads',
      ({ topic, payload }) =>
        topic.endsWith('/health') && payload.includes('"threads":2') && payload.includes('"state":"ready"'),
    );
    await there.waitFor('frames seen by it', ({ topic }) => topic.endsWith('/detections'));
    await broker.stop();
    daemon.kill('SIGTERM');
    expect(await daemon.exited).toBe(0);
  });

  testBroker('gives the board another name; under the old one nothing is left', async () => {
    const { daemon, broker, reload, newest } = await startTrial({
      device: { name: 'before' },
      cameras: { yard: SCENE },
    });
    await waitFor('the camera', () => newest('before/camera/yard/status') === 'online');
    const line = await reload({ device: { name: 'after' }, cameras: { yard: SCENE } });
    expect(JSON.parse(line)).toMatchObject({ changes: ['device', 'mqtt'] });
    await waitFor('the camera under its new name', () => newest('after/camera/yard/status') === 'online');
    const late = await Subscriber.connect({ url: broker.url, filters: ['vedette/#'] });
    await late.waitForCount('after/camera/yard/detections', 1);
    const retained = late.messages.filter(({ retain }) => retain).map(({ topic }) => topic);
    expect(retained.filter((topic) => topic.startsWith('vedette/before/'))).toEqual([]);
    daemon.kill('SIGTERM');
    expect(await daemon.exited).toBe(0);
  });

  testBroker('with less room for pictures deletes the oldest, and no camera begins again', async () => {
    const data = tempDir();
    const folder = join(data, 'media/lane/2026-01-01');
    mkdirSync(folder, { recursive: true });
    const names = Array.from({ length: 12 }, (_, n) => `1200${10 + n}-person-${n}-a.jpg`);
    for (const name of names) {
      // Of a daemon that a power cut ended before their rows: the first sweep takes them up.
      writeFileSync(join(folder, name), Buffer.alloc(1_500_000, name));
      utimesSync(join(folder, name), 0, 0);
    }
    const { daemon, reload, health } = await startTrial({ cameras: { yard: SCENE } }, data);
    await waitFor('all pictures', () => health().snapshots?.count >= names.length);
    expect(readdirSync(folder)).toEqual(names);
    const line = await reload({ cameras: { yard: SCENE }, snapshots: { keepMb: 10 } });
    expect(JSON.parse(line)).toMatchObject({ changes: ['retention'] });
    await waitFor('less than the limit', () => health().snapshots.bytes <= 10_000_000);
    const left = readdirSync(folder);
    expect(left.length).toBeGreaterThan(0);
    expect(left).toEqual(names.slice(-left.length));
    expect(health().cameras['yard']?.restarts).toBe(0);
    daemon.kill('SIGTERM');
    expect(await daemon.exited).toBe(0);
  });

  testBroker(
    'with another mask, and one that switches pictures off, clears the pictures that are retained',
    async () => {
      const { daemon, reload, newest, broker, subscriber } = await startTrial({ cameras: { yard: SCENE } });
      const picture = (): string | undefined => newest('camera/yard/snapshot');
      await waitFor('a picture', () => picture() || undefined, 60_000);
      const masks = { left: { points: WHOLE_FRAME.map(([x, y]) => [x! / 10, y]) } };
      const masked = { cameras: { yard: { ...SCENE, masks } } };
      expect(JSON.parse(await reload(masked))).toMatchObject({ changes: ['camera yard restarted'] });
      await subscriber.waitFor(
        'no picture without the mask',
        ({ topic, payload }) => topic.endsWith('camera/yard/snapshot') && payload === '',
      );
      await waitFor('a picture with the mask', () => picture() || undefined, 60_000);
      const off = { ...masked, snapshots: { enabled: false } };
      expect(JSON.parse(await reload(off))).toMatchObject({ changes: ['mqtt', 'camera yard restarted'] });
      await waitFor('no picture', () => picture() === '');
      const late = await Subscriber.connect({ url: broker.url });
      await late.waitForCount('camera/yard/status', 1);
      expect(late.messages.filter(({ retain, topic }) => retain && topic.endsWith('/snapshot'))).toEqual([]);
      daemon.kill('SIGTERM');
      expect(await daemon.exited).toBe(0);
    },
  );

  testBroker('asked for many times at once ends with the last file', async () => {
    const { daemon, config, newest, reload, health } = await startTrial({ cameras: { yard: SCENE } });
    await waitFor('the camera', () => newest('camera/yard/status') === 'online');
    const document = parse(readFileSync(config, 'utf8')) as object;
    for (let n = 1; n <= 5; n += 1) {
      writeFileSync(config, stringify({ ...document, cameras: { [`cam${n}`]: SCENE } }));
      daemon.kill('SIGHUP');
    }
    await waitFor('the last one', () => newest('camera/cam5/status') === 'online', 60_000);
    expect(JSON.parse(await reload({ cameras: { cam5: SCENE } }))).toMatchObject({ changes: [] });
    await waitFor('only the last one', () => Object.keys(health().cameras).join() === 'cam5');
  });
});

testBroker('SIGHUP ends other commands, as a closed terminal should', async () => {
  const daemon = startDaemon(['demo', '--port', '0', '--data', join(tempDir(), 'data')]);
  await waitFor('the demo', () => daemon.stdout().includes('Ctrl-C stops'));
  daemon.kill('SIGHUP');
  expect(await daemon.exited).toBe(0);
});
