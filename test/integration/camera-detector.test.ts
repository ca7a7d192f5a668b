// The camera's end of the detector against the real detector process with the shipped model.
import { describe, expect, onTestFinished, test } from 'vitest';
import { DetectorClient } from '../../daemon/camera/detector-client.ts';
import type { DetectorEndpoint } from '../../daemon/detector/wire.ts';
import { type Clock, systemClock } from '../../daemon/platform/clock.ts';
import { drawnFigure, supervised } from '../support/detector.ts';
import { memoryLogger } from '../support/logger.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const FRAME = { bytes: Buffer.alloc(0), number: 1, atMs: 0, monoMs: 0, completeMonoMs: 0 };

function clientWith(deadlineMs: number, clock: Clock = systemClock) {
  const seen = { ready: 0, answers: [] as number[], lost: 0, late: [] as number[] };
  const client = new DetectorClient({
    cameraIndex: 0,
    priority: 'normal',
    deadlineMs,
    clock,
    logger: memoryLogger().logger,
    onReady: () => {
      seen.ready += 1;
    },
    onAnswer: (_frame, _preparedMonoMs, { detections }) => seen.answers.push(detections.count),
    onLost: () => {
      seen.lost += 1;
    },
    onRefused: () => {
      throw new Error('refused');
    },
    onLate: (generation) => seen.late.push(generation),
  });
  onTestFinished(() => client.close());
  return { client, seen };
}

async function detector(): Promise<{ endpoint: DetectorEndpoint; pid: number; stop: () => Promise<void> }> {
  const { supervisor, nextState } = supervised({ runtimeDir: tempDir() });
  onTestFinished(() => supervisor.stop());
  await supervisor.start(new AbortController().signal);
  const { ready } = await nextState('ready', 0);
  return { endpoint: ready!, pid: supervisor.state().pid!, stop: () => supervisor.stop() };
}

describe('a camera asking the detector', () => {
  test('has two requests answered and no room for a third', async () => {
    const { endpoint } = await detector();
    const { client, seen } = clientWith(60_000);
    client.use(1, endpoint);
    await waitFor('the connection', () => seen.ready === 1);
    client.submit(drawnFigure(), FRAME);
    client.submit(drawnFigure(), FRAME);
    expect(client.hasFreeSlot).toBe(false);
    expect(() => client.submit(drawnFigure(), FRAME)).toThrow(/no free detector slot/);
    await waitFor('both answers', () => seen.answers.length === 2);
    expect(Math.min(...seen.answers)).toBeGreaterThan(0);
    expect(client.hasFreeSlot).toBe(true);
  });

  test('tells an overdue answer, and counts what was lost when the detector goes', async () => {
    const { endpoint, pid } = await detector();
    const { client, seen } = clientWith(400);
    client.use(7, endpoint);
    await waitFor('the connection', () => seen.ready === 1);
    process.kill(pid, 'SIGSTOP');
    client.submit(drawnFigure(), FRAME);
    await waitFor('the deadline', () => seen.late.length > 0);
    expect(seen.late[0]).toBe(7);
    process.kill(pid, 'SIGKILL');
    await waitFor('the loss', () => seen.lost === 1);
    expect(seen.answers).toEqual([]);
    expect(client.hasFreeSlot).toBe(false);
  });

  test('does not take an answer for late that came while the daemon stood still', async () => {
    const { endpoint } = await detector();
    const checks: (() => void)[] = [];
    const every: Clock['every'] = (_ms, check) => {
      checks.push(check);
      return { stop: () => undefined };
    };
    const { client, seen } = clientWith(400, { ...systemClock, every });
    client.use(1, endpoint);
    await waitFor('the connection', () => seen.ready === 1);
    client.submit(drawnFigure(), FRAME);
    // As by SIGSTOP, or a disk that hangs: timers come first then, the answer is still in the socket.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 900);
    for (const check of checks) check();
    expect(seen.late).toEqual([]);
    await waitFor('the answer', () => seen.answers.length === 1);
  });

  test('survives news of a detector that is gone already', async () => {
    const { endpoint, stop } = await detector();
    await stop();
    const { client, seen } = clientWith(60_000);
    client.use(1, endpoint);
    expect(client.hasFreeSlot).toBe(false);
    expect(seen.ready).toBe(0);
  });
});
