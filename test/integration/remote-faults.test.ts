// detector.remote with a stand-in server that fails in every way: each frame is answered by the local model in time, the
// reason is told once, and a server that is well again is taken back.
import { readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { DetectorConfig } from '../../daemon/config/types.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { Authority } from '../support/certificates.ts';
import {
  detectorConfig,
  drawnFigure,
  INPUT_SIDE,
  SHIPPED_MODEL,
  supervised,
  TestClient,
} from '../support/detector.ts';
import { type Fault, KserveServer } from '../support/kserve-server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const BOXES = 3;
/** One cat, which no local model sees in the drawn figure. */
function catOutputs() {
  const boxes = new Float32Array(BOXES * 4);
  boxes.set([0.1, 0.2, 0.3, 0.4]);
  const scores = new Float32Array(BOXES * 9);
  scores[7] = 0.75;
  return {
    boxes: { shape: [1, BOXES, 4], data: boxes },
    scores: { shape: [1, BOXES, 9], data: scores },
  };
}

async function serve(options: Partial<ConstructorParameters<typeof KserveServer>[0]> = {}) {
  return KserveServer.start({ model: await loadModel(SHIPPED_MODEL), outputs: catOutputs, ...options });
}

async function running(remote: NonNullable<DetectorConfig['remote']>) {
  const config = detectorConfig({ remote: { timeoutMs: 300, retryMaxS: 1, ...remote } });
  const detector = supervised({ runtimeDir: tempDir(), config });
  onTestFinished(() => detector.supervisor.stop());
  await detector.supervisor.start(new AbortController().signal);
  const { ready } = await detector.nextState('ready', 0);
  const client = new TestClient(ready!);
  onTestFinished(() => client.close());
  const state = () => detector.supervisor.state().remote;
  const isState = (wanted: 'remote' | 'local') =>
    waitFor(`the state ${wanted}; now ${JSON.stringify(state())}`, () => {
      const now = state();
      return now?.state === wanted && now.reason !== 'the detector is starting' && now;
    });
  const labels = async () => (await client.infer(drawnFigure())).found.map(({ label }) => label);
  const told = () => detector.records.filter(({ code }) => String(code).startsWith('DETECTOR_REMOTE'));
  return { ...detector, client, state, isState, labels, told };
}

const FAULTS: readonly (readonly [Fault, RegExp])[] = [
  ['hang', /gave no answer within 300 ms/],
  ['slow', /gave no answer within 300 ms/],
  ['drop', /cannot be asked: ECONNRESET|closed the connection/],
  ['drop-in-answer', /cannot be asked: (ECONNRESET|aborted)/],
  ['status-503', /answered 503 Service Unavailable: 'overloaded\\u000a\\u001b\[31m'/],
  ['redirect', /answered 307 Temporary Redirect: redirects are refused/],
  ['huge', /sent an answer of 4294967296 bytes \(limit 8388608\)/],
  ['endless', /sent an answer of more than 8388608 bytes|gave no answer within/],
  ['endless-error', /sent an answer of more than 262144 bytes/],
  ['not-json', /bytes that are not JSON/],
  ['not-http', /something that is not HTTP/],
  ['garbage-header', /begins with '12; DROP' bytes of JSON/],
  ['wrong-shape', /output 'boxes' in shape \[1,1,3,4\], not \[1,N,4\]/],
  ['huge-shape', /sent 1000000000 boxes, the local model has 2160 \(limit 4444\)/],
  ['many-boxes', /sent 20000 boxes, the local model has 2160 \(limit 4444\)/],
  ['wrong-type', /output 'boxes' as FP16, not as FP32/],
  ['short', /44 bytes for output 'boxes', its shape needs 48/],
  ['not-numbers', /output 'boxes' with values that are not numbers/],
  ['gzip', /content encoding 'gzip'/],
];

describe('a server', () => {
  test.each(FAULTS)(
    'with the fault %s is replaced by the local model in the same frame',
    async (fault, reason) => {
      const server = await serve();
      const detector = await running({ url: server.url });
      await detector.isState('remote');
      expect(await detector.labels()).toEqual(['cat']);
      expect(Buffer.from(server.lastTensor!).equals(drawnFigure())).toBe(true);
      const rssBefore = detector.supervisor.state().rssBytes;

      server.fault = fault;
      expect(await detector.labels()).toEqual(['person']);
      expect((await detector.isState('local')).reason).toMatch(reason);
      expect(detector.told()).toHaveLength(1);
      expect(detector.told()[0]?.msg).toMatch(reason);
      expect(detector.supervisor.state().restarts).toBe(0);
      expect(detector.supervisor.state().rssBytes - rssBefore).toBeLessThan(100e6);

      server.fault = undefined;
      await detector.isState('remote');
      expect(await detector.labels()).toEqual(['cat']);
    },
  );

  test('that closed the kept connection meanwhile is asked again at once, and nothing is told', async () => {
    const server = await serve();
    const detector = await running({ url: server.url });
    await detector.isState('remote');
    for (let i = 0; i < 5; i += 1) {
      server.closeConnections();
      expect(await detector.labels()).toEqual(['cat']);
    }
    expect(detector.told()).toEqual([]);
  });

  test('that takes no tensors in binary gets and gives JSON', async () => {
    const server = await serve({ binary: false });
    const detector = await running({ url: server.url, timeoutMs: 5000 });
    await detector.isState('remote');
    expect(await detector.labels()).toEqual(['cat']);
    expect(Buffer.from(server.lastTensor!).equals(drawnFigure())).toBe(true);
  });

  test('that is not ready is not asked, and taken when it is', async () => {
    const server = await serve();
    server.ready = false;
    const detector = await running({ url: server.url });
    expect((await detector.isState('local')).reason).toMatch(
      /is not ready with model 'vedette-nano': it answered 503/,
    );
    expect(await detector.labels()).toEqual(['person']);
    expect(server.inferences).toBe(0);
    server.ready = true;
    await detector.isState('remote');
  });

  test('with another model is not asked: one message names what both have', async () => {
    const server = await serve();
    server.metadata = (metadata) => ({
      ...metadata,
      inputs: [{ name: 'image', datatype: 'FP32', shape: [1, 3, 640, 640] }],
    });
    const detector = await running({ url: server.url });
    expect((await detector.isState('local')).reason).toBe(
      `has another model 'vedette-nano': input 'image' is FP32 [1,3,640,640] at the server, UINT8 [1,${INPUT_SIDE},${INPUT_SIDE},3] in our manifest`,
    );
    expect(server.inferences).toBe(0);
  });
});

test('a certificate is verified, and the token goes in a header, not in an argument', async () => {
  const authority = new Authority();
  const server = await serve({ certificate: authority.issue({ subjects: ['127.0.0.1'] }) });
  const token = 'not-for-everybody';
  const trusting = await running({ url: server.url, token, caFile: authority.caFile });
  await trusting.isState('remote');
  expect(await trusting.labels()).toEqual(['cat']);
  expect(server.authorization).toBe(`Bearer ${token}`);
  const { pid } = trusting.supervisor.state();
  expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).not.toContain(token);

  const before = server.inferences;
  const doubting = await running({ url: server.url });
  expect((await doubting.isState('local')).reason).toMatch(/certificate that is not accepted/);
  const other = await running({ url: server.url, caFile: new Authority().caFile });
  expect((await other.isState('local')).reason).toMatch(/certificate that is not accepted/);
  expect(await other.labels()).toEqual(['person']);
  expect(server.inferences).toBe(before);
});
