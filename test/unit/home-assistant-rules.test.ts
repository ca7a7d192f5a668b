// Rules of Home Assistant's documentation, one test each, on the message itself. Those about when it is sent are in
// test/integration/publish-home-assistant.test.ts, those about what the templates render to in
// test/e2e/home-assistant.test.ts.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { discoveryOf, discoveryTopic } from '../../daemon/publish/home-assistant.ts';
import type { Household } from '../../daemon/publish/home-assistant-words.ts';
import { DiscoveredDevice, type Entity, mistakesIn, writtenOut } from '../support/home-assistant.ts';
import { documentedRules, rule } from '../support/home-assistant-rules.ts';
import { ROOT } from '../support/needs.ts';

const ID = 'vedette_0123456789abcdef';
const HOUSEHOLD: Household = {
  device: 'porch-pi',
  version: '0.1.0',
  cameras: ['porch', 'front-door'],
  places: [
    { camera: 'porch', label: 'person' },
    { camera: 'porch', zone: 'door', label: 'person' },
    { camera: 'front-door', label: 'dog' },
  ],
  pictures: true,
  healthS: 30,
  thermometer: true,
};

const { payload } = discoveryOf(HOUSEHOLD, ID);
const message = writtenOut(payload);

function discovered(): Entity[] {
  const device = new DiscoveredDevice();
  device.receive(payload);
  return [...device.entities.values()];
}

function of(platform: string): Entity[] {
  const found = discovered().filter((entity) => entity.platform === platform);
  expect(found.length).toBeGreaterThan(0);
  return found;
}

/** The message with one component changed: what the schema says of it. */
function mistakesWith(id: string, change: (component: Record<string, unknown>) => void): string[] {
  const changed = structuredClone(message);
  const component = changed.components[id];
  if (component === undefined) throw new Error(`no component ${id}`);
  change(component);
  return mistakesIn(changed);
}

