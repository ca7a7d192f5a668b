// Topic filters: the cases of MQTT 5, section 4.7.
import { describe, expect, test } from 'vitest';
import { matchesFilter } from '../../daemon/publish/channel.ts';

describe('a filter', () => {
  test.each([
    ['sport/tennis/player1/#', 'sport/tennis/player1'],
    ['sport/tennis/player1/#', 'sport/tennis/player1/ranking'],
    ['sport/#', 'sport'],
    ['#', 'a/b'],
    ['sport/tennis/+', 'sport/tennis/player1'],
    ['sport/+', 'sport/'],
    ['+/+', '/finance'],
    ['/+', '/finance'],
    ['$SYS/#', '$SYS/uptime'],
  ])('%s takes %s', (filter, topic) => {
    expect(matchesFilter(filter, topic)).toBe(true);
  });

  test.each([
    ['sport/tennis/+', 'sport/tennis/player1/ranking'],
    ['sport/+', 'sport'],
    ['+', '/finance'],
    ['#', '$SYS/uptime'],
    ['+/uptime', '$SYS/uptime'],
    ['a/b', 'a/b/c'],
    ['a/b/c', 'a/b'],
    ['a/B', 'a/b'],
  ])('%s does not take %s', (filter, topic) => {
    expect(matchesFilter(filter, topic)).toBe(false);
  });
});
