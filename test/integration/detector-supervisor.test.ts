// The supervisor with the real process: death, hang, missing and broken models, providers, the end of the daemon.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { SupervisorOptions } from '../../daemon/detector/supervisor.ts';
import type { DetectorState } from '../../daemon/detector/wire.ts';
import { loadModel } from '../../daemon/models/manifest.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { detectorConfig, FIXTURES, modelFolder, supervised, TestClient, TOYS } from '../support/detector.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const [INFO, WARN, ERROR] = [30, 40, 50];
/** onnxruntime-node lists CUDA on x64 only; what is not listed is not tried. */
const testListed = test.skipIf(process.arch !== 'x64');

/** True when there is no such process any more, or only its unburied rest. */
function gone(pid: number): boolean {
  try {
    return / [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/\(.*\)/, ''));
  } catch {
    return true;
  }
}

async function begun(options: Partial<SupervisorOptions> = {}) {
  const runtimeDir = tempDir();
  const folder = modelFolder(tempDir(), TOYS.ssd);
  const detector = supervised({ runtimeDir, loadModel: () => loadModel(folder), ...options });
  onTestFinished(() => detector.supervisor.stop());
  await detector.supervisor.start(new AbortController().signal);
  return { ...detector, runtimeDir, folder };
}

async function ready(options: Partial<SupervisorOptions> = {}) {
  const detector = await begun(options);
  const state = await detector.nextState('ready', 0);
  return { ...detector, endpoint: endpointOf(state), pid: pidOf(detector.supervisor) };
}

function endpointOf(state: DetectorState) {
  if (state.ready === undefined) throw new Error('not ready');
  return state.ready;
}

function pidOf(supervisor: { state(): { pid?: number } }): number {
  const { pid } = supervisor.state();
  if (pid === undefined) throw new Error('no process');
  return pid;
}

async function answers(state: DetectorState): Promise<void> {
  const client = new TestClient(endpointOf(state));
  onTestFinished(() => client.close());
  expect(await client.infer(new Uint8Array(768))).toMatchObject({ type: 'answer' });
}

test('a detector killed in the middle of a request is down, then ready again as the next generation', async () => {
  const { states, nextState, endpoint, pid, supervisor, runtimeDir } = await ready();
  const client = new TestClient(endpoint);
  await client.infer(new Uint8Array(768));
  process.kill(pid, 'SIGSTOP');
  client.send();
  await waitFor('the request to be handed over', () => client.socket.writableLength === 0);
  const before = states.length;
  process.kill(pid, 'SIGKILL');
  await waitFor('the connection to break', () => client.closed);
  const down = await nextState('down', before);
  expect(down).toMatchObject({ generation: 1, code: 'DETECTOR_EXITED' });
  expect(down.reason).toMatch(/killed by SIGKILL/);
  const again = await nextState('ready', before);
  expect(again.generation).toBe(2);
  expect(supervisor.state()).toMatchObject({ restarts: 1, lastReason: down.reason });
  expect(readdirSync(runtimeDir).sort()).toEqual(['detector-2.slots', 'detector-2.sock']);
  await answers(again);
});

test('a detector that hangs is killed by the deadline of its generation, once, and starts again', async () => {
  const { states, nextState, supervisor, records, pid } = await ready({
    config: detectorConfig({ deadlineMs: 1234 }),
  });
  process.kill(pid, 'SIGSTOP');
  const before = states.length;
  supervisor.late({ generation: 1, ageMs: 1300 });
  supervisor.late({ generation: 1, ageMs: 1301 });
  const down = await nextState('down', before);
  expect(down).toMatchObject({ generation: 1, code: 'DETECTOR_DEADLINE' });
  expect(down.reason).toMatch(/no answer for 1300 ms \(limit 1234\)/);
  const again = await nextState('ready', before);
  expect(gone(pid)).toBe(true);
  expect(again.generation).toBe(2);
  // The complaint of another camera about the process that is gone must not hit its successor.
  const successor = pidOf(supervisor);
  supervisor.late({ generation: 1, ageMs: 9999 });
  await answers(again);
  expect(pidOf(supervisor)).toBe(successor);
  expect(records.filter((record) => record['code'] === 'DETECTOR_DEADLINE')).toHaveLength(1);
});

test('a model that cannot be loaded in time is killed and says so', async () => {
  const { nextState } = await begun({ config: detectorConfig({ startTimeoutMs: 1 }) });
  const down = await nextState('down', 0);
  expect(down.code).toBe('DETECTOR_START_FAILED');
  expect(down.reason).toMatch(/not ready after 1 ms \(detector.startTimeoutMs\)/);
});

