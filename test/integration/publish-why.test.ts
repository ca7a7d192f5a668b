// request/why over a real broker, answered by a real store from its real files: the same as the command, bounded, and refused
// where there is nothing to explain.
import { expect, test } from 'vitest';
import { answerWhy } from '../../daemon/store/why.ts';
import type { WhyAnswer } from '../../daemon/store/why-messages.ts';
import { startStore } from '../fixtures/store/harness.ts';
import { fullBatch } from '../fixtures/store/records.ts';
import { trace } from '../fixtures/store/traces.ts';
import { Commander, commandWorld, NO_LIMITS } from '../support/commands.ts';
import { embeddedBroker } from '../support/embedded.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const DEADLINE_MS = 30_000;
const ANSWER_LENGTH_MAX = 512 * 1024;

async function world(traces = [trace(1), trace(2)]) {
  const dataDir = tempDir();
  const { store, commit } = await startStore(dataDir);
  await commit(fullBatch(1));
  store.traced(traces);
  await waitFor('the traces', () => store.state().history.bytes > 0, DEADLINE_MS);
  const { url } = await embeddedBroker();
  await commandWorld({ url, limits: NO_LIMITS, requests: { why: (query) => store.why(query) } });
  return { commander: await Commander.connect(url), dataDir, store };
}

test('an event and a time are answered as the command answers them', async () => {
  const { commander, dataDir } = await world();
  const ofEvent = await commander.ask('request/why', { id: 'w1', of: 'event-1' });
  expect(ofEvent).toEqual({
    path: 'response/w1',
    body: { v: 1, id: 'w1', ok: true, ...answerWhy(dataDir, { id: 'event-1', limit: 10 }) },
  });
  expect((ofEvent.body as unknown as WhyAnswer).tracks[0]!.why).toContainEqual(
    expect.stringMatching(/^rule 'loiter': track 1, person 0\.76, stayed 1\.4 s of 2\.0 s in zone 'door'/),
  );
  const { body } = await commander.ask('request/why', {
    id: 'w2',
    ...{ camera: 'porch', since: '2026-06-01T12:02Z', until: '2026-06-01T12:03Z', rule: 'door' },
  });
  expect(body['tracks']).toMatchObject([{ trace: { track: 2, rules: [{ rule: 'door' }] } }]);
});

test('what cannot be explained is refused with the reason, and the store goes on', async () => {
  const { commander, store } = await world();
  const refused = async (question: object): Promise<unknown> =>
    (await commander.ask('request/why', question)).body['error'];
  expect(await refused({ id: 'a', of: 'nothing' })).toMatchObject({
    code: 'WHY_UNKNOWN',
    message: expect.stringMatching(/^no event or alert 'nothing'/),
  });
  expect(await refused({ id: 'b' })).toMatchObject({
    code: 'COMMAND_INVALID',
    message: expect.stringMatching(/^of: must name/),
  });
  expect(await refused({ id: 'c', camera: 'porch', since: '99' })).toMatchObject({
    code: 'COMMAND_INVALID',
    message: expect.stringMatching(/^since: must be a duration/),
  });
  expect(await refused({ id: 'd', camera: 'porch', limit: 51 })).toMatchObject({ code: 'COMMAND_INVALID' });
  expect(store.state().problem).toBeUndefined();
});

test('an answer is bounded: the newest tracks are in it, and it says that there are more', async () => {
  const rules = Array.from({ length: 150 }, (_, at) => ({ ...trace(1).rules[1]!, rule: `rule-${at}` }));
  const many = Array.from({ length: 12 }, (_, at) => trace(at + 1, { rules }));
  const { commander } = await world(many);
  const { body } = await commander.ask('request/why', { id: 'w', camera: 'porch', limit: 12 });
  const { tracks, more } = body as unknown as WhyAnswer;
  expect([more, tracks.length < 12, tracks[0]!.trace.track]).toEqual([true, true, 12]);
  expect(JSON.stringify(body).length).toBeLessThanOrEqual(ANSWER_LENGTH_MAX);
});
