// A daemon that starts again, with a real broker: labels that hang on the model are told while the model is not ready yet, so
// that no retained count and no entity of Home Assistant goes and comes back.
import { describe, expect } from 'vitest';
import { Whereabouts } from '../../daemon/core/whereabouts.ts';
import { APART_MS, READ_BACK_MS } from '../../daemon/publish/home-assistant-channel.ts';
import { isNote } from '../../daemon/publish/memory-notes.ts';
import { type StandingScene, StandingTopics } from '../../daemon/publish/standing-topics.ts';
import { heldAt } from '../support/held.ts';
import { DiscoveredDevice } from '../support/home-assistant.ts';
import { memoryLogger } from '../support/logger.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { type TestPublisher, testPublisher } from '../support/publisher.ts';
import { SimClock } from '../support/sim-clock.ts';
import { type ReceivedMessage, Subscriber } from '../support/subscriber.ts';
import { TopicNotes } from '../support/topic-notes.ts';
import { DOOR, observation, placesOf, ruleOf, standing, trackView } from '../support/tracks.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });
const PLACES = placesOf([DOOR]);

interface Life extends TestPublisher {
  readonly topics: StandingTopics;
  readonly clock: SimClock;
}

interface LifeOptions {
  readonly rules?: StandingScene['rules'];
  /** Known before there is a connection. */
  readonly model?: readonly string[];
}

/** Two cameras, one of them with a zone; no rule, so that its labels are those of the model. */
function sceneOf(rules: StandingScene['rules']): StandingScene {
  const detect = { width: 1280, height: 720 };
  return {
    cameras: { porch: { detect, masks: {} }, lane: { detect, masks: {} } },
    rules,
    places: PLACES,
    pictures: true,
    frigate: { enabled: true, prefix: 'frigate' },
    homeassistant: { enabled: true, prefix: 'homeassistant' },
    device: 'pi',
    healthS: 30,
  };
}

/** Connected, and Home Assistant has been told. */
async function life(url: string, memory: TopicNotes, { rules = [], model }: LifeOptions = {}): Promise<Life> {
  const clock = new SimClock();
  const { logger } = memoryLogger();
  const topics = new StandingTopics({ scene: sceneOf(rules), memory, version: '0.1.0', clock, logger });
  if (model !== undefined) topics.takeModel(model);
  const listener = await Subscriber.connect({ url, filters: ['homeassistant/#'] });
  const { retained, pictures, channels } = topics;
  const published = testPublisher({ url, before: { retained, pictures }, channels });
  await published.publisher.start();
  await waitFor('the connection', () => published.publisher.state().connected);
  await clock.advance(READ_BACK_MS);
  await listener.waitFor('a discovery message of this life', ({ retain }) => !retain);
  return { ...published, topics, clock };
}

/** What the broker holds of labels: topics below the device, and those in the shape of Frigate. */
async function labelsAt(broker: Mosquitto, { retained }: Life): Promise<string[]> {
  return [...(await heldAt(broker, retained, '#')).keys()].filter(isOfLabel).sort();
}

function isOfLabel(topic: string): boolean {
  return /^vedette\/.*\/(?:label|zone)\/|^frigate\/(?:porch|lane|door)\/(?!all$|motion$)\w+$/.test(topic);
}

/** Said while the subscriber was there, and no clearing. */
function isNews({ retain, payload }: ReceivedMessage): boolean {
  return !retain && payload !== '';
}

/** Confirmed, before the camera porch and in its zone. */
function see({ topics }: Life, label: string): void {
  topics.cameraStatus('porch', 'online');
  const seen = observation(1, [trackView({ id: 1, label, box: standing(0.7, 0.8) })]);
  topics.observe(seen, new Whereabouts(PLACES).observe(seen));
}

/** As a version left them that remembered topics alone. */
function withoutNotes(topics: readonly string[]): string[] {
  return topics.filter((topic) => !isNote(topic));
}

/** Of a label that no camera but porch has seen. */
function seenTopicsOf(label: string): string[] {
  return topicsOf(label).filter((topic) => !topic.includes('lane'));
}

function topicsOf(...labels: readonly string[]): string[] {
  return labels
    .flatMap((label) => [
      ...['porch', 'lane'].map((camera) => `vedette/pi/camera/${camera}/label/${label}`),
      `vedette/pi/camera/porch/zone/door/${label}`,
      ...['porch', 'lane', 'door'].map((place) => `frigate/${place}/${label}`),
    ])
    .sort();
}

