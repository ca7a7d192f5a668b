// When Home Assistant is told, with a real broker: at a connect, after its birth message, when something comes or goes; and
// what it is told to take away. The waiting is simulated, the messages are real.
import { connectAsync, type MqttClient } from 'mqtt';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Channel, IncomingMessage, Session, Subscription } from '../../daemon/publish/channel.ts';
import { discoveryOf, discoveryTopic } from '../../daemon/publish/home-assistant.ts';
import {
  APART_MS,
  BIRTH_DELAY_MS_MAX,
  BIRTH_DELAY_MS_MIN,
  HomeAssistantChannel,
  type HomeAssistantSettings,
  type Housing,
  READ_BACK_MS,
  SETTLE_MS,
} from '../../daemon/publish/home-assistant-channel.ts';
import { PictureTopics } from '../../daemon/publish/picture-topics.ts';
import { RetainedTree, type TopicMemory } from '../../daemon/publish/retained.ts';
import { embeddedBroker } from '../support/embedded.ts';
import { DiscoveredDevice } from '../support/home-assistant.ts';
import { rule } from '../support/home-assistant-rules.ts';
import { type LogRecord, memoryLogger } from '../support/logger.ts';
import { testPublisher } from '../support/publisher.ts';
import { SimClock } from '../support/sim-clock.ts';
import { Subscriber } from '../support/subscriber.ts';
import { TopicNotes } from '../support/topic-notes.ts';
import { waitFor } from '../support/wait.ts';

const ID = 'vedette_0123456789abcdef';
const TOPIC = discoveryTopic('homeassistant', ID);
const OTHER_TOPIC = discoveryTopic('house', ID);
const SETTINGS: HomeAssistantSettings = { enabled: true, prefix: 'homeassistant' };
const HOUSING: Housing = {
  device: 'pi',
  version: '0.1.0',
  cameras: ['porch', 'yard'],
  pictures: true,
  healthS: 30,
  thermometer: true,
};
const PERSON = { kind: 'count', camera: 'yard', label: 'person' } as const;
const NOBODY = { count: 0, active: 0, scoreMax: 0, atMs: 0 };

interface House {
  readonly url: string;
  readonly clock: SimClock;
  readonly channel: HomeAssistantChannel;
  readonly records: LogRecord[];
  /** Everything on the discovery topic, as another client sees it. */
  messages(): string[];
  /** The same, once all that has been sent by now is there. */
  allMessages(): Promise<string[]>;
  /** Resolves with the newest when there are so many. */
  heard(count: number): Promise<string>;
  /** Home Assistant says a word; resolves when the daemon has heard it. */
  say(word: string): Promise<void>;
  stop(): Promise<void>;
}

interface HouseOptions {
  readonly url?: string;
  readonly settings?: HomeAssistantSettings;
  readonly housing?: Housing;
  readonly memory?: TopicMemory;
  /** Why what is received need not be by the contract. */
  readonly notByContract?: string;
}

/** A daemon as far as Home Assistant is concerned: connected, nothing told yet. */
async function house(options: HouseOptions = {}): Promise<House> {
  const { settings = SETTINGS, housing = HOUSING, memory = new TopicNotes(), notByContract } = options;
  const url = options.url ?? (await embeddedBroker()).url;
  const clock = new SimClock();
  const { logger, records } = memoryLogger();
  const retained = new RetainedTree({ memory });
  const random = () => 0.5;
  const channel = new HomeAssistantChannel({ id: ID, settings, housing, retained, clock, logger, random });
  const listener = await Subscriber.connect({ url, filters: [TOPIC, OTHER_TOPIC], notByContract });
  const witness = new Witness();
  const before = { retained, pictures: new PictureTopics({ retained, clock, logger }) };
  const { publisher } = testPublisher({ url, before, channels: [channel, witness] });
  await publisher.start();
  const client = await clientAt(url);
  await witness.listens(client);
  const messages = () =>
    listener.messages.filter(({ topic }) => topic === TOPIC).map(({ payload }) => payload);
  return {
    url,
    clock,
    channel,
    records,
    messages,
    allMessages: async () => {
      const last = String(listener.messages.length);
      witness.speak(last);
      await waitFor('all messages', () =>
        listener.messages.some(({ topic, payload }) => topic === OTHER_TOPIC && payload === last),
      );
      return messages();
    },
    heard: async (count) => {
      await waitFor(`${count} discovery messages`, () => messages().length >= count);
      return messages()[count - 1]!;
    },
    say: (word) => witness.hears(client, word),
    stop: () => publisher.stop(),
  };
}

