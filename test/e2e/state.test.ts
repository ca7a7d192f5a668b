// State topics of the whole daemon: counts follow what its camera sees, and a broker that lost everything gets it again.
import { describe, expect } from 'vitest';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { startDaemon } from '../support/daemon.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testBroker = testNeeding({ programs: ['mosquitto'] });

describe('the state topics of a daemon', () => {
  testBroker(
    'count who walks by, zone by zone, and are all there again after the broker lost them',
    async () => {
      const broker = await Mosquitto.start();
      const subscriber = await Subscriber.connect({ url: broker.url });
      const mqtt = { url: broker.url, drainDelayS: 0, retryMaxS: 1 };
      const config = writeConfig({ device: { name: 'pi' }, mqtt, ...busyScene() });
      const daemon = startDaemon(['run', '--config', config, '--data', tempDir()]);
      for (const place of ['camera/yard/label/person', 'camera/yard/zone/strip3/person']) {
        const counts = (): number[] => subscriber.jsonOn(`/${place}`).map(({ count }) => Number(count));
        await waitFor(`somebody at ${place}`, () => counts().some((count) => count > 0), 90_000);
        expect(counts()[0]).toBe(0);
      }
      expect(subscriber.on('/camera/yard/motion').map(({ payload }) => payload)).toContain('ON');
      await broker.kill();
      await broker.restart();
      const after = await Subscriber.connect({ url: broker.url });
      const topics = [...subscriber.newest.keys()].filter((topic) =>
        /\/(label|zone)\/[^/]+(\/person)?$/.test(topic),
      );
      expect(topics.length).toBeGreaterThan(8);
      await waitFor('every one of them', () => topics.every((topic) => after.newest.has(topic)), 60_000);
      daemon.kill('SIGTERM');
      expect(await daemon.exited).toBe(0);
      // The camera has left, and nobody with it.
      await waitFor('nobody', () => after.jsonOn('/camera/yard/label/person').at(-1)?.['count'] === 0);
    },
  );
});