describe('a daemon that starts again', () => {
  testMosquitto('tells the labels of its model before that is ready, and takes none away', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const memory = new TopicNotes();
    const first = await life(broker.url, memory, { model: ['person', 'car'] });
    expect(await labelsAt(broker, first)).toEqual(topicsOf('person', 'car'));
    await first.publisher.stop();
    const witness = await Subscriber.connect({ url: broker.url, filters: ['#'] });
    const second = await life(broker.url, memory);
    expect(await labelsAt(broker, second)).toEqual(topicsOf('person', 'car'));
    second.topics.takeModel(['person', 'car']);
    expect(await labelsAt(broker, second)).toEqual(topicsOf('person', 'car'));
    // All of the second life is before its second marker.
    await waitFor('the markers', () => witness.on('marker').filter(isNews).length === 2);
    const cleared = witness.messages.filter(({ topic, payload }) => isOfLabel(topic) && payload === '');
    expect(cleared).toEqual([]);
    const device = new DiscoveredDevice();
    for (const { payload } of witness.on('/config')) device.receive(payload);
    expect([...device.removed]).toEqual([]);
    expect(device.named('Porch door person')).toBeDefined();
  });

  testMosquitto('with another model clears what that does not have, and tells the rest', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const memory = new TopicNotes();
    const first = await life(broker.url, memory, { model: ['person', 'car'] });
    await labelsAt(broker, first);
    await first.publisher.stop();
    const second = await life(broker.url, memory);
    second.topics.takeModel(['person', 'bus']);
    expect(await labelsAt(broker, second)).toEqual(topicsOf('person', 'bus'));
  });

  testMosquitto('with rules that name their labels does not wait for the model to clear others', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const memory = new TopicNotes();
    const first = await life(broker.url, memory, { model: ['person', 'car'] });
    await labelsAt(broker, first);
    await first.publisher.stop();
    const second = await life(broker.url, memory, { rules: [ruleOf({ labels: ['car'] })] });
    expect(await labelsAt(broker, second)).toEqual(topicsOf('car'));
  });

  testMosquitto('does not tell a label of one camera, seen there before, of all of them', async () => {
    const broker = await Mosquitto.start({ persistent: true });
    const memory = new TopicNotes();
    const first = await life(broker.url, memory, { model: ['person'] });
    see(first, 'fox');
    expect(await labelsAt(broker, first)).toContain('vedette/pi/camera/porch/label/fox');
    await first.publisher.stop();
    const second = await life(broker.url, memory);
    expect(await labelsAt(broker, second)).toEqual([...topicsOf('person'), ...seenTopicsOf('fox')].sort());
    second.topics.takeModel(['person']);
    expect(await labelsAt(broker, second)).toEqual(topicsOf('person'));
  });

  testMosquitto.each([
    ['of its own', (topics: readonly string[]) => [...topics]],
    ['of a version that kept no notes', withoutNotes],
  ])('takes no label away that was seen and that no rule names, with a data folder %s', async (_, folder) => {
    const broker = await Mosquitto.start({ persistent: true });
    const memory = new TopicNotes();
    const rules = [ruleOf({ labels: ['person', 'car'] })];
    const model = ['person', 'car', 'Dog'];
    const all = [...topicsOf('person', 'car'), ...seenTopicsOf('dog')].sort();
    const first = await life(broker.url, memory, { rules, model });
    see(first, 'Dog');
    expect(await labelsAt(broker, first)).toEqual(all);
    await first.publisher.stop();
    memory.topics = folder(memory.topics ?? []);
    const witness = await Subscriber.connect({ url: broker.url, filters: ['#'] });
    for (let restart = 1; restart <= 2; restart += 1) {
      const next = await life(broker.url, memory, { rules });
      expect(await labelsAt(broker, next)).toEqual(all);
      next.topics.takeModel(model);
      expect(await labelsAt(broker, next)).toEqual(all);
      await next.clock.advance(APART_MS);
      await waitFor('the markers', () => witness.on('marker').filter(isNews).length === 2 * restart);
      await next.publisher.stop();
    }
    const cleared = witness.messages.filter(({ topic, payload }) => isOfLabel(topic) && payload === '');
    expect(cleared).toEqual([]);
    const device = new DiscoveredDevice();
    for (const { payload } of witness.on('/config')) device.receive(payload);
    expect([...device.removed]).toEqual([]);
    // As the model has it, not as it is in topics.
    expect(device.named('Porch Dog')).toBeDefined();
  });

  testMosquitto('forgets what a camera has seen with the camera', async () => {
    const memory = new TopicNotes();
    const broker = await Mosquitto.start({ persistent: true });
    const first = await life(broker.url, memory, { model: ['person'] });
    see(first, 'fox');
    expect(memory.topics).toContain('vedette/pi/camera/porch/seen/fox');
    const { lane } = sceneOf([]).cameras;
    first.topics.arrange({ ...sceneOf([]), cameras: { lane: lane! } }, []);
    expect(memory.topics?.filter((topic) => topic.includes('/seen/'))).toEqual([]);
  });
});
