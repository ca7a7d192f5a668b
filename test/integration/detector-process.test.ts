// The real detector process with real models: what it answers, whom it serves when, and what it does with nonsense.

import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ProcessOptions } from '../../daemon/detector/control.ts';
import { createSlotsFile, runtimeFiles } from '../../daemon/detector/runtime-files.ts';
import { SLOT_COUNT, SLOTS_PER_CAMERA, tensorBytes } from '../../daemon/detector/wire.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import {
  type Answer,
  drawnFigure,
  FIXTURES,
  type Golden,
  INPUT_SIDE,
  LIGHTER_MODEL,
  modelFolder,
  SHIPPED_MODEL,
  supervised,
  TestClient,
  TOYS,
} from '../support/detector.ts';
import { ROOT, sharedPath, testNeeding } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const golden = JSON.parse(readFileSync(join(FIXTURES, 'golden.json'), 'utf8')) as Golden;

/** A running detector with a model folder. */
async function running(folder = SHIPPED_MODEL) {
  const detector = supervised({ runtimeDir: tempDir(), loadModel: () => loadModel(folder) });
  onTestFinished(() => detector.supervisor.stop());
  await detector.supervisor.start(new AbortController().signal);
  const { ready } = await detector.nextState('ready', 0);
  if (ready === undefined) throw new Error('ready without an endpoint');
  const pid = detector.supervisor.state().pid;
  if (pid === undefined) throw new Error('ready without a process');
  return { ...detector, endpoint: ready, pid };
}

function clientOf(...args: ConstructorParameters<typeof TestClient>): TestClient {
  const client = new TestClient(...args);
  onTestFinished(() => client.close());
  return client;
}

function toy(from: { onnx: string; manifest: Record<string, unknown> }): string {
  return modelFolder(tempDir(), from);
}

function expectFound(
  answer: Answer,
  wanted: Golden['figure']['found'],
  labels: readonly string[],
  digits = 5,
) {
  expect(answer).toMatchObject({ type: 'answer', message: '' });
  expect(answer.found.map(({ label }) => label)).toEqual(wanted.map((one) => labels[one.class]));
  answer.found.forEach(({ score, box }, i) => {
    expect(score).toBeCloseTo(wanted[i]!.score, digits);
    box.forEach((edge, k) => {
      expect(edge).toBeCloseTo(wanted[i]!.box[k]!, digits);
    });
  });
}

test('the shipped model finds the drawn figure where the golden run found it', async () => {
  const figure = drawnFigure();
  expect(createHash('sha256').update(figure).digest('hex')).toBe(golden.figure.sha256);
  const { endpoint } = await running();
  const client = clientOf(endpoint, 1);
  const answer = await client.infer(figure);
  // Two digits: integer kernels differ a little between CPUs (with and without VNNI, arm64).
  expectFound(answer, golden.figure.found, endpoint.model.labels, 1);
  expect(answer.found[0]).toMatchObject({ label: 'person' });
  expect(answer.found[0]?.score).toBeGreaterThan(0.6);
  expect(answer).toMatchObject({ camera: 1, requestId: 1 });
  expect(answer.runEndMonoMs).toBeGreaterThan(answer.runStartMonoMs);
  // The same process, an empty picture: nothing left over from the run before.
  expect((await client.infer(new Uint8Array(figure.length).fill(128))).found).toEqual([]);
});

test('the lighter model finds the drawn figure where the shipped one does', async () => {
  const { endpoint } = await running(LIGHTER_MODEL);
  const { found } = await clientOf(endpoint).infer(drawnFigure(endpoint.model.input.width));
  expect(found[0]).toMatchObject({ label: 'person' });
  expect(found[0]!.score).toBeGreaterThan(0.5);
  // It sees each edge less exactly: within a tenth of the picture.
  found[0]!.box.forEach((edge, k) => {
    expect(Math.abs(edge - golden.figure.found[0]!.box[k]!)).toBeLessThan(0.1);
  });
});

