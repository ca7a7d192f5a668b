// The latency ledger on a simulated clock: every stage of a frame and of an alert, and what is not measured.
import { describe, expect, test } from 'vitest';
import { LatencyLedger } from '../../daemon/platform/latency.ts';
import { SimClock } from '../support/sim-clock.ts';

const STAGES = { prepareMs: 2, waitMs: 3, inferMs: 20, trackMs: 1 };

async function ledgerAt(ms: number): Promise<{ ledger: LatencyLedger; clock: SimClock }> {
  const clock = new SimClock();
  await clock.advance(ms);
  return { ledger: new LatencyLedger(clock), clock };
}

describe('the latency ledger', () => {
  test('takes a frame apart into its stages, the decision included', async () => {
    const { ledger, clock } = await ledgerAt(1000);
    const stamp = { monoMs: clock.monoMs() };
    await clock.advance(30);
    expect(ledger.frame({ stamp, stages: STAGES })).toBe(4);
    expect(ledger.report()).toEqual({
      prepare: { p50Ms: 2, p99Ms: 2 },
      wait: { p50Ms: 3, p99Ms: 3 },
      infer: { p50Ms: 20, p99Ms: 20 },
      track: { p50Ms: 1, p99Ms: 1 },
      decide: { p50Ms: 4, p99Ms: 4 },
    });
  });

  test('counts from the completion of a frame whose stamp is the time of a video played fast', async () => {
    const { ledger, clock } = await ledgerAt(1000);
    const completeMonoMs = clock.monoMs();
    await clock.advance(30);
    expect(ledger.frame({ stamp: { monoMs: 60_000 }, stages: STAGES, completeMonoMs })).toBe(4);
  });

  test('does not count the end of tracks for which there was no frame', async () => {
    const { ledger, clock } = await ledgerAt(1000);
    expect(ledger.frame({ stamp: { monoMs: clock.monoMs() }, stages: STAGES })).toBe(0);
    expect(ledger.report()).toEqual({});
  });

  test('follows an alert from its frame to the acknowledgement', async () => {
    const { ledger, clock } = await ledgerAt(1000);
    const frameMonoMs = clock.monoMs();
    await clock.advance(30);
    ledger.decided('a', frameMonoMs);
    await clock.advance(5);
    ledger.committed('a', 17);
    await clock.advance(2);
    expect(ledger.sent(17)).toEqual({ commitMs: 5, sendMs: 2 });
    await clock.advance(1);
    ledger.acknowledged(17);
    expect(ledger.report()).toEqual({
      commit: { p50Ms: 5, p99Ms: 5 },
      send: { p50Ms: 2, p99Ms: 2 },
      acknowledge: { p50Ms: 1, p99Ms: 1 },
      alert: { p50Ms: 38, p99Ms: 38 },
    });
  });

  test('an alert sent twice counts once, by its last sending', async () => {
    const { ledger, clock } = await ledgerAt(0);
    ledger.decided('a', clock.monoMs());
    ledger.committed('a', 1);
    await clock.advance(10);
    ledger.sent(1);
    await clock.advance(60_000);
    expect(ledger.sent(1)).toEqual({ commitMs: 0, sendMs: 60_010 });
    ledger.acknowledged(1);
    ledger.acknowledged(1);
    expect(ledger.report().acknowledge).toEqual({ p50Ms: 0, p99Ms: 0 });
  });

  test('a row of an earlier life has no stages', async () => {
    const { ledger } = await ledgerAt(0);
    ledger.committed('unknown', 4);
    expect(ledger.sent(4)).toBeUndefined();
    ledger.acknowledged(4);
    expect(ledger.report()).toEqual({});
  });

  test('forgets the oldest when a day of alerts waits for a broker', async () => {
    const { ledger, clock } = await ledgerAt(0);
    for (let n = 1; n <= 1000; n += 1) {
      ledger.decided(`a${n}`, clock.monoMs());
      ledger.committed(`a${n}`, n);
    }
    expect(ledger.sent(1)).toBeUndefined();
    expect(ledger.sent(1000)).toEqual({ commitMs: 0, sendMs: 0 });
  });
});