/** The last of the channels: what it has heard, the others have heard. */
class Witness implements Channel {
  readonly words: string[] = [];
  #session: Session | undefined;

  subscriptions(): readonly Subscription[] {
    const onMessage = ({ payload }: IncomingMessage) => void this.words.push(payload.toString());
    return [{ filter: 'homeassistant/status', qos: 1, onMessage }];
  }

  /** Resolves when the subscriptions hold. */
  async listens(client: MqttClient): Promise<void> {
    await waitFor('the subscriptions', async () => {
      await client.publishAsync('homeassistant/status', 'nothing that means anything', { qos: 1 });
      return this.words.length > 0;
    });
  }

  /** Says it once; resolves when it is heard. */
  async hears(client: MqttClient, word: string): Promise<void> {
    await client.publishAsync('homeassistant/status', word, { qos: 1 });
    await waitFor(`'${word}' heard`, () => this.words.includes(word));
    this.words.splice(this.words.indexOf(word), 1);
  }

  /** Behind everything that was published before, on the same connection. */
  speak(word: string): void {
    this.#session?.connection.publish(OTHER_TOPIC, word, false, () => {});
  }

  opened(session: Session): void {
    this.#session = session;
  }

  closed(): void {}
}

async function clientAt(url: string): Promise<MqttClient> {
  const client = await connectAsync(url, { protocolVersion: 4 });
  onTestFinished(() => client.endAsync(true));
  return client;
}

/** What an earlier life has left at the broker. */
async function leave(url: string, payload: string | Buffer): Promise<void> {
  const client = await clientAt(url);
  await client.publishAsync(TOPIC, payload, { qos: 1, retain: true });
}

function deviceOf(messages: readonly string[]): DiscoveredDevice {
  const device = new DiscoveredDevice();
  for (const message of messages) device.receive(message);
  return device;
}

function componentsIn(message: string): Record<string, object> {
  return (JSON.parse(message) as { cmps: Record<string, object> }).cmps;
}

/** Past every delay that is under way. */
async function settle(clock: SimClock): Promise<void> {
  await clock.advance(2 * SETTLE_MS + BIRTH_DELAY_MS_MAX);
}

describe('at a connect', () => {
  rule('the discovery message is retained', async () => {
    const { url, clock, heard } = await house();
    await clock.advance(READ_BACK_MS);
    const message = await heard(1);
    expect(deviceOf([message]).entities.size).toBeGreaterThan(20);
    const later = await Subscriber.connect({ url, filters: [TOPIC] });
    const kept = await later.waitFor('the retained message', ({ topic }) => topic === TOPIC);
    expect(kept).toMatchObject({ payload: message, retain: true, qos: 1 });
  });

  test('what the broker had kept is read first, and what has gone since is named for removal', async () => {
    const { url } = await embeddedBroker();
    const old = discoveryOf({ ...HOUSING, cameras: ['attic'], places: [] }, ID);
    await leave(url, old.payload);
    const { heard, messages, clock, allMessages } = await house({ url });
    // Without waiting: the message was there at once. The first one seen is the old one.
    await heard(2);
    await clock.advance(READ_BACK_MS);
    expect(await allMessages()).toHaveLength(2);
    const device = deviceOf(messages());
    expect([...device.entities.keys()].filter((id) => id.includes('attic'))).toEqual([]);
    expect(device.removed).toContain('motionCattic');
    expect(device.entities.has('motionCporch')).toBe(true);
  });

  test('a component that was on its way out stays on it over a restart', async () => {
    const { url } = await embeddedBroker();
    await leave(
      url,
      discoveryOf({ ...HOUSING, places: [] }, ID, new Map([['motionCattic', 'binary_sensor']])).payload,
    );
    const { heard } = await house({ url });
    expect(componentsIn(await heard(2))['motionCattic']).toEqual({ p: 'binary_sensor' });
  });

  test.each([
    ['no JSON', '{"cmps":'],
    ['another shape', '[1, "cmps", null]'],
    ['null everywhere', '{"cmps":{"a":null,"b":{"p":null},"c":{"p":"toaster"},"d e":{"p":"sensor"}}}'],
    ['bytes', Buffer.from([0xff, 0xfe, 0])],
    ['far too much', Buffer.alloc(900_000, 'x')],
  ])(
    'a foreign message on our topic is replaced and nothing of it is taken over: %s',
    async (_name, payload) => {
      const { url } = await embeddedBroker();
      await leave(url, payload);
      const { heard } = await house({ url, notByContract: 'the first message is the foreign one' });
      const components = componentsIn(await heard(2));
      expect(Object.keys(components).sort()).toEqual(
        [...discoveryOf({ ...HOUSING, places: [] }, ID).components.keys()].sort(),
      );
    },
  );

  test('a memory of the topic from an earlier life does not clear it', async () => {
    const memory = new TopicNotes();
    memory.change({ added: [TOPIC], removed: [] });
    const { clock, heard, messages } = await house({ memory });
    await clock.advance(READ_BACK_MS);
    await heard(1);
    expect(messages()).not.toContain('');
  });
});

