// Home Assistant's templates and the documented contract: every example of docs/asyncapi.yaml on a topic that an entity listens
// to is rendered by Jinja with the template of that entity. What a daemon really sends is in test/e2e/home-assistant.test.ts.
import { expect } from 'vitest';
import { discoveryOf } from '../../daemon/publish/home-assistant.ts';
import { DiscoveredDevice, type Entity } from '../support/home-assistant.ts';
import { renderAll } from '../support/jinja.ts';
import { channelOf } from '../support/message-check.ts';
import { testNeeding } from '../support/needs.ts';

const testTemplates = testNeeding({ pythonModules: ['jinja2'] });

interface Rendered {
  readonly entity: Entity;
  readonly value: string;
  readonly text: string;
}

/** Every documented message of every topic, as each entity understands it. */
function documented(): Rendered[] {
  const cameras = ['porch', 'yard', 'attic'];
  const places = [
    { camera: 'porch', label: 'person' },
    { camera: 'porch', zone: 'door', label: 'person' },
  ];
  const rest = { device: 'porch-pi', version: '0.1.0', pictures: true, thermometer: true, healthS: 30 };
  const device = new DiscoveredDevice();
  device.receive(discoveryOf({ ...rest, cameras, places }, 'vedette_0123456789abcdef').payload);
  const jobs = [...device.entities.values()].flatMap((entity) => {
    const topic = entity['state_topic'] as string | undefined;
    if (topic === undefined) return [];
    const messages = channelOf(topic)?.messages ?? [];
    const examples = messages.flatMap((message) => message.examples);
    const template = (entity['value_template'] as string | undefined) ?? '{{ value }}';
    return examples.map((example) => {
      return { entity, template, value: typeof example === 'string' ? example : JSON.stringify(example) };
    });
  });
  const texts = renderAll(jobs.map(({ template, value }) => ({ template, value })));
  return jobs.map(({ entity, value }, index) => ({ entity, value, text: texts[index]! }));
}

testTemplates('every documented message is something to every entity that hears it', () => {
  const all = documented();
  // Health has no example; everything else that an entity listens to has.
  expect(new Set(all.map(({ entity }) => entity.platform)).size).toBe(5);
  for (const { entity, text } of all) {
    const { name, options, platform, payload_reset } = entity as Entity & Record<string, unknown>;
    if (platform === 'binary_sensor' || platform === 'switch') expect(['ON', 'OFF'], name).toContain(text);
    else if (options !== undefined) expect(options, name).toContain(text);
    else if (platform === 'number') expect([payload_reset, String(Number(text))], name).toContain(text);
    else if (platform === 'sensor') expect(text, name).toMatch(/^(-?\d+(\.\d+)?)?$/);
    else if (text !== '') expect(JSON.parse(text), name).toHaveProperty('event_type');
  }
});

testTemplates(
  'an alert and a digest of many are events, of the board and of the cameras they are about',
  () => {
    const events = documented().filter(({ entity }) => entity.platform === 'event');
    const types = new Set<unknown>();
    for (const { entity, value, text } of events) {
      const message = JSON.parse(value) as {
        severity: string;
        camera?: string;
        count?: number;
        groups?: { camera?: string }[];
      };
      const about = [message.camera ?? [], ...(message.groups ?? []).map(({ camera }) => camera)].flat();
      const camera = /^(\w+) alert$/.exec(entity.name)?.[1]?.toLowerCase();
      if (camera !== undefined && !about.includes(camera)) {
        expect(text).toBe('');
        continue;
      }
      types.add(message.groups === undefined ? 'alert' : 'digest');
      const event = JSON.parse(text) as Record<string, unknown>;
      expect(entity['event_types']).toContain(event['event_type']);
      expect(event).toMatchObject({ event_type: message.severity, count: message.count ?? null });
    }
    expect(types).toEqual(new Set(['alert', 'digest']));
  },
);
