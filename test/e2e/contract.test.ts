// The whole contract, docs/asyncapi.yaml, sent by one daemon: no documented topic that never comes, and none that comes and is
// not documented, each with the payload, quality and retain flag it is documented with. Real daemon, real Mosquitto.
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { connectAsync } from 'mqtt';
import { expect, onTestFinished } from 'vitest';
import { type DocumentedChannel, documentedChannels } from '../support/asyncapi.ts';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { runToEnd, startDaemon } from '../support/daemon.ts';
import { channelOf } from '../support/message-check.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testBroker = testNeeding({ programs: ['mosquitto'] });

/** Everything that is published can be switched on, and is. */
function fullConfig(url: string): string {
  const { cameras, rules } = busyScene();
  const [first, rule] = Object.entries(rules)[0]!;
  return writeConfig({
    // The names of the document's examples.
    device: { name: 'porch-pi' },
    cameras: { porch: Object.values(cameras)[0] },
    rules: { ...rules, [first]: { ...rule, topic: 'alarm/porch' } },
    mqtt: { url, drainDelayS: 0, healthS: 1, detectionsFormat: 'both' },
    frigate: { enabled: true },
  });
}

/** Sends every example of what the daemon takes. */
function hasHistory(dataDir: string): boolean {
  const path = join(dataDir, 'history.db');
  if (!existsSync(path)) return false;
  const db = new Database(path, { readonly: true });
  try {
    return (db.prepare('SELECT count(*) FROM observations').pluck().get() as number) > 0;
  } catch {
    // It is being made.
    return false;
  } finally {
    db.close();
  }
}

async function command(url: string, channels: readonly DocumentedChannel[]): Promise<void> {
  const client = await connectAsync(url);
  onTestFinished(() => client.endAsync(true));
  for (const { exampleTopic, qos, messages } of channels) {
    for (const example of messages.flatMap(({ examples }) => examples)) {
      const payload = typeof example === 'string' ? example : JSON.stringify(example);
      await client.publishAsync(exampleTopic, payload, { qos: qos as 0 | 1 });
    }
  }
}

testBroker('one daemon sends every topic of the document, and nothing else', async () => {
  const broker = await Mosquitto.start();
  const subscriber = await Subscriber.connect({
    url: broker.url,
    filters: ['vedette/#', 'homeassistant/#', 'frigate/#'],
    retainAsPublished: true,
  });
  const dataDir = tempDir();
  // A database beyond repair: a gap says what was in it.
  writeFileSync(join(dataDir, 'vedette.db'), Buffer.alloc(3 * 4096, 'rust '));
  const config = fullConfig(broker.url);
  const daemon = startDaemon(['run', '--config', config, '--data', dataDir]);
  await waitFor('the start', () => daemon.stderr().includes('started'));
  const examined = runToEnd(['doctor', '--config', config, '--data', dataDir]);

  const channels = documentedChannels();
  await subscriber.waitFor('a frame', ({ topic }) => topic.endsWith('/detections'));
  // What was seen is kept two seconds later: a backtest needs something to go by.
  await waitFor('the history', () => hasHistory(dataDir));
  await command(
    broker.url,
    channels.filter(({ action }) => action === 'receive'),
  );
  const sent = channels.filter(({ action }) => action === 'send');
  const unseen = (): string[] => {
    const seen = new Set([...subscriber.newest.keys()].map((topic) => channelOf(topic)?.name));
    return sent.filter(({ name }) => !seen.has(name)).map(({ address }) => address);
  };
  await waitFor('every documented topic', () => unseen().length === 0, 120_000).catch(() => undefined);
  expect(unseen(), 'documented and never sent').toEqual([]);
  for (const { exampleTopic, messages } of channels.filter(({ action }) => action === 'receive')) {
    if (!exampleTopic.includes('/request/')) continue;
    const id = (messages[0]!.examples[0] as { id: string }).id;
    const answer = await subscriber.waitFor(`the answer to ${id}`, ({ topic }) => topic.endsWith(`/${id}`));
    expect(JSON.parse(answer.payload), exampleTopic).toMatchObject({ id, ok: true });
  }
  await examined;
  daemon.kill('SIGTERM');
  expect(await daemon.exited).toBe(0);
  await subscriber.waitFor('the goodbye', ({ payload }) => payload === 'stopped');
});