testNeeding({ programs: ['ffmpeg'], shared: ['media/doorbell-person.mkv'] })(
  'the shipped model finds the person at the door in a real clip',
  async () => {
    const picture = execFileSync('ffmpeg', [
      ...['-v', 'error', '-ss', '1', '-i', sharedPath('media/doorbell-person.mkv'), '-frames:v', '1'],
      ...['-vf', `scale=${INPUT_SIDE}:${INPUT_SIDE}`, '-pix_fmt', 'rgb24', '-f', 'rawvideo', '-'],
    ]);
    const { endpoint } = await running();
    const { found } = await clientOf(endpoint).infer(picture);
    expect(found[0]?.label).toBe('person');
    expect(found[0]?.score).toBeGreaterThan(0.6);
  },
);

test('a TensorFlow SSD answers what numpy worked out, and a run that fails costs only its own request', async () => {
  const { endpoint, states } = await running(toy(TOYS.ssd));
  const client = clientOf(endpoint);
  const picture = new Uint8Array(16 * 16 * 3).fill(golden.ssd.brightest);
  picture[0] = 0;
  expectFound(await client.infer(picture), golden.ssd.foundAtBrightest, endpoint.model.labels);
  picture[0] = 200;
  const failed = await client.infer(picture);
  expect(failed).toMatchObject({ type: 'error', found: [] });
  expect(failed.message).toMatch(/indices element out of data bounds|out of/);
  picture[0] = 199;
  expectFound(await client.infer(picture), golden.ssd.foundAtBrightest, endpoint.model.labels);
  expect(states.map(({ state }) => state)).toEqual(['starting', 'starting', 'ready']);
});

test('a model whose outputs have no fixed size is read as well', async () => {
  const { endpoint } = await running(toy({ ...TOYS.ssd, onnx: join(FIXTURES, 'ssd-dynamic.onnx') }));
  const client = clientOf(endpoint);
  const picture = new Uint8Array(16 * 16 * 3).fill(golden.ssd.brightest);
  picture[0] = 0;
  expectFound(await client.infer(picture), golden.ssd.foundDynamic, endpoint.model.labels);
  expect((await client.infer(picture.fill(10))).found).toEqual([]);
});

test('every slot of every camera reaches the model whole: the tensor says what is found', async () => {
  const { endpoint } = await running(toy(TOYS.echo));
  const clients = [0, 1].map((camera) => clientOf(endpoint, camera));
  const tensors = [0, 1, 2, 3].map((slot) => {
    const values = new Float32Array(768);
    values.set([0.1 * slot, 0.25, 0.1 * slot + 0.5, 0.75]);
    values[96 + slot] = 0.9;
    return values;
  });
  tensors.forEach((values, slot) => {
    clients[slot >> 1]!.write(new Uint8Array(values.buffer), slot & 1);
  });
  for (const [slot, values] of tensors.entries()) {
    const client = clients[slot >> 1]!;
    const id = client.send(slot & 1);
    const answer = await waitFor('the answer', () => client.answers.find((one) => one.requestId === id));
    expect(answer.found).toEqual([
      { label: endpoint.model.labels[slot], score: Math.fround(0.9), box: [...values.subarray(0, 4)] },
    ]);
  }
});

test('two cameras are served in turn, however the requests came in', async () => {
  const { endpoint, pid } = await running();
  const order: Answer[] = [];
  const clients = [0, 1].map((camera) => clientOf(endpoint, camera, (answer) => order.push(answer)));
  for (const client of clients) await client.infer(drawnFigure());
  order.length = 0;
  // All four are there before the first is looked at.
  process.kill(pid, 'SIGSTOP');
  for (const client of clients) for (const which of [0, 1]) client.send(which);
  await waitFor('the requests to be handed to the kernel', () =>
    clients.every((client) => client.socket.writableLength === 0),
  );
  process.kill(pid, 'SIGCONT');
  await waitFor('four answers', () => order.length === 4);
  const cameras = order.toSorted((a, b) => a.runStartMonoMs - b.runStartMonoMs).map(({ camera }) => camera);
  expect([
    [0, 1, 0, 1],
    [1, 0, 1, 0],
  ]).toContainEqual(cameras);
  // One run at a time.
  const runs = order.toSorted((a, b) => a.runStartMonoMs - b.runStartMonoMs);
  runs.slice(1).forEach((run, i) => {
    expect(run.runStartMonoMs).toBeGreaterThanOrEqual(runs[i]!.runEndMonoMs);
  });
});

