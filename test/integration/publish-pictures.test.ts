// The snapshot topics, against real brokers: bytes, reconnects, limits, and that pictures give way.
import { describe, expect, test } from 'vitest';
import { CAMERA_LABELS_MAX, CAMERA_PICTURE_BYTES_MAX } from '../../daemon/publish/picture-topics.ts';
import { cameraPath, cameraStatusPath, isSnapshotPathOf } from '../../daemon/publish/topics.ts';
import { embeddedBroker } from '../support/embedded.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { jpegLike as jpeg } from '../support/pictures.ts';
import { type TestPublisher, testPublisher } from '../support/publisher.ts';
import { SimClock } from '../support/sim-clock.ts';
import { Subscriber } from '../support/subscriber.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });

function sameBytes(received: Buffer | undefined, sent: Uint8Array): boolean {
  return received !== undefined && Buffer.compare(received, sent) === 0;
}

let markers = 0;

/** What is retained now. Complete: the marker is sent when everything retained is on its way to the new client. */
async function treeOf(
  broker: { url: string },
  { retained }: Pick<TestPublisher, 'retained'>,
): Promise<Map<string, Buffer>> {
  const subscriber = await Subscriber.connect({ url: broker.url });
  markers += 1;
  retained.set(cameraStatusPath(`marker-${markers}`), 'online');
  await subscriber.waitForCount(`marker-${markers}/status`, 1);
  // What is cleared while it comes is told with an empty message.
  const tree = [...subscriber.newest].filter(
    ([topic, { length }]) => length > 0 && !topic.includes('marker'),
  );
  return new Map(tree);
}

describe('snapshot topics', () => {
  testMosquitto('carry the newest JPEG, byte for byte, retained, per camera and per label', async () => {
    const broker = await Mosquitto.start();
    const live = await Subscriber.connect({ url: broker.url });
    const { publisher, picture, retained } = testPublisher({ url: broker.url });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    picture('porch', { label: 'person', jpeg: jpeg(1) });
    picture('porch', { label: 'Traffic Light', jpeg: jpeg(2) });
    picture('porch', { label: 'person', jpeg: jpeg(3) });
    const tree = await treeOf(broker, { retained });
    await live.waitForCount(`marker-${markers}/status`, 1);
    expect(live.on('porch/snapshot')).toHaveLength(3);
    expect(live.on('porch/snapshot')[0]).toMatchObject({ qos: 0 });
    const at = (topic: string) => tree.get(`vedette/pi/camera/${topic}`);
    expect(sameBytes(at('porch/snapshot'), jpeg(3))).toBe(true);
    expect(sameBytes(at('porch/label/person/snapshot'), jpeg(3))).toBe(true);
    expect(sameBytes(at('porch/label/traffic_light/snapshot'), jpeg(2))).toBe(true);
    expect(publisher.state().picturesDropped).toBe(0);
  });

  testMosquitto('are there again after the broker came back empty', async () => {
    const broker = await Mosquitto.start();
    const { publisher, picture, retained } = testPublisher({ url: broker.url });
    picture('porch', { label: 'person', jpeg: jpeg(1) });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    await broker.kill();
    await waitFor('the loss', () => !publisher.state().connected);
    picture('yard', { label: 'dog', jpeg: jpeg(2) });
    await broker.restart();
    await waitFor('the connection', () => publisher.state().connected);
    const tree = await treeOf(broker, { retained });
    expect(sameBytes(tree.get('vedette/pi/camera/porch/snapshot'), jpeg(1))).toBe(true);
    expect(sameBytes(tree.get('vedette/pi/camera/porch/label/person/snapshot'), jpeg(1))).toBe(true);
    expect(sameBytes(tree.get('vedette/pi/camera/yard/label/dog/snapshot'), jpeg(2))).toBe(true);
  });

  testMosquitto(
    'of a camera show the newest alone, not the labels before it, when a broker is met',
    async () => {
      const broker = await Mosquitto.start();
      const subscriber = await Subscriber.connect({ url: broker.url });
      const { publisher, picture } = testPublisher({ url: broker.url });
      for (const [index, label] of ['person', 'dog', 'cat'].entries())
        picture('porch', { label, jpeg: jpeg(index) });
      await publisher.start();
      await subscriber.waitForCount('porch/label/cat/snapshot', 1);
      await subscriber.waitForCount('porch/snapshot', 1);
      expect(subscriber.on('camera/porch/snapshot')).toHaveLength(1);
      expect(sameBytes(subscriber.newest.get('vedette/pi/camera/porch/snapshot'), jpeg(2))).toBe(true);
    },
  );

  testMosquitto('are not published when the configuration says so', async () => {
    const broker = await Mosquitto.start();
    const { publisher, picture, retained } = testPublisher({ url: broker.url, publishPictures: false });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    picture('porch', { label: 'person', jpeg: jpeg(1) });
    const tree = await treeOf(broker, { retained });
    expect([...tree.keys()].filter((topic) => topic.endsWith('/snapshot'))).toEqual([]);
  });

  testMosquitto('go with their camera, also when the broker was away at that moment', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const { publisher, cameraStatus, picture, pictures, retained } = testPublisher({ url: broker.url });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    for (const camera of ['porch', 'yard', 'lane']) {
      cameraStatus(camera, 'online');
      picture(camera, { label: 'person', jpeg: jpeg(1) });
    }
    const forget = (camera: string): void => {
      pictures.forget(camera);
      retained.clearBelow(cameraPath(camera));
    };
    forget('porch');
    await broker.stop();
    await waitFor('the loss', () => !publisher.state().connected);
    forget('yard');
    await broker.restart();
    await waitFor('the connection', () => publisher.state().connected);
    const tree = await treeOf(broker, { retained });
    expect([...tree.keys()].filter((topic) => topic.includes('/camera/')).sort()).toEqual([
      'vedette/pi/camera/lane/label/person/snapshot',
      'vedette/pi/camera/lane/snapshot',
      'vedette/pi/camera/lane/status',
    ]);
  });
});