describe('after the birth message', () => {
  rule('the birth message online triggers the discovery message again', async () => {
    const { clock, heard, say, allMessages } = await house();
    await clock.advance(READ_BACK_MS);
    const first = await heard(1);
    await say('offline');
    await settle(clock);
    expect(await allMessages()).toHaveLength(1);
    await say('online');
    await clock.advance(BIRTH_DELAY_MS_MAX);
    expect(await heard(2)).toBe(first);
  });

  rule('the answer to the birth message has a random delay', async () => {
    const { clock, heard, say, allMessages } = await house();
    await clock.advance(READ_BACK_MS);
    await heard(1);
    await say('online');
    // Half way between the two, says the chance of this test.
    const delayMs = (BIRTH_DELAY_MS_MIN + BIRTH_DELAY_MS_MAX) / 2;
    await clock.advance(delayMs - 1);
    await say('online');
    expect(await allMessages()).toHaveLength(1);
    await clock.advance(1);
    await heard(2);
    await clock.advance(BIRTH_DELAY_MS_MAX);
    // Said twice, answered once.
    expect(await allMessages()).toHaveLength(2);
  });

  test('a retained birth message is of the past and answers nothing', async () => {
    const { url } = await embeddedBroker();
    const client = await clientAt(url);
    await client.publishAsync('homeassistant/status', 'online', { qos: 1, retain: true });
    const { clock, heard, allMessages } = await house({ url });
    await clock.advance(READ_BACK_MS);
    await heard(1);
    await settle(clock);
    expect(await allMessages()).toHaveLength(1);
  });
});

