// Topics that rules name: none may be taken for one of the daemon's own.
import { expect, test } from 'vitest';
import { configSchema } from '../../daemon/config/schema.ts';
import { OWN_LEVELS, topicFaults } from '../../daemon/core/topic-checks.ts';
import { documentedChannels } from '../support/asyncapi.ts';

const RULE = { trigger: { type: 'enter', zone: 'door' } };

function topicProblem(topic: string): string | undefined {
  const config = { cameras: { porch: { source: { type: 'scene' } } }, rules: { door: { ...RULE, topic } } };
  const parsed = configSchema.safeParse(config);
  return parsed.error?.issues.find(({ path }) => path.join('.') === 'rules.door.topic')?.message;
}

test('the levels that are kept are those of the documented topics, no more and no fewer', () => {
  const below = documentedChannels().flatMap(({ name, exampleTopic }) =>
    exampleTopic.startsWith('vedette/') && name !== 'ruleTopic' ? [exampleTopic.split('/')[2]!] : [],
  );
  expect([...new Set(below)].sort()).toEqual([...OWN_LEVELS].sort());
});

test('a topic below one of the daemon is a fault of that rule, any other is none', () => {
  const faults = topicFaults({
    door: { topic: 'camera/porch/status' },
    gate: { topic: 'status' },
    night: { topic: 'house/status' },
    silent: {},
  });
  expect(faults.map(({ path }) => path.join('.'))).toEqual(['rules.door.topic', 'rules.gate.topic']);
  expect(faults[0]!.message).toContain("'camera' is a topic of Vedette's own");
});

test.each(['house/door', 'a', '1/2/3/4/5/6/7/8'])('%s is a topic', (topic) => {
  expect(topicProblem(topic)).toBeUndefined();
});

test.each(['', '/a', 'a/', 'a//b', 'A', 'a/+', '#', 'a b', '1/2/3/4/5/6/7/8/9', 'über'])(
  '%j is not',
  (topic) => {
    expect(topicProblem(topic)).toMatch(/1 to 8 levels/);
  },
);
