// Nothing lost, whatever happens: the daemon killed again and again, everything around it failing, with a broker that
// forgets and with one that keeps. 200 faults in all, 40 of them SIGKILL of the daemon. By hand, for hours: `npm run chaos`.
//
// `forgetful`: Mosquitto without persistence comes back empty, the listener has no session. Proves that a message leaves
// the outbox only when somebody heard it (reason 16 of MQTT 5) or when it is marked unheard.
// `lasting`: Mosquitto with persistence comes back with what it saved, the listener has a session and breaks off when it likes. Proves
// that a message leaves the outbox only when the broker has it, in order. The listener itself loses no connection
// while it listens without a session: MQTT would lose messages then, whatever the daemon does.
import { expect } from 'vitest';
import { testMounting } from '../fixtures/store/harness.ts';
import { testNeeding } from '../support/needs.ts';
import { reportLines, run } from './run.ts';

const SEED = Number(process.env['CHAOS_SEED'] ?? 7);

testMounting();
const testChaos = testNeeding({ programs: ['mosquitto', 'faketime', 'mount'] });

for (const kind of ['forgetful', 'lasting'] as const) {
  testChaos(`every committed alert is heard or accounted for, with a ${kind} broker`, async () => {
    const last: string[] = [];
    const report = await run({
      kind,
      seed: SEED,
      faults: 100,
      kills: 20,
      print: console.error,
      onFault: (line) => void last.push(line),
    });
    const lines = reportLines(report);
    console.log(lines.join('\n'));
    expect(report.wrong, [...last.slice(-20), ...lines].join('\n')).toEqual([]);
    expect(report.struck.get('daemon killed')).toBeGreaterThanOrEqual(20);
    expect(report.counts.alertsHeard).toBeGreaterThanOrEqual(50);
  });
}