describe('the message', () => {
  rule(
    'the discovery topic is <prefix>/device/<object_id>/config, its object id of letters, digits, underscore and hyphen',
    () => {
      expect(discoveryTopic('homeassistant', ID)).toMatch(/^homeassistant\/device\/[a-zA-Z0-9_-]+\/config$/);
      for (const id of Object.keys(message.components)) expect(id).toMatch(/^[a-zA-Z0-9_-]+$/);
    },
  );

  rule('device and origin are in the root of the message, and in no component', () => {
    expect(message.device).toBeDefined();
    expect(message.origin).toBeDefined();
    for (const component of Object.values(message.components)) {
      expect(component).not.toHaveProperty('device');
      expect(component).not.toHaveProperty('origin');
    }
    expect(mistakesIn({ ...message, origin: undefined })).not.toEqual([]);
    expect(mistakesWith('arm', (component) => Object.assign(component, { device: {} }))).not.toEqual([]);
  });

  rule('the origin has a name', () => {
    expect(message.origin).toEqual({ name: 'Vedette', sw_version: '0.1.0' });
    expect(mistakesIn({ ...message, origin: { sw_version: '1' } })).not.toEqual([]);
  });

  rule('the device has an identifier and a name', () => {
    expect(message.device).toMatchObject({ identifiers: [ID], name: 'porch-pi' });
    expect(mistakesIn({ ...message, device: { name: 'porch-pi' } })).not.toEqual([]);
  });

  rule('every component names its platform', () => {
    for (const component of Object.values(message.components))
      expect(component['platform']).toBeTypeOf('string');
    expect(mistakesWith('arm', (component) => delete component['platform'])).not.toEqual([]);
    expect(mistakesWith('arm', (component) => Object.assign(component, { platform: 'lamp' }))).not.toEqual(
      [],
    );
  });

  rule('every entity has a unique_id, and no two have the same', () => {
    const ids = discovered().map(({ unique_id }) => unique_id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id.startsWith(`${ID}_`)).toBe(true);
    expect(mistakesWith('arm', (component) => delete component['unique_id'])).not.toEqual([]);
  });

  rule('required options are there, and none that Home Assistant does not know', () => {
    expect(mistakesIn(message)).toEqual([]);
    expect(mistakesWith('arm', (component) => delete component['command_topic'])).not.toEqual([]);
    expect(mistakesWith('connection', (component) => delete component['state_topic'])).not.toEqual([]);
    expect(mistakesWith('alert', (component) => delete component['event_types'])).not.toEqual([]);
    expect(mistakesWith('arm', (component) => Object.assign(component, { colour: 'red' }))).not.toEqual([]);
  });

  rule('abbreviations are those of the documentation', () => {
    // What stays short after writing out is not in the documentation's list, and the schema does not know it.
    expect(mistakesIn(message)).toEqual([]);
    expect(mistakesIn(JSON.parse(payload))).not.toEqual([]);
    expect(payload).not.toContain('"unique_id"');
  });

  rule('a component is removed by its platform alone', () => {
    const smaller = discoveryOf(
      { ...HOUSEHOLD, cameras: ['porch'] },
      ID,
      discoveryOf(HOUSEHOLD, ID).components,
    );
    expect(JSON.parse(smaller.payload).cmps['motionCfront-door']).toEqual({ p: 'binary_sensor' });
    const device = new DiscoveredDevice();
    device.receive(payload);
    device.receive(smaller.payload);
    expect([...device.entities.keys()].filter((id) => id.includes('front-door'))).toEqual([]);
    expect(device.removed).toContain('occupancyCfront-doorLdog');
    expect([...device.entities.keys()].sort()).toEqual([...smaller.components.keys()].sort());
  });

  rule('names of entities do not repeat the name of the device', () => {
    for (const { name } of discovered()) expect(name.toLowerCase()).not.toContain('porch-pi');
  });

  rule('object_id is not used any more', () => {
    expect(payload).not.toMatch(/"(?:obj_id|object_id)"/);
    expect(mistakesWith('arm', (component) => Object.assign(component, { object_id: 'arm' }))).not.toEqual(
      [],
    );
  });
});

