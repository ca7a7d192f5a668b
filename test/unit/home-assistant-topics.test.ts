// Where Home Assistant is listened to.
import { expect, test } from 'vitest';
import { HomeAssistantChannel } from '../../daemon/publish/home-assistant-channel.ts';
import { RetainedTree } from '../../daemon/publish/retained.ts';
import { memoryLogger } from '../support/logger.ts';
import { SimClock } from '../support/sim-clock.ts';
import { TopicNotes } from '../support/topic-notes.ts';

const HOUSING = {
  ...{ device: 'pi', version: '0.1.0', cameras: ['porch'], pictures: false },
  ...{ healthS: 30, thermometer: false },
};

/** Filters of the channel, with this prefix of discovery. */
function filters(prefix: string): string[] {
  const retained = new RetainedTree({ memory: new TopicNotes() });
  const settings = { enabled: true, prefix };
  const other = { clock: new SimClock(), logger: memoryLogger().logger };
  const channel = new HomeAssistantChannel({ id: 'v1', settings, housing: HOUSING, retained, ...other });
  return channel.subscriptions().map(({ filter }) => filter);
}

test('its birth message comes where it says it by default, whatever the prefix, or below the prefix', () => {
  expect(filters('homeassistant')).toEqual(['homeassistant/status', 'homeassistant/device/v1/config']);
  expect(filters('ha')).toEqual(['homeassistant/status', 'ha/status', 'ha/device/v1/config']);
});
