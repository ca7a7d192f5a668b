// Nothing lost, whatever happens: the daemon killed again and again, everything around it failing, in three houses. More
// than 200 faults in all, 40 of them SIGKILL of the daemon. By hand, for hours: `npm run chaos -- --help`.
//
// `forgetful`: Mosquitto comes back empty, the listener has no session and leaves politely. Proves that a message leaves the
// outbox only when somebody heard it (reason 16 of MQTT 5).
// `asking`: the same with a listener that breaks off. MQTT loses messages then, whatever the daemon does; proves that
// `request/events` has every one of them, and that what nobody listened to is marked unheard.
// `lasting`: Mosquitto comes back with what it saved, the listener has a session there and breaks off. Proves that a
// message leaves the outbox only when the broker has it, and that nothing overtakes.
// In all of them: no number is used twice, nothing is heard that is not durable, databases and pictures are sound, every
// event ends, the daemon never ends by itself and leaves no process behind.
import { expect, test } from 'vitest';
import { mixSeed } from '../../daemon/scene/random.ts';
import { testMounting } from '../fixtures/store/harness.ts';
import { testNeeding } from '../support/needs.ts';
import { HOUSES } from './house.ts';
import { reportLines, run } from './run.ts';

const SEED = Number(process.env['CHAOS_SEED'] ?? 7);

const testRoot = testMounting();
const testPrograms = testNeeding({ programs: ['mosquitto', 'faketime'] });
const testChaos = testRoot === test ? testPrograms : testRoot;

for (const [index, kind] of HOUSES.entries()) {
  testChaos(`every committed alert is heard or accounted for, in the house ${kind}`, async () => {
    const last: string[] = [];
    const report = await run({
      kind,
      seed: mixSeed(SEED, index),
      faults: 70,
      kills: 14,
      print: console.error,
      onFault: (line) => void last.push(line),
    });
    const lines = reportLines(report);
    console.log(lines.join('\n'));
    expect(report.wrong, [...last.slice(-20), ...lines].join('\n')).toEqual([]);
    expect(report.struck.get('daemon killed')).toBeGreaterThanOrEqual(14);
    expect(report.counts.alertsHeard).toBeGreaterThanOrEqual(35);
  });
}
