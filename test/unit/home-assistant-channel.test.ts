// The channel to Home Assistant call by call: what a reload may and may not say on a connection that is about to go. Over a real
// broker: integration/publish-home-assistant.test.ts.
import { expect, test } from 'vitest';
import type { Connection } from '../../daemon/publish/connection.ts';
import { discoveryTopic } from '../../daemon/publish/home-assistant.ts';
import {
  APART_MS,
  HomeAssistantChannel,
  type HomeAssistantSettings,
  READ_BACK_MS,
} from '../../daemon/publish/home-assistant-channel.ts';
import { RetainedTree } from '../../daemon/publish/retained.ts';
import { memoryLogger } from '../support/logger.ts';
import { SimClock } from '../support/sim-clock.ts';
import { TopicNotes } from '../support/topic-notes.ts';

const HOUSING = {
  device: 'pi',
  version: '0.1.0',
  cameras: ['porch'],
  pictures: true,
  healthS: 30,
  thermometer: true,
};
const PERSON = { kind: 'count', camera: 'porch', label: 'person' } as const;
const NOBODY = { count: 0, active: 0, scoreMax: 0, atMs: 0 };

test.each([
  ['another prefix', { enabled: true, prefix: 'homeassistant' }],
  ['being switched on', { enabled: false, prefix: 'house' }],
])('%s waits for the next connection, which begins with reading back', async (_, before) => {
  const after: HomeAssistantSettings = { enabled: true, prefix: 'house' };
  const clock = new SimClock();
  const { logger } = memoryLogger();
  const retained = new RetainedTree({ memory: new TopicNotes() });
  const settings: HomeAssistantSettings = before;
  const channel = new HomeAssistantChannel({ id: 'id', settings, housing: HOUSING, retained, clock, logger });
  const topics: string[] = [];
  const connection = { publish: (topic: string): number => topics.push(topic) } as unknown as Connection;
  channel.opened({ device: 'pi', connection });
  await clock.advance(READ_BACK_MS);
  topics.length = 0;
  channel.configure(after, HOUSING);
  channel.changed([{ ...PERSON, state: NOBODY }]);
  await clock.advance(2 * APART_MS);
  expect(topics).toEqual([]);
  channel.closed();
  channel.opened({ device: 'pi', connection });
  await clock.advance(READ_BACK_MS - 1);
  expect(topics).toEqual([]);
  await clock.advance(1);
  expect(topics).toEqual([discoveryTopic('house', 'id')]);
});

test('a label is shown as people read it, as soon as that is known', async () => {
  const clock = new SimClock();
  const { logger } = memoryLogger();
  const retained = new RetainedTree({ memory: new TopicNotes() });
  const settings: HomeAssistantSettings = { enabled: true, prefix: 'homeassistant' };
  const channel = new HomeAssistantChannel({ id: 'id', settings, housing: HOUSING, retained, clock, logger });
  const payloads: string[] = [];
  const publish = (_topic: string, payload: string): number => payloads.push(payload);
  channel.opened({ device: 'pi', connection: { publish } as unknown as Connection });
  const car = { kind: 'count', camera: 'porch', label: '__-1co49bu', state: NOBODY } as const;
  channel.changed([car]);
  await clock.advance(READ_BACK_MS);
  expect(payloads.at(-1)).not.toContain('汽车');
  channel.changed([{ ...car, title: '汽车' }]);
  await clock.advance(APART_MS);
  expect(payloads.at(-1)).toContain('"name":"Porch 汽车"');
  expect(payloads).toHaveLength(2);
});
