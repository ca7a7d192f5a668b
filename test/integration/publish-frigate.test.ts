// The writer for programs made for Frigate, against a real broker.
import { describe, expect } from 'vitest';
import type { Places } from '../../daemon/core/rule-types.ts';
import type { EventChange, Observation, OutboxRow, TrackView } from '../../daemon/core/types.ts';
import { Whereabouts } from '../../daemon/core/whereabouts.ts';
import type { FrigateSettings } from '../../daemon/publish/frigate-channel.ts';
import type { Publisher } from '../../daemon/publish/publisher.ts';
import { type StandingScene, StandingTopics } from '../../daemon/publish/standing-topics.ts';
import { frigateEvent } from '../support/frigate-schema.ts';
import { heldAt } from '../support/held.ts';
import { memoryLogger } from '../support/logger.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { jpegLike } from '../support/pictures.ts';
import { alertBody, MemoryOutbox, testPublisher } from '../support/publisher.ts';
import { SimClock } from '../support/sim-clock.ts';
import { Subscriber } from '../support/subscriber.ts';
import { TopicNotes } from '../support/topic-notes.ts';
import { DOOR, NO_STAGES, placesOf, ruleOf, stampOf, standing, trackView } from '../support/tracks.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });
const ON: FrigateSettings = { enabled: true, prefix: 'frigate' };
const OFF: FrigateSettings = { enabled: false, prefix: 'frigate' };

interface World {
  readonly publisher: Publisher;
  readonly topics: StandingTopics;
  arrange(frigate: FrigateSettings, places?: ReadonlyMap<string, Places>): void;
  see(camera: string, frame: number, ...tracks: TrackView[]): void;
  /** Commits changes of one event, or an alert for it. */
  commit(...rows: (Partial<EventChange> | 'alert')[]): void;
}

function scene(frigate: FrigateSettings, places: StandingScene['places']): StandingScene {
  const detect = { width: 1280, height: 720 };
  return {
    cameras: { porch: { detect, masks: {} }, lane: { detect, masks: {} } },
    rules: [ruleOf({ labels: ['person'] })],
    places,
    pictures: true,
    frigate,
    homeassistant: { enabled: false, prefix: 'homeassistant' },
    device: 'pi',
    healthS: 30,
  };
}

/** Both cameras have a zone door. */
const PLACES = placesOf([DOOR], ['porch', 'lane']);

async function world(url: string, frigate: FrigateSettings, memory = new TopicNotes()): Promise<World> {
  const clock = new SimClock(stampOf(0).atMs);
  const { logger } = memoryLogger();
  const topics = new StandingTopics({
    scene: scene(frigate, PLACES),
    memory,
    version: '0.1.0',
    clock,
    logger,
  });
  for (const camera of ['porch', 'lane']) topics.cameraStatus(camera, 'online');
  const whereabouts = new Whereabouts(PLACES);
  const { retained, pictures, channels } = topics;
  const { publisher } = testPublisher({ url, before: { retained, pictures }, channels });
  await publisher.start();
  await waitFor('the connection', () => publisher.state().connected);
  const outbox = new MemoryOutbox();
  const rowOf = (row: Partial<EventChange> | 'alert'): OutboxRow =>
    row === 'alert'
      ? outbox.commit('alert', { ...alertBody('a1'), eventId: EVENT.id })
      : outbox.commit('event', { ...EVENT, ...row });
  return {
    publisher,
    topics,
    arrange: (settings, places = PLACES) => {
      whereabouts.rearrange(places);
      topics.arrange(scene(settings, places), []);
    },
    see: (camera, frame, ...tracks) => {
      const seen = observationOf(camera, frame, tracks);
      topics.observe(seen, whereabouts.observe(seen));
    },
    commit: (...rows) => topics.committed(rows.map(rowOf)),
  };
}

const EVENT: EventChange = {
  id: '0197c9a4-5f10-7c3a-9b1e-2f4d6a8c0e11',
  type: 'new',
  camera: 'porch',
  label: 'person',
  score: 0.9,
  box: standing(0.7, 0.8),
  zones: ['door'],
  stationary: false,
  zonesEntered: ['door'],
  track: 1,
  startedAtMs: stampOf(0).atMs,
  atMs: stampOf(1).atMs,
  monoMs: 1000,
};

