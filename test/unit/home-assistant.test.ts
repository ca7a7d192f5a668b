// Home Assistant's discovery message beyond its rules: any household fits the schema, no two entities share an id, it stays
// within its bound, and what is read back from a broker is taken as hostile.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sanitise } from '../../daemon/core/names.ts';
import {
  discoveryOf,
  PAYLOAD_BYTES_MAX,
  REMEMBERED_MAX,
  readDiscovery,
} from '../../daemon/publish/home-assistant.ts';
import type { Household, Place } from '../../daemon/publish/home-assistant-words.ts';
import { DiscoveredDevice, mistakesIn, writtenOut } from '../support/home-assistant.ts';

const ID = 'vedette_0123456789abcdef';

/** Names that come close to one another: dashes and underscores at every place. */
const name = fc.stringMatching(/^[ab_-]{1,4}$/);
const label = fc.oneof(name, fc.constantFrom('person', 'traffic light', 'Hund', '犬', "it's", '{{ 7 }}', ''));
const household: fc.Arbitrary<Household> = fc
  .record({
    cameras: fc.uniqueArray(name, { minLength: 1, maxLength: 4 }),
    places: fc.array(fc.record({ zone: fc.option(name, { nil: undefined }), label }), { maxLength: 12 }),
    pictures: fc.boolean(),
    thermometer: fc.boolean(),
    healthS: fc.double({ min: 1, max: 3600, noNaN: true }),
  })
  .map(({ places, ...rest }) => ({
    ...rest,
    device: 'porch-pi',
    version: '0.1.0',
    places: places.map(({ zone, label }, index): Place => {
      const camera = rest.cameras[index % rest.cameras.length]!;
      return zone === undefined ? { camera, label } : { camera, zone, label };
    }),
  }));

test('any household makes a message that fits the schema, with an id for each entity', () => {
  fc.assert(
    fc.property(household, (home) => {
      const { payload, components, leftOut } = discoveryOf(home, ID);
      const message = writtenOut(payload);
      expect(mistakesIn(message)).toEqual([]);
      expect(leftOut).toBe(0);
      const entities = Object.values(message.components);
      expect(entities).toHaveLength(components.size);
      expect(new Set(entities.map((entity) => entity['unique_id'])).size).toBe(components.size);
      // Two labels that are one name in topics are one entity.
      const shown = entities
        .filter(({ device_class }) => device_class === 'occupancy')
        .map(({ state_topic }) => state_topic);
      expect(new Set(shown).size).toBe(shown.length);
    }),
  );
});

test('names of a configuration cannot put anything into a template', () => {
  const home = { cameras: ["a' %}", '{{x}}'], places: [{ camera: "a' %}", label: "'}}" }] };
  const rest = { device: 'pi', version: '1', pictures: true, thermometer: true, healthS: 30 };
  const { payload } = discoveryOf({ ...rest, ...home }, ID);
  for (const { value_template } of Object.values(writtenOut(payload).components)) {
    expect(value_template ?? '').not.toMatch(/a' %}|\{\{x|'\}\}\}/);
  }
});

test('labels are shown as people read them, in entities of their own', () => {
  const labels = ['行人', '汽车', 'Bürger', 'traffic light'];
  const places = [...labels, sanitise('行人')].map((label): Place => ({ camera: 'front-door', label }));
  const board = { device: 'pi', version: '1', pictures: false, thermometer: false, healthS: 30 };
  const { payload } = discoveryOf({ ...board, cameras: ['front-door'], places }, ID);
  const shown = Object.values(writtenOut(payload).components).filter(
    ({ device_class }) => device_class === 'occupancy',
  );
  expect(shown.map((entity) => entity['name']).sort()).toEqual(
    labels.map((label) => `Front door ${label}`).sort(),
  );
  expect(new Set(shown.map((entity) => entity['state_topic'])).size).toBe(labels.length);
  expect(new Set(shown.map((entity) => entity['unique_id'])).size).toBe(labels.length);
});

test('what was told before and is told no more is removed, for any two households', () => {
  fc.assert(
    fc.property(household, household, (before, after) => {
      const first = discoveryOf(before, ID);
      const read = readDiscovery(Buffer.from(first.payload));
      expect(read).toEqual(first.components);
      const second = discoveryOf(after, ID, read);
      const device = new DiscoveredDevice();
      device.receive(first.payload);
      device.receive(second.payload);
      expect([...device.entities.keys()].sort()).toEqual([...second.components.keys()].sort());
      // A restart before Home Assistant has seen it changes nothing of that.
      const again = readDiscovery(Buffer.from(second.payload));
      expect([...again!.keys()].sort()).toEqual(
        [...new Set([...first.components.keys(), ...second.components.keys()])].sort(),
      );
    }),
  );
});

test('a household that is too large keeps what matters most, and says how much it left out', () => {
  const cameras = Array.from({ length: 32 }, (_, index) => `camera-${index}`);
  const zones = [undefined, 'one', 'two', 'three'];
  const labels = Array.from({ length: 16 }, (_, index) => `label-${index}`);
  const places = cameras.flatMap((camera) =>
    zones.flatMap((zone) =>
      labels.map((label) => (zone === undefined ? { camera, label } : { camera, zone, label })),
    ),
  );
  const home = {
    cameras,
    places,
    device: 'pi',
    version: '1',
    pictures: true,
    thermometer: true,
    healthS: 30,
  };
  const { payload, components, leftOut } = discoveryOf(home, ID);
  expect(Buffer.byteLength(payload)).toBeLessThanOrEqual(PAYLOAD_BYTES_MAX);
  expect(Buffer.byteLength(payload)).toBeGreaterThan(0.98 * PAYLOAD_BYTES_MAX);
  expect(mistakesIn(writtenOut(payload))).toEqual([]);
  expect(leftOut).toBeGreaterThan(0);
  for (const camera of cameras) expect(components.has(`problemC${camera}`)).toBe(true);
  expect([...components.keys()].some((id) => id.startsWith('count') && id.includes('Z'))).toBe(false);
});

test('nothing that a broker may hold on our topic is more than a list of known components', () => {
  const anything = fc.oneof(
    fc.string().map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .dictionary(
        fc.string(),
        fc.oneof(fc.jsonValue(), fc.record({ p: fc.constantFrom('sensor', 'light', 7) })),
      )
      .map((cmps) => Buffer.from(JSON.stringify({ cmps }))),
  );
  fc.assert(
    fc.property(anything, (payload) => {
      for (const [id, platform] of readDiscovery(payload) ?? []) {
        expect(id).toMatch(/^[a-zA-Z0-9_-]+$/);
        expect(platform).toBe('sensor');
      }
    }),
  );
  const many = Object.fromEntries(Array.from({ length: 6000 }, (_, index) => [`c${index}`, { p: 'sensor' }]));
  expect(readDiscovery(Buffer.from(JSON.stringify({ cmps: many })))?.size).toBe(REMEMBERED_MAX);
  expect(readDiscovery(Buffer.alloc(2 * PAYLOAD_BYTES_MAX + 1, ' '))).toBeUndefined();
});
