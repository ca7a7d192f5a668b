// The daemon with a real Triton server as its detector.remote, killed and started again under it.
import { expect } from 'vitest';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { startDaemon } from '../support/daemon.ts';
import { freePort } from '../support/mosquitto.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { Triton, testWithTriton } from '../support/triton.ts';
import { waitFor } from '../support/wait.ts';

interface Health {
  readonly detector: {
    readonly state: string;
    readonly restarts: number;
    readonly remote?: { readonly state: string; readonly reason?: string; readonly fallbacks: number };
  };
}

testWithTriton()(
  'a server that is killed costs no detections, health tells who answers, and it is taken back',
  async () => {
    const triton = new Triton(await freePort());
    await triton.start();
    const config = writeConfig({
      log: { format: 'json' },
      mqtt: { embedded: { enabled: true, port: 0 }, healthS: 1 },
      detector: { deadlineMs: 3000, remote: { url: triton.url, retryMaxS: 2 } },
      ...busyScene(),
    });
    const daemon = startDaemon(['run', '--config', config, '--data', tempDir()]);
    const url = await waitFor('the broker', () => /"broker":"(mqtt:[^"]+)"/.exec(daemon.stderr())?.[1]);
    const subscriber = await Subscriber.connect({ url });
    const feed = () => subscriber.on('/camera/yard/detections').length;
    const health = () => subscriber.jsonOn('/health').at(-1) as unknown as Health | undefined;
    const remote = () => health()?.detector.remote;
    await waitFor('the server in health', () => remote()?.state === 'remote', 60_000);
    await waitFor('detections', () => feed() >= 5, 60_000);

    await triton.kill();
    await waitFor('the local model in health', () => remote()?.state === 'local', 60_000);
    const seen = feed();
    await waitFor('detections of the local model', () => feed() >= seen + 5, 60_000);
    await waitFor('them in health', () => (remote()?.fallbacks ?? 0) > 0, 60_000);
    expect(remote()?.reason).toBeTruthy();
    // Its deadline was kept: the process that missed it would have been killed.
    expect(health()?.detector).toMatchObject({ state: 'ready', restarts: 0 });

    await triton.start();
    await waitFor('the server in health again', () => remote()?.state === 'remote', 60_000);
    const back = feed();
    await waitFor('detections again', () => feed() >= back + 5, 60_000);
    expect(health()?.detector).toMatchObject({ state: 'ready', restarts: 0 });
    expect(daemon.stderr()).not.toContain('detector refused a crop');
    expect(daemon.stderr().match(/"code":"DETECTOR_REMOTE"/g)).toHaveLength(1);
    daemon.kill('SIGTERM');
    expect(await daemon.exited).toBe(0);
  },
);
