// Entry of a camera worker thread: owns every pixel and every track of one camera and its camera program. Tells the
// main thread observations, status changes and counters; stops its program before it ends.
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../platform/clock.ts';
import { createLogger } from '../platform/logger.ts';
import { FramePool } from './frame-pool.ts';
import type { CameraCounters, CameraWorkerData, FromCameraWorker, ToCameraWorker } from './messages.ts';
import { Pipeline } from './pipeline.ts';
import { CameraProgram } from './program.ts';
import { frameBytesOf, sourceProgram } from './source.ts';

const COUNTERS_INTERVAL_MS = 1000;
const EXPIRE_INTERVAL_MS = 250;

function start(data: CameraWorkerData, tell: (message: FromCameraWorker) => void): void {
  const clock = systemClock;
  const { camera, config } = data;
  const logger = createLogger(data.log).child({ part: 'camera', camera });
  const pool = new FramePool(frameBytesOf(config.detect));
  const stop = new AbortController();
  const pipeline = new Pipeline({
    camera,
    index: data.index,
    priority: config.priority,
    detect: config.detect,
    track: data.track,
    deadlineMs: data.deadlineMs,
    pool,
    clock,
    logger,
    onObservation: (observation) => tell({ type: 'observation', observation }),
    onRoom: () => program.resume(),
    onLate: (generation, ageMs) => tell({ type: 'detector-late', generation, ageMs }),
  });
  const program = new CameraProgram({
    camera,
    source: () => sourceProgram(config),
    pool,
    runtimeDir: data.runtimeDir,
    stallMs: config.stallMs,
    clock,
    onFrame: () => pipeline.pump(),
    onOnline: () => tell({ type: 'online' }),
    onOffline: (error) => tell({ type: 'offline', code: error.code, reason: error.message }),
  });
  const counters = (): CameraCounters => ({
    framesTotal: program.framesTotal,
    framesDropped: pool.dropped + pipeline.framesLost,
    framesProcessed: pipeline.framesProcessed,
    restarts: program.restarts,
  });
  // Where the video counts time, only its own end ends what has not been seen for long.
  const countsRealTime = config.source.type !== 'file' || config.source.pace === 'realtime';
  const timers = [clock.every(COUNTERS_INTERVAL_MS, () => tell({ type: 'counters', counters: counters() }))];
  if (countsRealTime) {
    timers.push(clock.every(EXPIRE_INTERVAL_MS, () => pipeline.expire(clock.monoMs(), clock.nowMs())));
  }

  const running = program.run(stop.signal).then(async (outcome) => {
    if (outcome !== 'ended') return;
    while (!pipeline.idle && !stop.signal.aborted) await clock.sleep(EXPIRE_INTERVAL_MS / 10);
    pipeline.finish();
  });
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
    pipeline.finish();
    pipeline.close();
    for (const timer of timers) timer.stop();
    tell({ type: 'counters', counters: counters() });
    tell({ type: 'stopped' });
    parentPort?.close();
  };
  parentPort?.on('message', (message: ToCameraWorker) => {
    if (message.type === 'detector') pipeline.detectorChanged(message.state);
    else void end();
  });
}

if (parentPort) {
  const port = parentPort;
  start(workerData as CameraWorkerData, (message) => port.postMessage(message));
}
