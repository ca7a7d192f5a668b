// The detector killed and frozen under a running daemon.
import { describe, expect, test } from 'vitest';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { childrenOf, startDaemon } from '../support/daemon.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

interface Health {
  readonly detector: { readonly state: string; readonly restarts: number; readonly lastReason?: string };
  readonly eventLoop: { readonly delayMaxMs: number; readonly delayP99Ms: number };
  readonly cameras: { readonly yard: { readonly framesProcessed: number; readonly framesDropped: number } };
}

/** Generous: what is asserted is that the loop was not held for an inference, a restart or a deadline. */
const LOOP_DELAY_MS_MAX = 1000;

describe.each([
  ['SIGKILL', /was killed by SIGKILL/],
  ['SIGSTOP', /no answer for \d+ ms \(limit 2000\)/],
] as const)('a detector that gets %s', (signal, reason) => {
  test('is replaced, detections go on, health tells it, the main loop never blocks', async () => {
    const config = writeConfig({
      log: { format: 'json' },
      mqtt: { embedded: { enabled: true, port: 0 }, healthS: 1 },
      detector: { deadlineMs: 2000 },
      ...busyScene(),
    });
    const daemon = startDaemon(['run', '--config', config, '--data', tempDir()]);
    const url = await waitFor('the broker', () => /"broker":"(mqtt:[^"]+)"/.exec(daemon.stderr())?.[1]);
    const subscriber = await Subscriber.connect({ url });
    const feed = () => subscriber.on('/camera/yard/detections').length;
    const health = () => subscriber.jsonOn('/health').at(-1) as unknown as Health | undefined;
    await waitFor('detections', () => feed() >= 5, 60_000);
    const before = subscriber.jsonOn('/health').length;

    const detector = childrenOf(daemon.pid).find(({ command }) => command.includes('detector'));
    expect(detector).toBeDefined();
    process.kill(detector!.pid, signal);

    await waitFor('the restart in health', () => (health()?.detector.restarts ?? 0) >= 1, 60_000);
    const seen = feed();
    await waitFor('detections again', () => feed() >= seen + 5, 60_000);
    await waitFor('a ready detector in health', () => health()?.detector.state === 'ready', 60_000);
    expect(health()?.detector.lastReason).toMatch(reason);

    const delays = (subscriber.jsonOn('/health').slice(before) as unknown as Health[]).map(
      (one) => one.eventLoop,
    );
    const delayMaxMs = Math.max(...delays.map((delay) => delay.delayMaxMs));
    console.info(`${signal}: event loop delay while it was replaced: at most ${delayMaxMs} ms`);
    expect(delayMaxMs).toBeLessThan(LOOP_DELAY_MS_MAX);
    expect(childrenOf(daemon.pid).filter(({ command }) => command.includes('detector'))).toHaveLength(1);
    daemon.kill('SIGTERM');
    expect(await daemon.exited).toBe(0);
  });
});