test('no detector outlives a daemon that was killed', async () => {
  const runtimeDir = tempDir();
  const parent = spawn(process.execPath, [join(FIXTURES, 'parent.ts'), runtimeDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void parent.kill('SIGKILL'));
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const pid = Number(line.toString());
  expect(gone(pid)).toBe(false);
  parent.kill('SIGKILL');
  await waitFor('the detector to end', () => gone(pid));
  // What it left behind is cleared away by the next daemon.
  expect(readdirSync(runtimeDir)).not.toEqual([]);
  const next = supervised({ runtimeDir });
  onTestFinished(() => next.supervisor.stop());
  await next.supervisor.start(new AbortController().signal);
  const state = await next.nextState('ready', 0);
  expect(state.generation).toBe(1);
  await next.supervisor.stop();
  expect(readdirSync(runtimeDir)).toEqual([]);
});

test('a missing model is a state, logged once, and over when the model is there', async () => {
  const parent = tempDir();
  let loads = 0;
  const load = () => {
    loads += 1;
    return loadModel(join(parent, 'model'));
  };
  const { states, nextState, records } = await begun({ loadModel: load });
  const down = await nextState('down', 0);
  expect(down).toMatchObject({ state: 'down', generation: 0, code: 'MODEL_NOT_FOUND' });
  await waitFor('a second attempt', () => loads >= 2);
  expect(states.map(({ state }) => state)).toEqual(['starting', 'down']);
  expect(records.filter(({ level }) => level >= ERROR)).toHaveLength(1);
  modelFolder(parent, TOYS.ssd);
  await answers(await nextState('ready', 0));
});

test('a model with one flipped bit is never run, and is taken when it is mended', async () => {
  const folder = modelFolder(tempDir(), TOYS.ssd);
  const file = join(folder, 'model.onnx');
  const content = readFileSync(file);
  const broken = Buffer.from(content);
  broken[700]! ^= 4;
  writeFileSync(file, broken);
  const { states, nextState } = await begun({ loadModel: () => loadModel(folder) });
  const down = await nextState('down', 0);
  expect(down).toMatchObject({ generation: 0, code: 'MODEL_CORRUPT' });
  expect(states.some(({ generation }) => generation > 0)).toBe(false);
  writeFileSync(`${file}.new`, content);
  renameSync(`${file}.new`, file);
  await answers(await nextState('ready', 0));
});

test('a model that is not what its manifest says is down with every misfit named, until the manifest is right', async () => {
  const parent = tempDir();
  const { input, decoder } = TOYS.ssd.manifest;
  const folder = modelFolder(parent, {
    ...TOYS.ssd,
    manifest: {
      ...TOYS.ssd.manifest,
      input: { ...input, type: 'float32', width: 32 },
      decoder: { ...decoder, boxes: 'bokses' },
    },
  });
  const { nextState } = await begun({ loadModel: () => loadModel(folder) });
  const down = await nextState('down', 0);
  expect(down.code).toBe('MODEL_UNSUPPORTED');
  expect(down.reason).toMatch(/input 'image' is uint8, the manifest says float32/);
  expect(down.reason).toMatch(/shape \[1,16,16,3\], the manifest says \[1,16,32,3\]/);
  expect(down.reason).toMatch(/output 'bokses' is not there \(it has boxes, classes, scores, count\)/);
  modelFolder(parent, TOYS.ssd);
  await answers(await nextState('ready', 0));
});

test('a model with more classes than labels is refused before the first frame', async () => {
  const folder = modelFolder(tempDir(), {
    ...TOYS.echo,
    manifest: { ...TOYS.echo.manifest, labels: ['a', 'b'] },
  });
  const { nextState } = await begun({ loadModel: () => loadModel(folder) });
  const down = await nextState('down', 0);
  expect(down.code).toBe('MODEL_UNSUPPORTED');
  expect(down.reason).toMatch(/output 'scores' has shape \[1,24,4\], the manifest says \[1,N,2\]/);
});

test('a file that is no model, though its hash is right, is MODEL_UNSUPPORTED', async () => {
  const parent = tempDir();
  const onnx = join(parent, 'noise.onnx');
  writeFileSync(onnx, createHash('sha512').update('noise').digest());
  const folder = modelFolder(parent, { onnx, manifest: TOYS.ssd.manifest });
  const { nextState } = await begun({ loadModel: () => loadModel(folder) });
  const down = await nextState('down', 0);
  expect(down.code).toBe('MODEL_UNSUPPORTED');
  expect(down.reason).toMatch(/onnx runtime cannot load it/);
});

test('a provider that cannot work is passed over, its reason kept, and the cpu used', async () => {
  const { endpoint, states } = await ready({ config: detectorConfig({ providers: ['cuda'], threads: 1 }) });
  expect(endpoint).toMatchObject({
    provider: 'cpu',
    threads: 1,
    fallbacks: [
      { provider: 'cuda', reason: expect.stringMatching(/no NVIDIA GPU|not in this build|not beside/) },
    ],
  });
  await answers(states.at(-1)!);
});

/** CUDA is played by the CPU (fixtures/detector/stand-in-provider.ts). */
function standIn(how: 'right' | 'wrong' | 'fatal'): void {
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv('NODE_OPTIONS', `--import=${join(FIXTURES, 'stand-in-provider.ts')}`);
  vi.stubEnv('NODE_STAND_IN', how);
}

testListed('an accelerator that computes what the cpu computes is used, whatever files say', async () => {
  standIn('right');
  const { endpoint, states } = await ready({ config: detectorConfig({ providers: ['cuda'] }) });
  expect(endpoint).toMatchObject({ provider: 'cuda', fallbacks: [] });
  await answers(states.at(-1)!);
});

testListed('an accelerator that computes something else is left, with the numbers', async () => {
  standIn('wrong');
  const { endpoint, states } = await ready({ config: detectorConfig({ providers: ['cuda'] }) });
  const reason = /^it computes something else than the cpu: 'scores' differs by 0\.100 on average/;
  expect(endpoint).toMatchObject({
    provider: 'cpu',
    fallbacks: [{ provider: 'cuda', reason: expect.stringMatching(reason) }],
  });
  await answers(states.at(-1)!);
});

testListed(
  'a provider that ends the process while it is opened is left out by the next ones, until its configuration changes',
  async () => {
    standIn('fatal');
    const config = detectorConfig({ providers: ['cuda'] });
    const { supervisor, endpoint, nextState, states, records } = await ready({ config });
    const reason = 'it ended the detector process: the process was killed by SIGKILL';
    expect(endpoint).toMatchObject({ provider: 'cpu', fallbacks: [{ provider: 'cuda', reason }] });
    expect(states.map(({ state }) => state)).toEqual(['starting', 'starting', 'down', 'starting', 'ready']);
    const warned = records.filter((record) => record['code'] === 'PROVIDER_UNAVAILABLE');
    expect(warned).toMatchObject([{ level: WARN, provider: 'cuda' }]);
    let before = states.length;
    // As the ladder does it: nothing that could mend it.
    supervisor.reconfigure({ ...config, model: 'vedette-nano-224' }, 0.2);
    expect((await nextState('ready', before)).ready?.fallbacks).toMatchObject([{ reason }]);
    expect(states.slice(before).map(({ state }) => state)).toEqual(['starting', 'ready']);
    before = states.length;
    supervisor.reconfigure({ ...config, providers: ['cuda', 'cpu'] }, 0.2);
    // Tried again, and dead again.
    expect(await nextState('down', before)).toMatchObject({ code: 'DETECTOR_START_FAILED' });
    expect((await nextState('ready', before)).ready?.fallbacks).toMatchObject([{ reason }]);
  },
);

test('a detector that takes long to start says so meanwhile, and is neither stuck nor killed', async () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  const gate = join(tempDir(), 'go');
  vi.stubEnv('NODE_OPTIONS', `--import=${join(FIXTURES, 'slow-start.ts')}`);
  vi.stubEnv('NODE_DETECTOR_GATE', gate);
  const { supervisor, nextState } = await begun();
  await waitFor('a second of it', () => (supervisor.state().starting?.forS ?? 0) >= 1);
  expect(supervisor.state()).toMatchObject({ state: 'starting', starting: { limitMs: 60_000 } });
  expect(supervisor.stuck()).toBeUndefined();
  writeFileSync(gate, '');
  await answers(await nextState('ready', 0));
  expect(supervisor.state().starting).toBeUndefined();
});