describe('the options of entities', () => {
  rule('availability is announced, and with mode all every topic of it has to say so', () => {
    for (const { name, availability, availability_mode } of discovered()) {
      const topics = (availability as { topic: string }[]).map(({ topic }) => topic);
      if (name === 'Connection') expect(topics).toEqual([]);
      else expect(topics[0]).toBe('vedette/porch-pi/status');
      if (topics.length > 1) expect(availability_mode).toBe('all');
    }
    const door = of('binary_sensor').find(({ name }) => name === 'Porch door person');
    expect(door?.['availability']).toMatchObject([{}, { topic: 'vedette/porch-pi/camera/porch/status' }]);
  });

  rule('an image is the bytes of a file, with its content type', () => {
    for (const image of of('image')) {
      expect(image).toMatchObject({ content_type: 'image/jpeg' });
      expect(image['image_topic']).toMatch(/\/snapshot$/);
      expect(image).not.toHaveProperty('image_encoding');
      expect(image).not.toHaveProperty('url_topic');
    }
    expect(mistakesWith('pictureCporch', (image) => Object.assign(image, { url_topic: 'a' }))).not.toEqual(
      [],
    );
    expect(discoveryOf({ ...HOUSEHOLD, pictures: false }, ID).payload).not.toContain('image');
  });

  rule('sensors are diagnostic or have no category', () => {
    for (const { entity_category } of [...of('sensor'), ...of('binary_sensor')]) {
      expect([undefined, 'diagnostic']).toContain(entity_category);
    }
    const config = (component: object) => Object.assign(component, { entity_category: 'config' });
    expect(mistakesWith('memory', config)).not.toEqual([]);
    expect(mistakesWith('enabledCporch', config)).toEqual([]);
  });

  rule('what expires is told more often than it expires', () => {
    for (const healthS of [5, 30, 3600]) {
      const { components } = writtenOut(discoveryOf({ ...HOUSEHOLD, healthS }, ID).payload);
      const expiring = Object.values(components).filter(
        (component) => component['expire_after'] !== undefined,
      );
      expect(expiring.length).toBeGreaterThan(5);
      for (const { expire_after, state_topic } of expiring) {
        expect(state_topic).toBe('vedette/porch-pi/health');
        expect(expire_after).toBeGreaterThanOrEqual(3 * healthS);
      }
    }
    expect(mistakesWith('memory', (sensor) => Object.assign(sensor, { expire_after: 0 }))).not.toEqual([]);
    expect(mistakesWith('memory', (sensor) => Object.assign(sensor, { expire_after: 1.5 }))).not.toEqual([]);
  });

  rule('options belong to sensors of class enum, without unit and state class', () => {
    const enums = of('sensor').filter(({ device_class }) => device_class === 'enum');
    const status = enums.find(({ name }) => String(name).endsWith('status'));
    expect(enums.find(({ name }) => name === 'Effort')).toMatchObject({
      options: expect.arrayContaining(['full effort', 'the lighter model']),
    });
    expect(status).toMatchObject({ options: ['disabled', 'offline', 'frozen', 'blind', 'moved', 'online'] });
    expect(mistakesWith('memory', (sensor) => Object.assign(sensor, { options: ['a'] }))).not.toEqual([]);
    const measured = (sensor: object) => Object.assign(sensor, { state_class: 'measurement' });
    expect(mistakesWith('statusCporch', measured)).not.toEqual([]);
  });

  rule('units fit their device class', () => {
    for (const { device_class, unit_of_measurement } of of('sensor')) {
      if (device_class === 'duration') expect(unit_of_measurement).toBe('ms');
      if (device_class === 'data_size') expect(unit_of_measurement).toBe('MB');
      if (device_class === 'temperature') expect(unit_of_measurement).toBe('°C');
    }
    const unit = (sensor: object) => Object.assign(sensor, { unit_of_measurement: 'C' });
    expect(mistakesWith('temperature', unit)).not.toEqual([]);
    expect(mistakesWith('inferp50', unit)).not.toEqual([]);
  });

  rule('a number says its range, and its step is 0.001 or more', () => {
    for (const number of of('number')) expect(number).toMatchObject({ min: 0, max: 1, step: 0.01 });
    const fine = (number: object) => Object.assign(number, { step: 0.0001 });
    expect(mistakesWith('thresholdCporch', fine)).not.toEqual([]);
  });

  rule('a switch waits for the word of its state topic and sends nothing retained', () => {
    for (const { state_topic, command_topic, optimistic, retain } of of('switch')) {
      expect(state_topic).toMatch(/\/state$/);
      expect(command_topic).toBe((state_topic as string).replace(/state$/, 'set'));
      expect([optimistic, retain]).toEqual([undefined, undefined]);
    }
  });

  rule('what must not be lost is subscribed to with QoS 1', () => {
    for (const { qos } of [...of('event'), ...of('switch'), ...of('number')]) expect(qos).toBe(1);
  });
});

test('every rule of the document has a test, and every test of a rule is in the document', () => {
  const files = [
    'test/unit/home-assistant-rules.test.ts',
    'test/integration/publish-home-assistant.test.ts',
    'test/e2e/home-assistant.test.ts',
  ];
  const tested = files.flatMap((file) =>
    [...readFileSync(join(ROOT, file), 'utf8').matchAll(/\brule(?:OfTemplates)?\(\s*'([^']+)'/g)].map(
      ([, words]) => words!,
    ),
  );
  expect(documentedRules().length).toBeGreaterThanOrEqual(15);
  expect(tested.sort()).toEqual(documentedRules().sort());
});
