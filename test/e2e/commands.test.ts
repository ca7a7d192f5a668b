// Switches and requests of the real daemon over Mosquitto: they take effect, and survive what daemons go through.
import { writeFileSync } from 'node:fs';
import { describe, expect } from 'vitest';
import { stringify } from 'yaml';
import { Fuzzer } from '../support/command-fuzzer.ts';
import { Commander } from '../support/commands.ts';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { childrenOf, type RunningDaemon, startDaemon } from '../support/daemon.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { decodeJpeg } from '../support/pictures.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testBroker = testNeeding({ programs: ['mosquitto'] });

/** Not those that the tests themselves send to. */
const FILTERS = ['event', 'alert', 'camera/+/status'].map((path) => `vedette/pi/${path}`);

interface House {
  readonly subscriber: Subscriber;
  readonly commander: Commander;
  daemon: RunningDaemon;
  /** Ends the daemon with this signal and starts it again, with other top-level keys in its file if there are some. */
  again(signal: 'SIGTERM' | 'SIGKILL', more?: object): Promise<void>;
  reload(more: object): void;
}

/** A scene in which every few seconds somebody enters a zone that has a rule. */
async function startHouse(more: object = {}): Promise<House> {
  const broker = await Mosquitto.start();
  const whole = (other: object): object => ({
    device: { name: 'pi' },
    log: { format: 'json' },
    mqtt: { url: broker.url, drainDelayS: 0, healthS: 1, detections: false },
    ...busyScene(),
    ...other,
  });
  const config = writeConfig(whole(more));
  const data = tempDir();
  const start = (): RunningDaemon => startDaemon(['run', '--config', config, '--data', data]);
  const house: House = {
    subscriber: await Subscriber.connect({ url: broker.url, filters: FILTERS }),
    commander: await Commander.connect(broker.url),
    daemon: start(),
    again: async (signal, other = more) => {
      house.daemon.kill(signal);
      await house.daemon.exited;
      writeFileSync(config, stringify(whole(other)));
      house.commander.states.length = 0;
      house.daemon = start();
    },
    reload: (other) => {
      writeFileSync(config, stringify(whole(other)));
      house.daemon.kill('SIGHUP');
    },
  };
  await house.commander.stateSaid('arm', 'ON');
  return house;
}

const isScene = ({ command }: { command: string }): boolean => command.includes(' scene ');

describe('armed', () => {
  testBroker('OFF keeps rules quiet while events go on, ON lets them fire again', async () => {
    const { subscriber, commander } = await startHouse();
    await subscriber.waitForCount('/alert', 1);
    await commander.send('arm/set', 'OFF');
    await commander.stateSaid('arm', 'OFF');
    const furtherEvents = (count: number): Promise<unknown> =>
      subscriber.waitForCount('/event', subscriber.on('/event').length + count);
    // What was decided before is on its way in front of these.
    await furtherEvents(2);
    const alerts = subscriber.on('/alert').length;
    await furtherEvents(5);
    expect(subscriber.on('/alert')).toHaveLength(alerts);
    await commander.send('arm/set', 'ON');
    await subscriber.waitForCount('/alert', alerts + 1);
    await commander.send('camera/yard/armed/set', 'OFF');
    await commander.stateSaid('camera/yard/armed', 'OFF');
    await furtherEvents(2);
    const later = subscriber.on('/alert').length;
    await furtherEvents(5);
    expect(subscriber.on('/alert')).toHaveLength(later);
  });
});

