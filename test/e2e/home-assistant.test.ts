// Home Assistant's side of a running daemon: its discovery message held against the schema, its templates rendered by Jinja
// against messages that the daemon has really sent, cameras that go with a reload, a broker that has forgotten everything.
import { writeFileSync } from 'node:fs';
import { connectAsync } from 'mqtt';
import { describe, expect } from 'vitest';
import { stringify } from 'yaml';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { type RunningDaemon, startDaemon } from '../support/daemon.ts';
import { DiscoveredDevice, type Entity } from '../support/home-assistant.ts';
import { rule } from '../support/home-assistant-rules.ts';
import { renderAll } from '../support/jinja.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { type ReceivedMessage, Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testBroker = testNeeding({ programs: ['mosquitto'] });
const testTemplates = testNeeding({ programs: ['mosquitto'], pythonModules: ['jinja2'] });
const SMALL = { width: 640, height: 384 };
const CONFIG = /^homeassistant\/device\/vedette_[0-9a-f]{16}\/config$/;

interface Trial {
  readonly broker: Mosquitto;
  readonly daemon: RunningDaemon;
  readonly subscriber: Subscriber;
  /** Everything discovered so far. */
  device(): DiscoveredDevice;
  /** The newest discovery message. */
  discovery(): ReceivedMessage | undefined;
  reload(document: object): void;
}

/** A busy camera, and one that is switched off. */
function twoCameras(): { cameras: object; rules: object } {
  const { cameras, rules } = busyScene() as { cameras: { yard: object }; rules: object };
  const yard = { ...cameras.yard, detect: SMALL };
  return { cameras: { yard, attic: { source: { type: 'scene' }, enabled: false } }, rules };
}

async function startTrial(document: object): Promise<Trial> {
  const broker = await Mosquitto.start();
  const whole = (more: object): object => ({
    device: { name: 'porch-pi' },
    mqtt: { url: broker.url, drainDelayS: 0, healthS: 1, retryMaxS: 1 },
    ...more,
  });
  const subscriber = await Subscriber.connect({ url: broker.url, filters: ['vedette/#', 'homeassistant/#'] });
  const config = writeConfig(whole(document));
  const daemon = startDaemon(['run', '--config', config, '--data', tempDir()]);
  const discoveries = () => subscriber.messages.filter(({ topic }) => CONFIG.test(topic));
  return {
    broker,
    daemon,
    subscriber,
    device: () => {
      const device = new DiscoveredDevice();
      for (const { payload } of discoveries()) device.receive(payload);
      return device;
    },
    discovery: () => discoveries().at(-1),
    reload: (changed) => {
      writeFileSync(config, stringify(whole(changed)));
      daemon.kill('SIGHUP');
    },
  };
}

/** What one life of the daemon has sent: recorded once, looked at by many tests. */
interface Record {
  readonly entities: readonly Entity[];
  /** In order; the last words of the daemon included. */
  readonly messages: readonly ReceivedMessage[];
  /** What a client that comes late gets at once, by topic. */
  readonly retained: ReadonlyMap<string, string>;
}

let recording: Promise<Record> | undefined;

function recorded(): Promise<Record> {
  recording ??= record();
  return recording;
}

