// detector.remote against a real NVIDIA Triton server that runs the shipped model.
import { expect, onTestFinished } from 'vitest';
import type { DetectorSupervisor } from '../../daemon/detector/supervisor.ts';
import { detectorConfig, drawnFigure, INPUT_SIDE, supervised, TestClient } from '../support/detector.ts';
import { freePort } from '../support/mosquitto.ts';
import { tempDir } from '../support/temp-dir.ts';
import { Triton, testWithTriton } from '../support/triton.ts';
import { waitFor } from '../support/wait.ts';

/** A detector with a client; `remote` is what stands in the configuration. */
async function running(remote?: Parameters<typeof detectorConfig>[0]) {
  const detector = supervised({ runtimeDir: tempDir(), config: detectorConfig(remote) });
  onTestFinished(() => detector.supervisor.stop());
  await detector.supervisor.start(new AbortController().signal);
  const { ready } = await detector.nextState('ready', 0);
  const client = new TestClient(ready!);
  onTestFinished(() => client.close());
  return { ...detector, client };
}

const ROUNDS = 100;

/** Of single inferences, one after the other, as the detector process measures them. */
async function medianMs(client: TestClient): Promise<string> {
  const picture = drawnFigure();
  const times: number[] = [];
  for (let i = 0; i < ROUNDS; i += 1) {
    const { runStartMonoMs, runEndMonoMs } = await client.infer(picture);
    times.push(runEndMonoMs - runStartMonoMs);
  }
  return (times.sort((a, b) => a - b)[ROUNDS / 2] ?? 0).toFixed(1);
}

function remoteOf(supervisor: DetectorSupervisor) {
  return supervisor.state().remote;
}

/** What was found, to five digits. */
function nearly(found: Awaited<ReturnType<TestClient['infer']>>['found']) {
  return found.map(({ score, box, ...rest }) => ({
    ...rest,
    score: expect.closeTo(score, 5),
    box: box.map((edge) => expect.closeTo(edge, 5)),
  }));
}

testWithTriton()(
  'Triton finds with the shipped model what the board finds with it; killed, it is replaced at once, and taken again when it is back',
  async () => {
    const triton = new Triton(await freePort());
    await triton.start();
    const remote = { url: triton.url, retryMaxS: 1, timeoutMs: 2000 };
    const { supervisor, client, records } = await running({ remote });
    const here = await running();
    await waitFor('Triton to be asked first', () => remoteOf(supervisor)?.state === 'remote');
    for (const picture of [drawnFigure(), new Uint8Array(INPUT_SIDE * INPUT_SIDE * 3).fill(128)]) {
      const far = await client.infer(picture);
      expect(far.type).toBe('answer');
      // Its build of the runtime adds floats in another order.
      expect(far.found).toEqual(nearly((await here.client.infer(picture)).found));
    }
    expect((await client.infer(drawnFigure())).found[0]?.label).toBe('person');
    const [farMs, hereMs] = [await medianMs(client), await medianMs(here.client)];
    console.info(`median of ${ROUNDS} inferences: Triton ${farMs} ms, the local model ${hereMs} ms`);
    await waitFor('its numbers', () => (remoteOf(supervisor)?.remoteMs ?? 0) > 0);
    expect(remoteOf(supervisor)).toMatchObject({ state: 'remote', fallbacks: 0 });

    await triton.kill();
    const after = await client.infer(drawnFigure());
    expect(after).toMatchObject({ type: 'answer', found: [{ label: 'person' }] });
    await waitFor('the local model to be told', () => remoteOf(supervisor)?.state === 'local');
    expect(remoteOf(supervisor)?.reason).toMatch(/refuses the connection|ECONNRESET|closed the connection/);

    await triton.start();
    await waitFor('Triton to be asked first again', () => remoteOf(supervisor)?.state === 'remote');
    const told = records.map(({ msg }) => msg).filter((line) => line.includes(triton.url));
    expect(told).toEqual([
      expect.stringMatching(/is asked first \([\d.]+ ms an inference\)$/),
      expect.stringMatching(/; the local model answers, trying the server again$/),
      expect.stringMatching(/is asked first/),
    ]);
  },
);
