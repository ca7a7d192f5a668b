// Entry of the detector process, started by supervisor.ts as `node daemon/detector/process.ts <ProcessOptions as JSON>`.
// Owns the session and its socket, nothing else; reports on file descriptor 3 and ends when that closes (the daemon is
// gone) or on SIGTERM. Writes only to stderr, which the supervisor keeps and prints when the process dies.
import { closeSync, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { systemClock } from '../platform/clock.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { type ControlMessage, type ProcessOptions, TOKEN_VARIABLE } from './control.ts';
import { Decoder } from './decode.ts';
import type { Provider } from './providers.ts';
import type { RemoteSession } from './remote-session.ts';
import { DetectorServer } from './server.ts';
import { type DetectorSession, openSession } from './session.ts';
import { createDetections, tensorDims } from './wire.ts';

const STATS_MS = 5000;
const CONTROL_FD = 3;

process.title = 'vedette-detector';
const control = new Socket({ fd: CONTROL_FD, readable: true, writable: true });
const ending = new AbortController();
control.on('error', () => ending.abort());
control.on('close', () => ending.abort());
// Nothing is ever sent to us; without reading, the end of the stream would not be seen.
control.resume();
process.once('SIGTERM', () => ending.abort());

try {
  await serve(JSON.parse(process.argv[2] ?? '') as ProcessOptions, ending.signal);
} catch (error) {
  const code = error instanceof VedetteError ? error.code : 'DETECTOR_START_FAILED';
  report({ type: 'failed', code, message: reasonOf(error) });
} finally {
  control.end();
  control.unref();
}

/** From the model file to a served socket; returns when `signal` aborts, with everything closed. */
async function serve(options: ProcessOptions, signal: AbortSignal): Promise<void> {
  const onOpening = (provider: Provider): void => report({ type: 'opening', provider });
  const local = await openSession({ ...options, clock: systemClock, onOpening });
  const decoder = new Decoder({
    decoder: options.model.decoder,
    labelCount: options.model.labels.length,
    scoreLow: options.scoreLow,
  });
  // Once before the first request: proves that the sizes of the outputs fit together.
  const outputs = await local.run();
  decoder.decode(outputs, createDetections());
  const localBoxes = outputs[options.model.decoder.boxes]!.length / 4;
  const { session, remote } = await withRemote(local, localBoxes, options);
  const slotsFd = openSync(options.slotsPath, 'r');
  const server = new DetectorServer({
    session,
    decoder,
    slotsFd,
    dims: tensorDims(options.model.input),
    clock: systemClock,
    log: (line) => process.stderr.write(`${line}\n`),
    onFailing: (message) => report({ type: 'failed', code: 'DETECTOR_RUN_FAILED', message }),
  });
  await server.listen(options.socketPath);
  reportReady(session, options.threads);
  void remote?.start();
  const stats = systemClock.every(STATS_MS, () => {
    report({ type: 'stats', runs: server.runs, rssBytes: process.memoryUsage.rss() });
    if (remote?.tried) report(remote.report());
  });
  await aborted(signal);
  stats.stop();
  // First: the run in progress must not wait for another machine.
  remote?.stop();
  await server.close();
  closeSync(slotsFd);
  await session.release();
}

/** With a remote server it is asked first; its modules are loaded only then. */
async function withRemote(
  local: DetectorSession,
  localBoxes: number,
  { remote: config, model, deadlineMs }: ProcessOptions,
): Promise<{ session: DetectorSession; remote?: RemoteSession }> {
  if (config === undefined) return { session: local };
  const token = process.env[TOKEN_VARIABLE];
  delete process.env[TOKEN_VARIABLE];
  const [{ RemoteSession }, { fallbackSession }] = await Promise.all([
    import('./remote-session.ts'),
    import('./fallback-session.ts'),
  ]);
  const remote = new RemoteSession({
    model,
    localBoxes,
    remote: { ...config, token },
    clock: systemClock,
    onChange: report,
  });
  const timeoutMs = config.timeoutMs ?? deadlineMs;
  return { session: fallbackSession({ local, remote, deadlineMs, timeoutMs, clock: systemClock }), remote };
}

function reportReady(session: DetectorSession, threads: number): void {
  const { provider, fallbacks, skipped, library, exact, loadMs, warmupMs } = session;
  const rssBytes = process.memoryUsage.rss();
  const how = { provider, fallbacks, skipped, library, exact };
  report({ type: 'ready', ...how, threads, loadMs, warmupMs, rssBytes });
}

function report(message: ControlMessage): void {
  if (!control.destroyed) control.write(`${JSON.stringify(message)}\n`);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}