test('cameras that always ask are served as their weights say', async () => {
  // Bright enough that a run takes longer than an answer's way to the camera and the next request's way back.
  const { endpoint } = await running(toy(TOYS.hoard));
  const picture = new Uint8Array(768).fill(120);
  const order: number[] = [];
  [1, 2, 4].forEach((weight, camera) => {
    const onAnswer = ({ requestId }: Answer): void => {
      order.push(weight);
      client.send(requestId & 1);
    };
    const client = clientOf(endpoint, camera, onAnswer, weight);
    for (const which of [1, 0]) {
      client.write(picture, which);
      client.send(which);
    }
  });
  // The first turns come while the last camera is still connecting.
  const seen = await waitFor('the answers', () => order.length >= 154 && order.slice(14, 154));
  const counts = [1, 2, 4].map((weight) => seen.filter((one) => one === weight).length);
  [20, 40, 80].forEach((share, i) => {
    expect(Math.abs(counts[i]! - share)).toBeLessThanOrEqual(2);
  });
});

test('garbage closes its own connection and no other', async () => {
  const { endpoint, states } = await running(toy(TOYS.ssd));
  const good = clientOf(endpoint, 0);
  const bad = connect(endpoint.socketPath);
  const closed = once(bad, 'close');
  bad.on('error', () => undefined);
  bad.write('GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: not a camera\r\n\r\n');
  await closed;
  expect(await good.infer(new Uint8Array(768))).toMatchObject({ type: 'answer' });
  expect(states.at(-1)?.state).toBe('ready');
});

test('a third unanswered request closes the connection', async () => {
  const { endpoint, pid } = await running(toy(TOYS.ssd));
  const [greedy, modest] = [clientOf(endpoint, 0), clientOf(endpoint, 1)];
  for (const client of [greedy, modest]) await client.infer(new Uint8Array(768));
  process.kill(pid, 'SIGSTOP');
  for (const which of [0, 1, 0]) greedy.send(which);
  for (const which of [0, 1]) modest.send(which);
  await waitFor('the requests to be handed to the kernel', () => greedy.socket.writableLength === 0);
  process.kill(pid, 'SIGCONT');
  await waitFor('the greedy connection to be closed', () => greedy.closed);
  await waitFor('both answers of the other', () => modest.answers.length === 3);
});

test('a request for another shape is answered with the reason', async () => {
  const { endpoint } = await running(toy(TOYS.ssd));
  const client = clientOf(endpoint, 0);
  client.send(0, { dims: [1, 320, 320, 3] });
  await waitFor('the first error', () => client.answers.length === 1);
  expect(client.answers[0]).toMatchObject({ type: 'error', runStartMonoMs: 0 });
  expect(client.answers[0]?.message).toBe("tensor shape [1,320,320,3] is not the model's [1,16,16,3]");
  expect(await client.infer(new Uint8Array(768))).toMatchObject({ type: 'answer' });
});

test('socket and slots are for this user only', async () => {
  const { endpoint } = await running(toy(TOYS.ssd));
  expect(statSync(endpoint.socketPath).mode & 0o777).toBe(0o600);
  expect(statSync(endpoint.slotsPath).mode & 0o777).toBe(0o600);
  expect(statSync(endpoint.slotsPath).size).toBe(32 * SLOTS_PER_CAMERA * 768);
});

test('without the death signal too, the process ends by itself when its control channel closes', async () => {
  const model = await loadModel(toy(TOYS.ssd));
  const files = runtimeFiles(tempDir(), 1);
  createSlotsFile(files.slotsPath, SLOT_COUNT * tensorBytes(model.input));
  const options: ProcessOptions = {
    ...files,
    model,
    providers: ['cpu'],
    outages: [],
    threads: 1,
    scoreLow: 0.2,
    generation: 1,
    deadlineMs: 5000,
  };
  const child = spawn(process.execPath, [join(ROOT, 'daemon/detector/process.ts'), JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const control = child.stdio[3];
  if (control === null || control === undefined) throw new Error('no control channel');
  let said = '';
  control.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await waitFor('ready on the control channel', () => said.includes('"type":"ready"'));
  // An open connection must not keep it alive.
  const socket = connect(files.socketPath);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  const exited = once(child, 'exit');
  control.destroy();
  expect(await exited).toEqual([0, null]);
});
