// The judge of all messages in tests must itself find what is wrong: each way of breaking the contract is told.
import { describe, expect, test } from 'vitest';
import { documentedChannels } from '../support/asyncapi.ts';
import { checkMessage, type PublishedMessage } from '../support/message-check.ts';

const event = documentedChannels()
  .find(({ name }) => name === 'event')!
  .messages[0]!.examples.at(0) as Readonly<Record<string, unknown>>;

function message(topic: string, payload: unknown, more: Partial<PublishedMessage> = {}): PublishedMessage {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  return { topic, payload: Buffer.from(text), qos: 1, retain: false, ...more };
}

describe('a message', () => {
  test('that is documented passes, live and retained by the broker', () => {
    expect(checkMessage(message('vedette/pi/event', event))).toBeUndefined();
    expect(checkMessage(message('vedette/pi/status', 'online', { retain: true }))).toBeUndefined();
    expect(checkMessage(message('vedette/pi/camera/porch/motion', 'ON', { qos: 0 }))).toBeUndefined();
  });

  test('of somebody else is none of our business', () => {
    expect(checkMessage(message('zigbee2mqtt/lamp', '{'))).toBeUndefined();
  });

  test('on a topic that is not documented is a violation', () => {
    expect(checkMessage(message('vedette/pi/doctor/weather', '{}'))).toBe(
      'vedette/pi/doctor/weather: not in docs/asyncapi.yaml',
    );
    expect(checkMessage(message('vedette/Pi/status', 'online'))).toContain('not in docs');
    expect(checkMessage(message('vedette/pi/camera/a/b/status', 'online'))).toContain('not in docs');
  });

  test.each([
    ['a field too many', { ...event, weather: 'fine' }, /weather/],
    ['a field too few', { ...event, box: undefined }, /'box'/],
    ['a wrong type', { ...event, seq: '42' }, /\/seq must be integer/],
    ['a number out of bounds', { ...event, score: 1.01 }, /\/score must be <= 1/],
    ['a word that is none', { ...event, type: 'begin' }, /\/type/],
    ['an end without its time', { ...event, type: 'end' }, /endedAt/],
    ['no JSON', '{"v":1', /no application\/json/],
  ])('with %s is a violation', (_, payload, told) => {
    expect(checkMessage(message('vedette/pi/event', payload))).toMatch(told);
  });

  test('with another quality of service than documented is a violation', () => {
    expect(checkMessage(message('vedette/pi/event', event, { qos: 0 }))).toContain('QoS 0');
    expect(checkMessage(message('vedette/pi/event', event, { qos: 0 }), { qos: 0 })).toBeUndefined();
    expect(checkMessage(message('vedette/pi/camera/porch/motion', 'ON'))).toContain('QoS 1');
  });

  test('that is retained where it must not be, or the reverse, is a violation', () => {
    expect(checkMessage(message('vedette/pi/event', event, { retain: true }))).toContain('retained');
    const reception = { qos: 1, retainAsPublished: true };
    expect(checkMessage(message('vedette/pi/status', 'online'), reception)).toContain('not retained');
  });

  test('without a payload clears what is retained, and is nothing else', () => {
    expect(checkMessage(message('vedette/pi/camera/gone/status', '', { qos: 0 }))).toBeUndefined();
    expect(checkMessage(message('vedette/pi/event', ''))).toContain('no application/json');
  });

  test('that should be a picture is a whole one', () => {
    const topic = 'vedette/pi/camera/porch/snapshot';
    const picture = Buffer.from([0xff, 0xd8, 0xff, 0x00, 0xff, 0xd9]);
    expect(checkMessage(message(topic, '', { payload: picture, qos: 0 }))).toBeUndefined();
    expect(checkMessage(message(topic, '', { payload: picture.subarray(0, 5), qos: 0 }))).toContain('JPEG');
    expect(checkMessage(message(topic, '', { payload: Buffer.of(1), qos: 0 }))).toContain('JPEG');
  });
});
