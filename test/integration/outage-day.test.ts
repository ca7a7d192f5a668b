// A day without a broker: 24 simulated hours, 10,000 alerts with their events, an outbox with a quota, a real file. Then a
// real broker: everything that is left arrives in order, exactly the rest is named in gaps, and memory has not grown.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, onTestFinished } from 'vitest';
import { allowMadeUpIds } from '../support/message-check.ts';
import { Mosquitto } from '../support/mosquitto.ts';
import { ROOT, testNeeding } from '../support/needs.ts';
import { ALERTS, type OutageLine } from '../support/outage-child.ts';
import { type ReceivedMessage, Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testMosquitto = testNeeding({ programs: ['mosquitto'] });
allowMadeUpIds();

const GROWTH_MB_MAX = 20;
const LIMIT_MS = 100_000;

interface Child {
  line(step: OutageLine['step']): Promise<OutageLine>;
  drain(): void;
}

function startChild(dataDir: string, url: string): Child {
  // A heap beyond the limit would end it.
  const flags = ['--expose-gc', '--max-semi-space-size=1', '--max-old-space-size=48'];
  const script = join(ROOT, 'test/support/outage-child.ts');
  const child = spawn(process.execPath, [...flags, script, dataDir, url], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: OutageLine[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line) as OutageLine));
  return {
    drain: () => void child.stdin.write('\n'),
    line: (step) =>
      waitFor(
        `the line ${step}`,
        () => {
          if (child.exitCode !== null && child.exitCode !== 0) throw new Error('the child died');
          return lines.find((line) => line.step === step);
        },
        LIMIT_MS,
      ),
  };
}

function numbersIn(gap: Record<string, unknown>): number[] {
  return (gap['ranges'] as [number, number][]).flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, index) => first + index),
  );
}

testMosquitto('a day without a broker is delivered in order, its gaps exact, without growing', async () => {
  // Without a limit of its own: by default it drops what a subscriber has not taken beyond a thousand.
  const broker = await Mosquitto.prepare({ lines: ['max_queued_messages 0'] });
  const child = startChild(tempDir(), broker.url);
  const outage = await child.line('outage');
  expect(outage).toMatchObject({ simulatedHours: 24, lastSeq: { event: 4 * ALERTS, alert: ALERTS } });
  expect(outage.outboxBytes).toBeLessThanOrEqual(8_000_000);
  await broker.restart();
  const subscriber = await Subscriber.connect({
    url: broker.url,
    filters: ['event', 'alert', 'gap'].map((kind) => `vedette/pi/${kind}`),
  });
  child.drain();
  const drained = await child.line('drained');
  // The broker has all of it; the subscriber, which checks every message, may be some behind.
  const last = ({ topic, payload }: ReceivedMessage): boolean =>
    topic.endsWith('/event') && payload.includes(`"seq":${outage.lastSeq.event},`);
  await waitFor('the last event', () => subscriber.messages.some(last), LIMIT_MS);
  await waitFor('the last alert', () => subscriber.on('/alert').length >= ALERTS, LIMIT_MS);
  const gaps = subscriber.jsonOn('/gap');
  expect(gaps.every(({ reason }) => reason === 'quota')).toBe(true);
  for (const counter of ['event', 'alert'] as const) {
    const came = subscriber.jsonOn(`/${counter}`).map(({ seq }) => Number(seq));
    expect(came).toEqual(came.toSorted((a, b) => a - b));
    const lost = gaps.filter((gap) => gap['counter'] === counter).flatMap(numbersIn);
    // Neither in both nor in none.
    const all = [...came, ...lost].sort((a, b) => a - b);
    expect(all).toEqual(Array.from({ length: outage.lastSeq[counter] }, (_, index) => index + 1));
    console.info(
      `${counter}: ${came.length} came in order, ${lost.length} named in gaps, of ${outage.lastSeq[counter]}`,
    );
  }
  expect(subscriber.on('/alert')).toHaveLength(ALERTS);
  console.info(
    `memory: rss +${outage.rssGrowthMb} MB after the outage, +${drained.rssGrowthMb} MB at most with the drain; ` +
      `heap +${outage.heapGrowthMb} and +${drained.heapGrowthMb} MB`,
  );
  expect(drained.rssGrowthMb).toBeLessThanOrEqual(GROWTH_MB_MAX);
  expect(drained.heapGrowthMb).toBeLessThanOrEqual(GROWTH_MB_MAX);
});