describe('what comes and goes', () => {
  test('a label that is first seen becomes an entity, and several at once are one message', async () => {
    const { clock, channel, heard, messages, allMessages } = await house();
    await clock.advance(READ_BACK_MS);
    await heard(1);
    channel.changed([{ ...PERSON, state: NOBODY }]);
    channel.changed([{ ...PERSON, zone: 'gate', state: NOBODY }]);
    channel.changed([{ ...PERSON, state: { ...NOBODY, count: 1 } }]);
    await clock.advance(APART_MS);
    await heard(2);
    expect(deviceOf(messages()).named('Yard gate person count')).toMatchObject({
      state_topic: 'vedette/pi/camera/yard/zone/gate/person',
    });
    // Neither a count that changes nor a reload that changes nothing here is news.
    channel.changed([{ ...PERSON, state: { ...NOBODY, count: 2 } }]);
    await settle(clock);
    channel.configure(SETTINGS, { ...HOUSING });
    await settle(clock);
    expect(await allMessages()).toHaveLength(2);
  });

  test('two messages are so far apart that Home Assistant is done with the first', async () => {
    const { clock, channel, heard, allMessages } = await house();
    await clock.advance(READ_BACK_MS);
    await heard(1);
    channel.changed([{ ...PERSON, state: NOBODY }]);
    await clock.advance(APART_MS - 1);
    expect(await allMessages()).toHaveLength(1);
    channel.changed([{ ...PERSON, zone: 'gate', state: NOBODY }]);
    await clock.advance(1);
    expect(deviceOf([await heard(2)]).named('Yard gate person')).toBeDefined();
  });

  rule('after a component is removed another update leaves it out', async () => {
    const { clock, channel, heard, say } = await house();
    await clock.advance(READ_BACK_MS);
    await heard(1);
    channel.configure(SETTINGS, { ...HOUSING, cameras: ['porch'] });
    await clock.advance(APART_MS);
    expect(componentsIn(await heard(2))['motionCyard']).toEqual({ p: 'binary_sensor' });
    // Whoever was not connected then has the same message when it comes back, and says so.
    await say('online');
    await clock.advance(BIRTH_DELAY_MS_MAX);
    expect(componentsIn(await heard(3))['motionCyard']).toEqual({ p: 'binary_sensor' });
    await clock.advance(SETTLE_MS);
    expect(componentsIn(await heard(4))).not.toHaveProperty('motionCyard');
  });

  test('what went while Home Assistant was away is shown to it again, so that it can take it away', async () => {
    const { clock, channel, heard, say, messages } = await house();
    await clock.advance(READ_BACK_MS);
    await heard(1);
    await say('offline');
    channel.configure(SETTINGS, { ...HOUSING, cameras: ['porch'] });
    await clock.advance(APART_MS);
    await heard(2);
    await say('online');
    await clock.advance(BIRTH_DELAY_MS_MAX);
    await heard(3);
    // Home Assistant has forgotten everything: it begins with the message that the broker keeps.
    const device = deviceOf(messages().slice(1, 3));
    expect(device.entities.has('motionCyard')).toBe(true);
    await clock.advance(SETTLE_MS);
    device.receive(await heard(4));
    expect(device.removed).toContain('motionCyard');
    await clock.advance(SETTLE_MS);
    expect(componentsIn(await heard(5))).not.toHaveProperty('motionCyard');
  });

  test('another name of the board is the same device', async () => {
    const { clock, channel, heard, messages } = await house();
    await clock.advance(READ_BACK_MS);
    await heard(1);
    const before = deviceOf(messages());
    channel.configure(SETTINGS, { ...HOUSING, device: 'gate-pi' });
    await clock.advance(APART_MS);
    await heard(2);
    const after = deviceOf(messages());
    expect([...after.entities.keys()].sort()).toEqual([...before.entities.keys()].sort());
    expect(after.device).toMatchObject({ name: 'gate-pi', identifiers: [ID] });
    expect(after.named('Porch motion')['state_topic']).toBe('vedette/gate-pi/camera/porch/motion');
  });

  rule('an empty retained message removes the device', async () => {
    const { url, clock, channel, heard, messages, allMessages } = await house();
    await clock.advance(READ_BACK_MS);
    await heard(1);
    channel.configure({ ...SETTINGS, enabled: false }, HOUSING);
    expect(await heard(2)).toBe('');
    expect(deviceOf(messages()).entities.size).toBe(0);
    await settle(clock);
    expect(await allMessages()).toHaveLength(2);
    const later = await Subscriber.connect({ url, filters: [TOPIC, 'vedette/#'] });
    await later.waitFor('the state of now', ({ topic }) => topic === 'vedette/pi/status');
    expect(later.on('/config')).toEqual([]);
  });

  test('switched off in the file while the daemon did not run, the message is taken away', async () => {
    const { url } = await embeddedBroker();
    await leave(url, discoveryOf({ ...HOUSING, places: [] }, ID).payload);
    const memory = new TopicNotes();
    memory.change({ added: [TOPIC], removed: [] });
    const { heard, say } = await house({ url, memory, settings: { ...SETTINGS, enabled: false } });
    expect(await heard(2)).toBe('');
    await say('online');
  });

  test('nothing is sent while there is no connection', async () => {
    const { clock, channel, heard, stop, messages } = await house();
    await clock.advance(READ_BACK_MS);
    await heard(1);
    await stop();
    channel.configure(SETTINGS, { ...HOUSING, cameras: ['porch'] });
    await settle(clock);
    expect(messages()).toHaveLength(1);
  });
});