function observationOf(camera: string, frame: number, tracks: readonly TrackView[]): Observation {
  return { camera, stamp: stampOf(frame), tracks, ended: [], stages: NO_STAGES };
}

/** What a subscriber that comes now finds below the prefix; pictures by their length. */
async function frigateAt(
  broker: Mosquitto,
  { topics }: World,
  prefix = 'frigate',
): Promise<Record<string, string>> {
  const held = await heldAt(broker, topics.retained, `${prefix}/#`);
  return Object.fromEntries(
    [...held].map(([topic, payload]) => [
      topic,
      topic.endsWith('/snapshot') ? String(payload.length) : payload.toString('utf8'),
    ]),
  );
}

const NOBODY = Object.fromEntries(
  ['porch', 'lane', 'door'].flatMap((place) =>
    ['person', 'person/active', 'all', 'all/active'].map((label) => [`frigate/${place}/${label}`, '0']),
  ),
);
const CALM = { 'frigate/porch/motion': 'OFF', 'frigate/lane/motion': 'OFF' };

describe('the writer for programs made for Frigate', () => {
  testMosquitto('is silent when it is off', async () => {
    const broker = await Mosquitto.start();
    const made = await world(broker.url, OFF);
    made.see('porch', 1, trackView({ id: 1, box: standing(0.7, 0.8) }));
    made.topics.picture('porch', { label: 'person', jpeg: jpegLike(1, 100) });
    made.commit({});
    expect(await frigateAt(broker, made)).toEqual({});
  });

  testMosquitto('counts per camera and per zone of all cameras, retained', async () => {
    const broker = await Mosquitto.start();
    const made = await world(broker.url, ON);
    expect(await frigateAt(broker, made)).toEqual({ ...NOBODY, ...CALM, 'frigate/available': 'online' });
    made.see('porch', 1, trackView({ id: 1, box: standing(0.7, 0.8) }));
    made.see(
      'lane',
      1,
      trackView({ id: 1, box: standing(0.7, 0.8) }),
      trackView({ id: 2, box: standing(0.2, 0.8) }),
    );
    made.see(
      'lane',
      2,
      trackView({ id: 1, box: standing(0.9, 0.8) }),
      trackView({ id: 2, box: standing(0.2, 0.8) }),
    );
    expect(await frigateAt(broker, made)).toMatchObject({
      'frigate/porch/person': '1',
      'frigate/porch/all': '1',
      'frigate/lane/person': '2',
      'frigate/lane/person/active': '1',
      'frigate/door/person': '2',
      'frigate/door/all': '2',
      'frigate/door/all/active': '1',
      'frigate/lane/motion': 'ON',
      'frigate/porch/motion': 'OFF',
    });
  });

  testMosquitto('tells events of a life in order, each as Frigate would', async () => {
    const broker = await Mosquitto.start();
    const made = await world(broker.url, ON);
    const subscriber = await Subscriber.connect({ url: broker.url, filters: ['frigate/#'] });
    made.see('porch', 1, trackView({ id: 1, box: standing(0.7, 0.8), score: 0.8 }));
    made.commit({});
    made.commit('alert', { type: 'update', zones: [], atMs: stampOf(9).atMs });
    made.commit({ type: 'end', endedAtMs: stampOf(20).atMs, atMs: stampOf(20).atMs });
    const messages = (await subscriber.waitForCount('frigate/events', 3)).map(({ payload }) =>
      frigateEvent(payload),
    );
    expect(messages.map(({ type }) => type)).toEqual(['new', 'update', 'end']);
    expect(messages[1]?.before).toEqual(messages[0]?.after);
    expect(messages[2]?.before).toEqual(messages[1]?.after);
    expect(new Set(messages.map(({ after }) => after['id'])).size).toBe(1);
    expect(messages.map(({ after }) => after['max_severity'])).toEqual(['detection', 'alert', 'alert']);
    expect(messages[0]?.after['score']).toBe(0.8);
    expect(subscriber.on('frigate/events').map(({ retain, qos }) => [retain, qos])).toEqual([
      [false, 0],
      [false, 0],
      [false, 0],
    ]);
  });

  testMosquitto(
    'tells an object as new once the broker is back, and what went by meanwhile never',
    async () => {
      const broker = await Mosquitto.start();
      const made = await world(broker.url, ON);
      await broker.kill();
      await waitFor('the loss', () => !made.publisher.state().connected);
      made.commit({});
      made.commit({ type: 'update' });
      await broker.restart();
      const subscriber = await Subscriber.connect({ url: broker.url, filters: ['frigate/#'] });
      await waitFor('the second connection', () => made.publisher.state().reconnects === 1);
      made.commit({ type: 'update' }, { type: 'update' });
      const messages = (await subscriber.waitForCount('frigate/events', 2)).map(({ payload }) =>
        frigateEvent(payload),
      );
      expect(messages.map(({ type }) => type)).toEqual(['new', 'update']);
      expect(await frigateAt(broker, made)).toEqual({ ...NOBODY, ...CALM, 'frigate/available': 'online' });
    },
  );

  testMosquitto('tells an object as new under another prefix', async () => {
    const broker = await Mosquitto.start();
    const made = await world(broker.url, ON);
    const subscriber = await Subscriber.connect({ url: broker.url, filters: ['other/#'] });
    made.commit({});
    made.arrange({ ...ON, prefix: 'other' });
    made.commit({ type: 'update' }, { type: 'end', endedAtMs: stampOf(9).atMs });
    const messages = await subscriber.waitForCount('other/events', 2);
    expect(messages.map(({ payload }) => frigateEvent(payload).type)).toEqual(['new', 'end']);
  });

  testMosquitto('shows the newest picture of a label, and takes it away with the camera', async () => {
    const broker = await Mosquitto.start();
    const made = await world(broker.url, ON);
    made.topics.picture('porch', { label: 'person', jpeg: jpegLike(1, 1234) });
    expect(await frigateAt(broker, made)).toMatchObject({ 'frigate/porch/person/snapshot': '1234' });
    made.topics.pictures.forget('porch');
    expect(await frigateAt(broker, made)).not.toHaveProperty(['frigate/porch/person/snapshot']);
  });

  testMosquitto('leaves nothing behind when it is switched off or gets another prefix', async () => {
    const broker = await Mosquitto.start();
    const made = await world(broker.url, OFF);
    made.arrange(ON);
    made.topics.picture('porch', { label: 'person', jpeg: jpegLike(1, 100) });
    expect(Object.keys(await frigateAt(broker, made))).toHaveLength(16);
    made.arrange({ ...ON, prefix: 'other/frigate' });
    expect(await frigateAt(broker, made)).toEqual({});
    expect(await frigateAt(broker, made, 'other/frigate')).toMatchObject({
      'other/frigate/available': 'online',
      'other/frigate/door/person': '0',
    });
    made.arrange(ON, new Map());
    expect(Object.keys(await frigateAt(broker, made)).filter((topic) => topic.includes('/door/'))).toEqual(
      [],
    );
    made.arrange(OFF);
    expect(await frigateAt(broker, made)).toEqual({});
    expect(await frigateAt(broker, made, 'other')).toEqual({});
  });

  testMosquitto('says online again after a restart, and nothing else in between', async () => {
    const broker = await Mosquitto.start();
    const memory = new TopicNotes();
    const first = await world(broker.url, ON, memory);
    const subscriber = await Subscriber.connect({ url: broker.url, filters: ['frigate/available'] });
    await subscriber.waitForCount('frigate/available', 1);
    await first.publisher.stop();
    await subscriber.waitForCount('frigate/available', 2);
    await world(broker.url, ON, memory);
    await subscriber.waitForCount('frigate/available', 3);
    expect(subscriber.on('frigate/available').map(({ payload }) => payload)).toEqual([
      'online',
      'offline',
      'online',
    ]);
  });

  testMosquitto(
    'says offline when the daemon is stopped; switched off meanwhile, the next one clears it',
    async () => {
      const broker = await Mosquitto.start();
      const memory = new TopicNotes();
      const first = await world(broker.url, ON, memory);
      await first.publisher.stop();
      const subscriber = await Subscriber.connect({ url: broker.url, filters: ['frigate/#'] });
      await subscriber.waitFor(
        'offline',
        ({ topic, payload }) => topic === 'frigate/available' && payload === 'offline',
      );
      const second = await world(broker.url, OFF, memory);
      expect(await frigateAt(broker, second)).toEqual({});
    },
  );
});
