// Ten thousand hostile commands and requests through a real broker: nobody crashes, nothing changes that should not, and every
// message has its one answer. Seeded (FUZZ_SEED), so that a failure can be repeated.
import { expect } from 'vitest';
import { ALL_ON } from '../support/camera-worker.ts';
import { expectedOf, Fuzzer } from '../support/command-fuzzer.ts';
import { Commander, commandWorld, NO_LIMITS } from '../support/commands.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const MESSAGES = 10_000;
/** Sent before the answers of the batch are awaited: as many as the daemon has on their way at a time. */
const BATCH = 50;

testMosquitto(`${MESSAGES} hostile messages have one answer each and change nothing`, async () => {
  const { url } = await Mosquitto.start({ lines: ['max_queued_messages 0', 'max_inflight_messages 0'] });
  const { turned, switchboard, commands, publisher } = await commandWorld({ url, limits: NO_LIMITS });
  const commander = await Commander.connect(url);
  const fuzzer = new Fuzzer(SEED);
  const counts = { invalid: 0, valid: 0 };
  for (let sent = 0; sent < MESSAGES; sent += BATCH) {
    const batch = Array.from({ length: BATCH }, () => fuzzer.next());
    const expected = batch.map(expectedOf);
    await Promise.all(batch.map(({ path, payload }) => commander.send(path, payload)));
    await waitFor(`the answers to ${sent} and further`, () => commander.answers.length >= BATCH, 60_000);
    const answers = commander.answers.splice(0);
    const got = answers.map(({ path, body }) => `${path} ${String(body['ok'])}`).sort();
    expect(got).toEqual([...expected].sort());
    for (const { body } of answers) {
      counts[body['ok'] === true ? 'valid' : 'invalid'] += 1;
      if (body['ok'] !== true) expect(body).toMatchObject({ error: { code: expect.any(String) } });
    }
  }
  // One more that is good: the channel still works, and nothing is on its way any more.
  await commander.send('arm/set', 'OFF');
  await commander.stateSaid('arm', 'OFF');
  expect(commander.answers).toEqual([]);
  expect(turned).toEqual([{ name: 'arm', value: 'false', fileValue: 'true' }]);
  for (const camera of ['porch', 'lane']) expect(switchboard.ofCamera(camera)).toEqual(ALL_ON);
  expect(commands.dropped).toBe(0);
  expect(publisher.state().reconnects).toBe(0);
  expect(counts.valid).toBeGreaterThan(MESSAGES / 100);
  console.log(`fuzz seed ${SEED}: ${counts.invalid} refused, ${counts.valid} requests answered`);
});