test('the process gets the tuning of its runtime from the environment, and no secret of the daemon', async () => {
  onTestFinished(() => void vi.unstubAllEnvs());
  vi.stubEnv('ORT_TENSORRT_FP16_ENABLE', '1');
  vi.stubEnv('VEDETTE_MQTT_PASSWORD', 'hunter2');
  const { pid } = await ready();
  const variables = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  expect(variables).toEqual(expect.arrayContaining(['ORT_TENSORRT_FP16_ENABLE=1', 'MALLOC_ARENA_MAX=1']));
  expect(variables.filter((line) => line.includes('hunter2'))).toEqual([]);
});

test('runs and resident memory of the process are reported', async () => {
  const { supervisor, states } = await ready();
  expect(supervisor.state().rssBytes).toBeGreaterThan(10_000_000);
  await answers(states.at(-1)!);
  await waitFor('the run to be counted', () => supervisor.state().runs === 1);
});

test('a process that has grown beyond its limit is replaced, told once and counted; the next one is left alone', async () => {
  const folder = modelFolder(tempDir(), TOYS.hoard);
  const { supervisor, endpoint, pid, states, nextState, records } = await ready({
    config: detectorConfig({ memoryMb: 250 }),
    loadModel: () => loadModel(folder),
  });
  const client = new TestClient(endpoint);
  onTestFinished(() => client.close());
  const before = states.length;
  expect(await client.infer(new Uint8Array(768).fill(250))).toMatchObject({ type: 'answer', found: [] });
  const again = await nextState('ready', before);
  expect(states.slice(before).map(({ state }) => state)).toEqual(['starting', 'ready']);
  expect(gone(pid)).toBe(true);
  expect(supervisor.state()).toMatchObject({ generation: 2, restarts: 1, recycled: 1 });
  expect(supervisor.state().lastReason).toBeUndefined();
  expect(supervisor.state().rssBytes).toBeLessThan(250e6);
  const told = records.filter(({ msg }) => msg.includes('memoryMb'));
  expect(told).toEqual([expect.objectContaining({ level: INFO })]);
  expect(told[0]?.msg).toMatch(/replacing the process: it takes 3\d\d MB \(limit 250, detector.memoryMb\)/);
  await answers(again);
});