describe('a publisher that takes the place of another', () => {
  testMosquitto('under another device name: all old topics are cleared, what is true moves', async () => {
    const broker = await Mosquitto.start();
    const old = testPublisher({ url: broker.url, device: 'old' });
    await old.publisher.start();
    await waitFor('the connection', () => old.publisher.state().connected);
    old.cameraStatus('porch', 'online');
    old.picture('porch', { label: 'person', jpeg: jpeg(1) });
    await old.publisher.stop();
    const { publisher, retained } = testPublisher({ url: broker.url, device: 'new', before: old });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    const tree = await treeOf(broker, { retained });
    expect([...tree.keys()].sort()).toEqual([
      'vedette/new/camera/porch/label/person/snapshot',
      'vedette/new/camera/porch/snapshot',
      'vedette/new/camera/porch/status',
      'vedette/new/health',
      'vedette/new/status',
    ]);
    expect(sameBytes(tree.get('vedette/new/camera/porch/snapshot'), jpeg(1))).toBe(true);
  });

  testMosquitto('without pictures: those of the old one are cleared', async () => {
    const broker = await Mosquitto.start();
    const old = testPublisher({ url: broker.url });
    await old.publisher.start();
    await waitFor('the connection', () => old.publisher.state().connected);
    old.picture('porch', { label: 'person', jpeg: jpeg(1) });
    await old.publisher.stop();
    old.pictures.forget('porch');
    const { publisher, retained } = testPublisher({
      url: broker.url,
      publishPictures: false,
      before: old,
    });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    const tree = await treeOf(broker, { retained });
    expect([...tree.keys()].filter((topic) => topic.endsWith('/snapshot'))).toEqual([]);
  });
});

