// The detector's socket with a session that runs when it is told to: what happens in the middle of a run.
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { Decoder, type OutputData } from '../../daemon/detector/decode.ts';
import { createSlotsFile } from '../../daemon/detector/runtime-files.ts';
import { DetectorServer } from '../../daemon/detector/server.ts';
import type { DetectorSession } from '../../daemon/detector/session.ts';
import { type DetectorEndpoint, SLOT_COUNT, tensorBytes, tensorDims } from '../../daemon/detector/wire.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { modelFolder, TestClient, TOYS } from '../support/detector.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const NOTHING: OutputData = { boxes: new Float32Array(96), scores: new Float32Array(96) };

/** A listening server; `finish` ends the run in progress, unless `run` says how runs go. */
async function listening({ run: runOf }: { run?: () => Promise<OutputData> } = {}) {
  const model = await loadModel(modelFolder(tempDir(), TOYS.echo));
  const slotBytes = tensorBytes(model.input);
  const folder = tempDir();
  const [socketPath, slotsPath] = [join(folder, 'd.sock'), join(folder, 'd.slots')];
  createSlotsFile(slotsPath, SLOT_COUNT * slotBytes);
  const slotsFd = openSync(slotsPath, 'r');
  onTestFinished(() => closeSync(slotsFd));
  let run = Promise.withResolvers<OutputData>();
  const session: DetectorSession = {
    input: new Uint8Array(slotBytes),
    provider: 'cpu',
    fallbacks: [],
    skipped: [],
    library: undefined,
    exact: true,
    loadMs: 0,
    warmupMs: 0,
    run: () => {
      if (runOf) return runOf();
      run = Promise.withResolvers();
      return run.promise;
    },
    release: async () => undefined,
  };
  const server = new DetectorServer({
    session,
    decoder: new Decoder({ decoder: model.decoder, labelCount: model.labels.length, scoreLow: 0.2 }),
    slotsFd,
    dims: tensorDims(model.input),
    clock: systemClock,
    log: () => undefined,
  });
  await server.listen(socketPath);
  onTestFinished(() => server.close());
  const endpoint: DetectorEndpoint = {
    ...{ socketPath, slotsPath, slotBytes, model },
    ...{ provider: 'cpu', fallbacks: [], skipped: [], runtime: {}, exact: true, threads: 1, warmupMs: 0 },
  };
  return { server, endpoint, slotBytes, finish: () => run.resolve(NOTHING) };
}

test('a detector that is asked to end finishes the run in progress, answers it, and begins no other', async () => {
  const { server, endpoint, slotBytes, finish } = await listening();
  const client = new TestClient(endpoint);
  onTestFinished(() => client.close());
  for (const which of [0, 1]) {
    client.write(new Uint8Array(slotBytes), which);
    client.send(which);
  }
  await waitFor('the run', () => server.runs === 1);
  const closed = server.close();
  finish();
  await closed;
  await waitFor('the end of the connection', () => client.closed);
  expect(client.answers).toEqual([expect.objectContaining({ type: 'answer', requestId: 1 })]);
  expect(server.runs).toBe(1);
});

test('a camera that goes while its frame is in the detector holds up nobody', async () => {
  const { server, endpoint, slotBytes, finish } = await listening();
  const [leaver, stayer] = [new TestClient(endpoint, 0), new TestClient(endpoint, 1)];
  onTestFinished(() => stayer.close());
  for (const which of [0, 1]) {
    leaver.write(new Uint8Array(slotBytes), which);
    leaver.send(which);
  }
  await waitFor('the run of the first', () => server.runs === 1);
  stayer.write(new Uint8Array(slotBytes));
  stayer.send();
  leaver.close();
  await waitFor('its connection to close', () => leaver.closed);
  await waitFor('the run of the other', () => {
    finish();
    return server.runs >= 2 && stayer.answers.length === 1;
  });
  expect(stayer.answers[0]).toMatchObject({ type: 'answer', camera: 1 });
});

test('a request that comes while a run blocks the process is counted in before the next turn is given', async () => {
  let during = (): void => undefined;
  // As onnxruntime-node does it: the whole run inside one callback of the event loop.
  const blocking = (): Promise<OutputData> =>
    new Promise((resolve) => {
      setImmediate(() => {
        during();
        during = () => undefined;
        resolve(NOTHING);
      });
    });
  const { endpoint, slotBytes } = await listening({ run: blocking });
  const order: number[] = [];
  const clients = [0, 1].map((camera) => new TestClient(endpoint, camera, () => order.push(camera)));
  for (const client of clients) {
    onTestFinished(() => client.close());
    for (const which of [0, 1]) client.write(new Uint8Array(slotBytes), which);
  }
  const [first, second] = clients as [TestClient, TestClient];
  // Both are connected, and their connections accepted.
  for (const client of clients) await client.infer(new Uint8Array(slotBytes));
  order.length = 0;
  during = () => second.send();
  for (const which of [0, 1]) first.send(which);
  await waitFor('three answers', () => order.length === 3);
  expect(order).toEqual([0, 1, 0]);
});
