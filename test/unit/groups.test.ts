import { expect, test } from 'vitest';
import type { Firing } from '../../daemon/core/firing.ts';
import { GROUP_NAMED_MAX, Groups } from '../../daemon/core/groups.ts';
import { ruleOf, standing, trackView } from '../support/tracks.ts';

/** One object of a rule with groups. */
function firingOf(id: number): Firing {
  const rule = ruleOf({ groupS: 60 });
  const when = { atMs: 1000 + id, monoMs: 1000 + id, byFrame: true };
  return {
    rule,
    camera: 'porch',
    tracks: [trackView({ id, box: standing(0.5, 0.5) })],
    scene: {},
    count: 1,
    because: [],
    ...when,
  };
}

test('an object that comes again is counted once, also where it is not named any more', () => {
  const groups = new Groups();
  const objects = GROUP_NAMED_MAX + 1;
  for (let id = 1; id <= objects; id += 1) groups.add(firingOf(id), [`event-${id}`]);
  for (let again = 0; again < 5; again += 1) groups.add(firingOf(objects), [`event-${objects}`]);
  const [grouped] = groups.flush();
  expect(grouped?.firing.count).toBe(objects);
  expect(grouped?.eventIds).toHaveLength(GROUP_NAMED_MAX);
});