async function record(): Promise<Record> {
  const { broker, daemon, subscriber, device } = await startTrial(twoCameras());
  await subscriber.waitFor('an alert', ({ topic }) => topic.endsWith('/alert'));
  const picture = 'vedette/porch-pi/camera/yard/snapshot';
  await subscriber.waitFor('a picture', ({ topic }) => topic === picture);
  await waitFor('an entity per label', () =>
    [...device().entities.values()].some(({ name }) => name.startsWith('Yard strip')),
  );
  await subscriber.waitFor('a count', ({ topic, payload }) => {
    return topic.includes('/label/') && payload.includes('"count":1');
  });
  // Two hands: the switch of the house, and a number that is no whole one.
  const hands = await connectAsync(broker.url);
  const threshold = device().named('Yard threshold');
  await hands.publishAsync(threshold['command_topic'] as string, '0.57', { qos: 1 });
  await hands.publishAsync(device().named('Armed')['command_topic'] as string, 'OFF', { qos: 1 });
  await subscriber.waitFor('the threshold', ({ topic, payload }) => {
    return topic === threshold['state_topic'] && payload === '0.57';
  });
  await subscriber.waitFor('the switch', ({ topic, payload }) => {
    return topic === device().named('Armed')['state_topic'] && payload === 'OFF';
  });
  const late = await Subscriber.connect({ url: broker.url, filters: ['vedette/#', 'end'] });
  // Comes behind everything that the broker had kept.
  await hands.publishAsync('end', '', { qos: 1 });
  await late.waitFor('the end', ({ topic }) => topic === 'end');
  await hands.endAsync();
  const retained = new Map(
    late.messages.flatMap(({ topic, payload, retain }) => (retain ? [[topic, payload] as const] : [])),
  );
  daemon.kill('SIGTERM');
  await daemon.exited;
  await subscriber.waitFor('its last word', ({ payload }) => payload === 'stopped');
  return { entities: [...device().entities.values()], messages: subscriber.messages, retained };
}

/** A rule whose test renders templates. */
function ruleOfTemplates(words: string, check: () => Promise<void>): void {
  rule(words, check, testTemplates);
}

/** The payloads that came on the topic of an entity. */
function heardBy(entity: Entity, { messages }: Record): string[] {
  return messages.filter(({ topic }) => topic === entity['state_topic']).map(({ payload }) => payload);
}

/** What entities make of everything they have heard: Home Assistant takes the text itself where there is no template. */
function statesOf(entities: readonly Entity[], record: Record): Map<Entity, string[]> {
  const jobs = entities.flatMap((entity) =>
    [...new Set(heardBy(entity, record))].map((value) => ({
      entity,
      template: (entity['value_template'] as string | undefined) ?? '{{ value }}',
      value,
    })),
  );
  const rendered = renderAll(jobs.map(({ template, value }) => ({ template, value })));
  const states = new Map<Entity, string[]>(entities.map((entity) => [entity, []]));
  for (const [index, { entity }] of jobs.entries()) states.get(entity)!.push(rendered[index]!);
  return states;
}

function named(record: Record, ...names: readonly string[]): Entity[] {
  return names.map((name) => record.entities.find((entity) => entity.name === name)!);
}

function withPlatform({ entities }: Record, platform: string): Entity[] {
  return entities.filter((entity) => entity.platform === platform);
}

