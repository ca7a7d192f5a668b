import { describe, expect, test } from 'vitest';
import { LINES_MAX, StatusLog } from '../../daemon/camera/status-log.ts';
import { memoryLogger } from '../support/logger.ts';
import { SimClock } from '../support/sim-clock.ts';

const HOUR_MS = 3_600_000;

function logging() {
  const { logger, records } = memoryLogger();
  const clock = new SimClock();
  const log = new StatusLog(logger, clock);
  const flip = (text: string): void =>
    log.change({ level: text === 'camera is online' ? 'info' : 'warn', text, fields: { code: text } });
  /** Comes and goes every `eachMs`. */
  const flap = async (durationMs: number, eachMs: number): Promise<void> => {
    for (let atMs = 0; atMs < durationMs; atMs += 2 * eachMs) {
      flip('camera is gone');
      await clock.advance(eachMs);
      flip('camera is online');
      await clock.advance(eachMs);
    }
  };
  return { clock, log, flip, flap, records };
}

describe('the log of a camera', () => {
  test('has a line for every change of a camera that changes now and then', async () => {
    const { flap, records } = logging();
    await flap(24 * HOUR_MS, HOUR_MS);
    expect(records).toHaveLength(24);
    expect(records[0]).toMatchObject({ msg: 'camera is gone', code: 'camera is gone' });
  });

  test('has some lines for a camera that comes and goes all day, and every change is counted', async () => {
    const { clock, flap, records } = logging();
    await flap(24 * HOUR_MS, 5000);
    await clock.advance(HOUR_MS);
    expect(records.length).toBeLessThan(LINES_MAX + 12);
    expect(records[LINES_MAX]?.msg).toMatch(/comes and goes: \d+ changes in 10 min, the last one: camera is/);
    const counted = records.slice(LINES_MAX).reduce((sum, { changes }) => sum + Number(changes), LINES_MAX);
    expect(counted).toBe((24 * HOUR_MS) / 5000);
  });

  test('ends with the state the camera is in, and begins anew after a quiet time', async () => {
    const { clock, flip, flap, records } = logging();
    await flap(HOUR_MS, 5000);
    flip('camera is gone');
    await clock.advance(HOUR_MS);
    expect(records.at(-1)?.msg).toMatch(/camera is gone$/);
    const lines = records.length;
    await clock.advance(24 * HOUR_MS);
    expect(records).toHaveLength(lines);
    flip('camera is online');
    expect(records.at(-1)?.msg).toBe('camera is online');
  });

  test('says nothing any more once it is stopped', async () => {
    const { clock, log, flap, records } = logging();
    await flap(60_000, 1000);
    log.stop();
    await clock.advance(24 * HOUR_MS);
    expect(records).toHaveLength(LINES_MAX);
  });
});