test('a limit below what a fresh process takes is told once, and nothing is replaced for it', async () => {
  const { supervisor, records, states } = await ready({ config: detectorConfig({ memoryMb: 1 }) });
  await answers(states.at(-1)!);
  await waitFor('its memory to be looked at', () => supervisor.state().runs === 1);
  expect(supervisor.state()).toMatchObject({ state: 'ready', generation: 1, recycled: 0 });
  process.kill(pidOf(supervisor), 'SIGKILL');
  await waitFor('the next process', () => {
    const { state, generation } = supervisor.state();
    return state === 'ready' && generation === 2;
  });
  const told = records.filter(({ msg }) => msg.includes('memoryMb'));
  expect(told).toEqual([expect.objectContaining({ level: WARN, code: 'CONFIG_INVALID' })]);
  expect(told[0]?.msg).toMatch(
    /^detector.memoryMb: 1 leaves too little room for a process that takes \d+ MB/,
  );
});

test('stop ends even a process that ignores TERM, removes its files, and may be called twice', async () => {
  const { supervisor, pid, runtimeDir, states } = await ready();
  process.kill(pid, 'SIGSTOP');
  const before = states.length;
  await Promise.all([supervisor.stop(), supervisor.stop()]);
  await supervisor.stop();
  expect(gone(pid)).toBe(true);
  expect(readdirSync(runtimeDir)).toEqual([]);
  expect(states).toHaveLength(before);
});

test('stop while the model is being read starts nothing', async () => {
  const { promise, resolve } = Promise.withResolvers<Awaited<ReturnType<typeof loadModel>>>();
  const folder = modelFolder(tempDir(), TOYS.ssd);
  const { supervisor, runtimeDir } = await begun({ loadModel: () => promise });
  const stopped = supervisor.stop();
  resolve(await loadModel(folder));
  await stopped;
  expect(supervisor.state()).toMatchObject({ generation: 0, restarts: 0 });
  expect(readdirSync(runtimeDir)).toEqual([]);
});

test('a runtime directory that is not there is shown, not thrown', async () => {
  const { nextState } = await begun({ runtimeDir: join(tempDir(), 'missing') });
  const down = await nextState('down', 0);
  expect(down.code).toBe('DETECTOR_START_FAILED');
  expect(down.reason).toMatch(/ENOENT/);
});

test('a killed detector process is stuck when it is still there after half a minute, its successor is not', async () => {
  let aheadMs = 0;
  const clock = { ...systemClock, monoMs: () => systemClock.monoMs() + aheadMs };
  const { supervisor, nextState, states } = await ready({ clock });
  aheadMs += 3_600_000;
  expect(supervisor.stuck()).toBeUndefined();
  const pid = pidOf(supervisor);
  supervisor.late({ generation: states.at(-1)!.generation, ageMs: 5000 });
  expect(supervisor.stuck()).toBeUndefined();
  // In the same turn of the loop its end cannot have been seen yet.
  aheadMs += 31_000;
  expect(supervisor.stuck()).toBe(
    `detector: process ${pid} still there 31 s after it was killed (limit 30 s)`,
  );
  await nextState('ready', states.length);
  aheadMs += 3_600_000;
  expect(supervisor.stuck()).toBeUndefined();
});