describe('a switch', () => {
  testBroker('survives a stop, a SIGKILL and a reload; what the file says anew wins over it', async () => {
    const house = await startHouse();
    const { commander, subscriber } = house;
    const newest = (end: string): string | undefined =>
      subscriber.messages.findLast(({ topic }) => topic.endsWith(end))?.payload;
    await waitFor('the camera', () => newest('camera/yard/status') === 'online', 60_000);
    await commander.send('camera/yard/enabled/set', 'OFF');
    await commander.send('camera/yard/threshold/set', '0.55');
    await commander.stateSaid('camera/yard/threshold', '0.55');
    await waitFor('no program', () => !childrenOf(house.daemon.pid).some(isScene));
    await waitFor('its status', () => newest('camera/yard/status') === 'disabled');

    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await house.again(signal);
      await commander.stateSaid('camera/yard/enabled', 'OFF');
      await commander.stateSaid('camera/yard/threshold', '0.55');
      await waitFor('the start', () => house.daemon.stderr().includes('"msg":"started"'), 60_000);
      expect(childrenOf(house.daemon.pid).filter(isScene)).toEqual([]);
      expect(newest('camera/yard/status')).toBe('disabled');
    }

    const { cameras, rules } = busyScene() as { cameras: { yard: object }; rules: object };
    house.reload({ rules, cameras: { yard: { ...cameras.yard, threshold: 0.6 } } });
    await commander.stateSaid('camera/yard/threshold', '0.6');
    expect(newest('camera/yard/status')).toBe('disabled');
    await house.again('SIGKILL', { armed: false, cameras: { yard: { ...cameras.yard, armed: false } } });
    await commander.stateSaid('arm', 'OFF');
    await commander.stateSaid('camera/yard/armed', 'OFF');
    await commander.stateSaid('camera/yard/threshold', 'auto');
    await commander.stateSaid('camera/yard/enabled', 'OFF');
    await commander.send('camera/yard/enabled/set', 'ON');
    await waitFor('the camera', () => newest('camera/yard/status') === 'online', 60_000);
  });
});

describe('a request', () => {
  testBroker('gets the messages of a gap, and a picture, also of a camera that does not detect', async () => {
    const { subscriber, commander } = await startHouse();
    await subscriber.waitForCount('/event', 6);
    const events = subscriber.jsonOn('/event').slice(1, 5);
    const first = events[0] as { epoch: string; seq: number };
    const request = { id: 'gap-1', counter: 'event', afterSeq: first.seq - 1, limit: 4 };
    const { body } = await commander.ask('request/events', request);
    expect(body).toMatchObject({ ok: true, epoch: first.epoch, messages: events, more: true });

    await commander.send('camera/yard/detect/set', 'OFF');
    await commander.stateSaid('camera/yard/detect', 'OFF');
    const picture = await commander.ask('request/snapshot', { id: 'now', camera: 'yard' });
    expect(picture.body).toMatchObject({ ok: true, camera: 'yard', width: 1280, height: 720 });
    const jpeg = Buffer.from(picture.body['jpeg'] as string, 'base64');
    expect(decodeJpeg(jpeg)).toMatchObject({ width: 1280, height: 720 });
    await commander.send('camera/yard/enabled/set', 'OFF');
    const none = await commander.ask('request/snapshot', { id: 'off', camera: 'yard' });
    expect(none.body).toMatchObject({ ok: false, error: { code: 'CAMERA_NO_PICTURE' } });
  });
});

describe('a flood of hostile messages', () => {
  testBroker(
    'changes nothing, is answered within limits, and commands are taken again after it',
    async () => {
      const house = await startHouse();
      const { commander, subscriber } = house;
      const cameraIs = (): string | undefined =>
        subscriber.messages.findLast(({ topic }) => topic.endsWith('camera/yard/status'))?.payload;
      await waitFor('the camera', () => cameraIs() === 'online', 60_000);
      const before = commander.states.map(({ path, value }) => `${path} ${value}`).sort();
      const fuzzer = new Fuzzer(7);
      for (let batch = 0; batch < 30; batch += 1) {
        // Of this camera, too: the fuzzer's names are of another house.
        const messages = Array.from({ length: 50 }, () => fuzzer.next());
        const ours = messages.map(({ path, payload }) => ({
          path: path.replace('/porch/', '/yard/'),
          payload,
        }));
        await Promise.all(ours.map(({ path, payload }) => commander.send(path, payload)));
      }
      await waitFor(
        'commands to be taken again',
        async () => {
          await commander.send('camera/yard/threshold/set', '0.42');
          return commander.states.at(-1)?.value === '0.42';
        },
        60_000,
      );
      const after = commander.states
        .map(({ path, value }) => `${path} ${value}`)
        .filter((line) => !line.endsWith('0.42'));
      expect(after.sort()).toEqual(before);
      expect(commander.answers.length).toBeGreaterThan(0);
      // Refusals: 20 at once and 2 a second; requests that are good by chance: 25 and 6 a second.
      expect(commander.answers.length).toBeLessThan(400);
      expect(cameraIs()).toBe('online');
      const warnings = house.daemon
        .stderr()
        .split('\n')
        .filter((line) => line.includes('COMMAND_'));
      expect(warnings.length).toBeGreaterThan(0);
      expect(warnings.length).toBeLessThan(20);
      expect(house.daemon.process.exitCode).toBeNull();
    },
  );
});
