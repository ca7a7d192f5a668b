// What a follower of vedette.db shows: every event as open and as ended, each once, however much came since its last look. A real
// file that a real store writes.
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Follower } from '../../daemon/store/follow.ts';
import type { ListedEvent } from '../../daemon/store/listing.ts';
import { type Harness, startStore } from '../fixtures/store/harness.ts';
import { change } from '../fixtures/store/records.ts';
import { tempDir } from '../support/temp-dir.ts';

interface World {
  readonly commit: Harness['commit'];
  follow(): { readonly source: Follower<'events'>; readonly seen: string[]; list(): void; look(): void };
}

const wordsOf = ({ id, endedAtMs }: ListedEvent): string =>
  `${id} ${endedAtMs === undefined ? 'open' : 'ended'}`;

async function world(): Promise<World> {
  const dataDir = tempDir();
  const { store, commit } = await startStore(dataDir);
  onTestFinished(() => store.stop());
  const follow = () => {
    const source = new Follower(join(dataDir, 'vedette.db'), 'events', {});
    onTestFinished(() => source.close());
    const seen: string[] = [];
    const list = (): void => {
      for (const rows of source.listing.pages()) {
        source.shown(rows);
        seen.push(...rows.map(wordsOf));
      }
    };
    const look = (): void => {
      for (let more = true; more; ) {
        const found = source.look();
        seen.push(...found.rows.map(wordsOf));
        more = found.more;
      }
    };
    return { source, seen, list, look };
  };
  return { commit, follow };
}

/** Numbers from `first` on. */
const numbers = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, at) => first + at);

async function commitEach(
  commit: Harness['commit'],
  all: readonly number[],
  type: 'new' | 'update' | 'end',
): Promise<void> {
  for (let at = 0; at < all.length; at += 50) {
    const events = all.slice(at, at + 50).map((number) => change(type, number));
    await commit({ events, alerts: [] });
  }
}

test('events that began, changed and ended since the last look are shown once, also when their entries fill several reads', async () => {
  const { commit, follow } = await world();
  const { seen, list, look } = follow();
  list();
  const all = numbers(1, 400);
  await commitEach(commit, all, 'new');
  await commitEach(commit, all, 'update');
  await commitEach(commit, all, 'end');
  look();
  expect(seen.sort()).toEqual(all.map((number) => `event-${number} ended`).sort());
  await commitEach(commit, [401], 'new');
  look();
  await commitEach(commit, [401], 'end');
  look();
  expect(seen.slice(400)).toEqual(['event-401 open', 'event-401 ended']);
});

test('an event that ends before its page is listed is not shown again, however many pages come after it', async () => {
  const { commit, follow } = await world();
  await commitEach(commit, [1, 2], 'new');
  await commitEach(commit, numbers(3, 600), 'new');
  await commitEach(commit, numbers(3, 600), 'end');
  const { seen, list, look } = follow();
  await commitEach(commit, [1], 'end');
  list();
  await commitEach(commit, [2], 'end');
  look();
  const early = seen.filter((words) => /^event-[12] /.test(words));
  expect(early).toEqual(['event-1 ended', 'event-2 open', 'event-2 ended']);
  expect(seen).toHaveLength(603);
});