describe('limits', () => {
  testMosquitto('the oldest labels of a camera make room, at the broker too', async () => {
    const broker = await Mosquitto.start();
    const { publisher, picture, retained } = testPublisher({ url: broker.url });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    for (let label = 0; label <= CAMERA_LABELS_MAX; label += 1) {
      picture('many', { label: `l${label}`, jpeg: jpeg(label) });
    }
    const half = CAMERA_PICTURE_BYTES_MAX / 2;
    picture('large', { label: 'first', jpeg: jpeg(1, half) });
    picture('large', { label: 'second', jpeg: jpeg(2, half) });
    picture('large', { label: 'third', jpeg: jpeg(3, half) });
    picture('large', { label: 'fourth', jpeg: jpeg(4, 2 * half + 1) });
    await waitFor('all sent', async () => {
      const tree = await treeOf(broker, { retained });
      return sameBytes(tree.get('vedette/pi/camera/large/snapshot'), jpeg(3, half));
    });
    const tree = await treeOf(broker, { retained });
    const labels = (camera: string): string[] =>
      [...tree.keys()].flatMap((t) => new RegExp(`/${camera}/label/(\\w+)/`).exec(t)?.[1] ?? []);
    expect(labels('many')).toHaveLength(CAMERA_LABELS_MAX);
    expect(labels('many')).not.toContain('l0');
    expect(labels('large').sort()).toEqual(['second', 'third']);
    expect(publisher.state().picturesDropped).toBe(1);
  });

  testMosquitto('what makes room while the broker is away is cleared when it is back', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const keeps = (path: string): boolean => isSnapshotPathOf(['large'], path);
    const { publisher, picture, retained } = testPublisher({ url: broker.url, keeps });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    const half = CAMERA_PICTURE_BYTES_MAX / 2;
    picture('large', { label: 'first', jpeg: jpeg(1, half) });
    picture('large', { label: 'second', jpeg: jpeg(2, half) });
    const labels = async (): Promise<string[]> =>
      [...(await treeOf(broker, { retained })).keys()].flatMap((t) => /label\/(\w+)/.exec(t)?.[1] ?? []);
    await waitFor('both', async () => (await labels()).length === 2);
    await broker.stop();
    await waitFor('the loss', () => !publisher.state().connected);
    picture('large', { label: 'third', jpeg: jpeg(3, half) });
    await broker.restart();
    await waitFor('the connection', () => publisher.state().connected);
    await waitFor('the newest', async () => (await labels()).includes('third'));
    expect((await labels()).sort()).toEqual(['second', 'third']);
  });

  testMosquitto(
    'on a slow connection only the newest waits, and an alert does not wait behind many',
    async () => {
      const broker = await Mosquitto.start();
      const subscriber = await Subscriber.connect({ url: broker.url });
      const { publisher, alert, picture } = testPublisher({ url: broker.url });
      await publisher.start();
      await waitFor('the connection', () => publisher.state().connected);
      broker.freeze();
      const size = 512 * 1024;
      for (let number = 1; number <= 100; number += 1) {
        picture('porch', { label: 'person', jpeg: jpeg(number, size) });
      }
      alert('in-between');
      const { picturesDropped } = publisher.state();
      expect(picturesDropped).toBeGreaterThan(50);
      broker.thaw();
      await subscriber.waitFor('the alert', ({ payload }) => payload.includes('in-between'));
      await waitFor('the newest', () =>
        sameBytes(subscriber.newest.get('vedette/pi/camera/porch/snapshot'), jpeg(100, size)),
      );
      expect(subscriber.on('label/person/snapshot')).toHaveLength(100 - picturesDropped);
    },
  );

  testMosquitto('one larger than the broker says it takes is dropped, counted and told once', async () => {
    const broker = await Mosquitto.start({ lines: ['max_packet_size 20000'] });
    const subscriber = await Subscriber.connect({ url: broker.url });
    const { publisher, records, picture } = testPublisher({ url: broker.url });
    await publisher.start();
    await waitFor('the connection', () => publisher.state().connected);
    picture('porch', { label: 'person', jpeg: jpeg(1, 30_000) });
    picture('porch', { label: 'person', jpeg: jpeg(2, 30_000) });
    picture('yard', { label: 'person', jpeg: jpeg(3, 10_000) });
    await subscriber.waitForCount('yard/snapshot', 1);
    expect(subscriber.on('porch/snapshot')).toEqual([]);
    expect(publisher.state()).toMatchObject({ connected: true, reconnects: 0, picturesDropped: 2 });
    expect(records.filter(({ level }) => level >= 40).map(({ msg }) => msg)).toEqual([
      expect.stringMatching(
        /person\/snapshot not published: \d+ bytes are more than the broker takes \(20000\)/,
      ),
    ]);
  });

  test('a broker that closes on a large packet without having said so is not fed for ever', async () => {
    const broker = await embeddedBroker();
    const clock = new SimClock();
    const { publisher, records, alert, picture } = testPublisher({
      url: broker.url,
      clock,
      config: { protocol: '3.1.1' },
    });
    const subscriber = await Subscriber.connect({ url: broker.url });
    await publisher.start();
    picture('porch', { label: 'person', jpeg: jpeg(1, 2 * 1024 * 1024) });
    const paused = () => records.filter(({ msg }) => /no pictures for 10 minutes/.test(msg));
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await waitFor(
        'the loss',
        () => records.filter(({ msg }) => /connection lost/.test(msg)).length === attempt,
      );
      await clock.advance(1000);
    }
    await waitFor('the connection', () => publisher.state().connected);
    expect(paused()).toHaveLength(1);
    await clock.advance(5000);
    alert('through');
    await subscriber.waitFor('the alert', ({ payload }) => payload.includes('through'));
    expect(publisher.state()).toMatchObject({ connected: true, reconnects: 3 });
    await clock.advance(580_000);
    expect(paused()).toHaveLength(1);
    // In small steps: the loss comes in real time.
    await waitFor('the next try', async () => {
      await clock.advance(500);
      return paused().length === 2;
    });
  });

  testMosquitto('a broker that took them for a while is not blamed when it goes', async () => {
    const broker = await Mosquitto.start();
    const clock = new SimClock();
    const { publisher, records, picture } = testPublisher({ url: broker.url, clock });
    await publisher.start();
    for (let time = 1; time <= 4; time += 1) {
      await waitFor('the connection', () => publisher.state().connected);
      // One in every second, so that each end comes soon after one.
      for (let second = 1; second <= 5; second += 1) {
        picture('porch', { label: 'person', jpeg: jpeg(second) });
        await clock.advance(1000);
      }
      await broker.kill();
      await waitFor('the loss', () => !publisher.state().connected);
      await broker.restart();
      await clock.advance(5000);
    }
    expect(records.filter(({ msg }) => /no pictures/.test(msg))).toEqual([]);
  });

  testMosquitto('a broker that we leave is not blamed', async () => {
    const broker = await Mosquitto.start();
    const first = testPublisher({ url: broker.url });
    for (let time = 1, world = first; time <= 4; time += 1) {
      await world.publisher.start();
      await waitFor('the connection', () => world.publisher.state().connected);
      world.picture('porch', { label: 'person', jpeg: jpeg(time) });
      await world.publisher.stop();
      world = testPublisher({ url: broker.url, before: world });
    }
    expect(first.records.filter(({ msg }) => /no pictures/.test(msg))).toEqual([]);
  });
});