describe('what the daemon has really sent', () => {
  rule('states are retained, so that they are there as soon as an entity is', async () => {
    const { entities, retained } = await recorded();
    const topics = entities
      .filter(({ platform }) => platform !== 'event')
      .flatMap((entity) => [entity['state_topic'], entity['image_topic']])
      .filter((topic) => topic !== undefined);
    // The camera that is switched off has no picture.
    const missing = new Set(topics.filter((topic) => !retained.has(topic as string)));
    expect([...missing]).toEqual(['vedette/porch-pi/camera/attic/snapshot']);
  });

  rule('an event comes from a topic that is not retained', async () => {
    const record = await recorded();
    for (const event of withPlatform(record, 'event')) {
      expect(heardBy(event, record).length).toBeGreaterThan(0);
      expect(record.retained.has(event['state_topic'] as string)).toBe(false);
    }
  });

  ruleOfTemplates('a binary sensor is given ON or OFF', async () => {
    const record = await recorded();
    const states = statesOf(withPlatform(record, 'binary_sensor'), record);
    for (const [{ name }, words] of states) {
      expect(words.length, name).toBeGreaterThan(0);
      expect(words.filter((word) => !['ON', 'OFF'].includes(word))).toEqual([]);
    }
    const [yard, attic, connection] = named(record, 'Yard problem', 'Attic problem', 'Connection');
    expect(states.get(yard!)).toContain('OFF');
    // Switched off is no problem.
    expect(new Set(states.get(attic!))).toEqual(new Set(['OFF']));
    expect(states.get(connection!)!.at(-1)).toBe('OFF');
    const occupied = [...states].filter(
      ([{ device_class }, words]) => device_class === 'occupancy' && words.includes('ON'),
    );
    expect(occupied.length).toBeGreaterThan(0);
  });

  ruleOfTemplates('availability templates give online or offline and no other word', async () => {
    const record = await recorded();
    const jobs = record.entities.flatMap(({ availability }) =>
      (availability as { topic: string; value_template: string }[]).flatMap(({ topic, value_template }) =>
        [...record.messages.filter((message) => message.topic === topic), { payload: '' }].map(
          ({ payload }) => ({
            template: value_template,
            value: payload,
          }),
        ),
      ),
    );
    const words = renderAll(jobs);
    expect(new Set(words)).toEqual(new Set(['online', 'offline']));
    // The word of a daemon that was stopped, and that of a broker that has no word.
    for (const last of ['stopped', '']) {
      const answers = words.filter((_word, index) => jobs[index]!.value === last);
      expect(new Set(answers)).toEqual(new Set(['offline']));
    }
  });

  ruleOfTemplates('an event has a type of its event_types', async () => {
    const record = await recorded();
    const [alert] = named(record, 'Alert');
    const texts = statesOf([alert!], record).get(alert!)!;
    const events = texts.map((text) => JSON.parse(text) as { [field: string]: unknown });
    expect(events.length).toBeGreaterThan(0);
    for (const event of events) {
      expect(alert!['event_types']).toContain(event['event_type']);
      expect(event).toMatchObject({ camera: 'yard', late: false });
      for (const field of ['rule', 'label', 'zone', 'message', 'at', 'id', 'eventId']) {
        expect(event[field]).toBeTypeOf('string');
      }
      expect(event['picture']).toMatch(/^media\/yard\/.*\.jpg$/);
    }
  });

  ruleOfTemplates('what is not for an event entity renders to nothing', async () => {
    const record = await recorded();
    const [attic, yard, all] = named(record, 'Attic alert', 'Yard alert', 'Alert');
    const states = statesOf([attic!, yard!, all!], record);
    expect(new Set(states.get(attic!))).toEqual(new Set(['']));
    expect(states.get(yard!)).toEqual(states.get(all!));
  });

  ruleOfTemplates('the empty message that clears a topic renders to nothing', async () => {
    const { entities } = await recorded();
    const jobs = entities
      .filter(({ platform, value_template }) => platform !== 'event' && value_template !== undefined)
      .map((entity) => ({ template: entity['value_template'] as string, value: '', entity }));
    const rendered = renderAll(jobs.map(({ template, value }) => ({ template, value })));
    for (const [index, { entity }] of jobs.entries()) {
      const onWords = (entity['state_topic'] as string).endsWith('/status');
      expect(rendered[index], entity.name).toBe(
        onWords ? (entity.platform === 'sensor' ? 'None' : 'OFF') : '',
      );
    }
  });

  testTemplates('every sensor renders to a number, or to one of its options', async () => {
    const record = await recorded();
    for (const [sensor, states] of statesOf(withPlatform(record, 'sensor'), record)) {
      const options = sensor['options'] as string[] | undefined;
      expect(states.length, sensor.name).toBeGreaterThan(0);
      for (const state of states) {
        if (options !== undefined) expect(options).toContain(state);
        else expect(state, sensor.name).toMatch(/^-?\d+(\.\d+)?(e-\d+)?$/);
      }
    }
  });

  testTemplates('the board has a problem when its health says one', async () => {
    const record = await recorded();
    const [problem] = named(record, 'Problem');
    const health = JSON.parse(heardBy(problem!, record).at(-1)!) as { [part: string]: object };
    const variants = [
      health,
      { ...health, selfTest: { ok: true } },
      { ...health, detector: { ...health['detector'], state: 'down' } },
      { ...health, store: { ...health['store'], problem: 'disk I/O error' } },
      { ...health, store: { ...health['store'], reserve: 'given up' } },
      { ...health, snapshots: { ...health['snapshots'], problem: 'read-only' } },
      { ...health, selfTest: { ok: false, failedStage: 'broker' } },
    ];
    const template = problem!['value_template'] as string;
    const words = renderAll(variants.map((variant) => ({ template, value: JSON.stringify(variant) })));
    expect(words).toEqual(['OFF', 'OFF', 'ON', 'ON', 'ON', 'ON', 'ON']);
  });

  testTemplates('what a slider can be set to is what the daemon takes', async () => {
    const { entities } = await recorded();
    const { command_template } = entities.find(({ name }) => name === 'Yard threshold')!;
    const template = command_template as string;
    const values = [0, 1, 0.5, 0.57, 0.1 + 0.2, 0.29, 0.58];
    const texts = renderAll(values.map((value) => ({ template, value })));
    expect(texts.map(Number)).toEqual([0, 1, 0.5, 0.57, 0.3, 0.29, 0.58]);
    for (const text of texts) expect(text).toMatch(/^[01](\.\d{1,6})?$/);
  });
});

describe('what changes', () => {
  testBroker(
    'a camera that a reload takes away takes its entities with it, and a new one brings its own',
    async () => {
      const { device, discovery, reload } = await startTrial(twoCameras());
      await waitFor('both cameras', () => discovery() !== undefined && device().entities.has('motionCattic'));
      const { cameras, rules } = twoCameras() as { cameras: { yard: object }; rules: object };
      const before = [...device().entities.keys()].filter((id) => id.includes('Cattic'));
      expect(before.length).toBeGreaterThan(8);
      reload({ cameras: { yard: cameras.yard, shed: { source: { type: 'scene' }, enabled: false } }, rules });
      await waitFor('the new camera', () => device().entities.has('motionCshed'));
      const after = device();
      expect([...after.entities.keys()].filter((id) => id.includes('Cattic'))).toEqual([]);
      expect(after.removed).toEqual(expect.arrayContaining(before));
      expect(after.entities.has('motionCyard')).toBe(true);
    },
  );

  testBroker(
    'a camera that was taken away while the daemon did not run is taken away when it runs again',
    async () => {
      const { daemon, device, discovery, broker, subscriber } = await startTrial(twoCameras());
      await waitFor('both cameras', () => discovery() !== undefined && device().entities.has('motionCattic'));
      daemon.kill('SIGKILL');
      await daemon.exited;
      const { cameras, rules } = twoCameras() as { cameras: { yard: object }; rules: object };
      const config = writeConfig({
        device: { name: 'porch-pi' },
        mqtt: { url: broker.url },
        cameras: { yard: cameras.yard },
        rules,
      });
      const count = subscriber.messages.length;
      startDaemon(['run', '--config', config, '--data', tempDir()]);
      await waitFor('the removal', () => device().removed.includes('motionCattic'));
      expect(device().entities.has('motionCyard')).toBe(true);
      expect(
        subscriber.messages.slice(count).filter(({ topic, payload }) => CONFIG.test(topic) && payload === ''),
      ).toEqual([]);
    },
  );

  testBroker(
    'a broker that comes back with nothing gets the message again, and after the birth message once more',
    async () => {
      const { broker, discovery, subscriber } = await startTrial(twoCameras());
      const first = await waitFor('the message', discovery);
      expect(first.payload).not.toBe('');
      await broker.kill();
      const count = subscriber.messages.length;
      await broker.restart();
      const again = await waitFor('the message again', () =>
        subscriber.messages.slice(count).find(({ topic }) => CONFIG.test(topic)),
      );
      expect(Object.keys(JSON.parse(again.payload).cmps)).toEqual(
        expect.arrayContaining(Object.keys(JSON.parse(first.payload).cmps)),
      );
      const kept = await Subscriber.connect({ url: broker.url, filters: ['homeassistant/#'] });
      expect(await kept.waitFor('the retained message', ({ topic }) => CONFIG.test(topic))).toMatchObject({
        retain: true,
      });
      const heard = () => kept.messages.filter(({ topic }) => CONFIG.test(topic)).length;
      const before = heard();
      const assistant = await connectAsync(broker.url);
      await assistant.publishAsync('homeassistant/status', 'online', { qos: 1 });
      await waitFor('the answer to the birth message', () => heard() > before);
      await assistant.endAsync();
    },
  );
});
