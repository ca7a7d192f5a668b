// Entry of a camera worker thread: owns every pixel and every track of one camera and its camera program. Tells the
// main thread observations, status changes and counters; stops its program before it ends.
import { parentPort, workerData } from 'node:worker_threads';
import { systemClock } from '../platform/clock.ts';
import type { VedetteError } from '../platform/errors.ts';
import { createLogger, type Logger } from '../platform/logger.ts';
import { AskedPictures } from './asked-pictures.ts';
import { Clips } from './clips.ts';
import { FramePool } from './frame-pool.ts';
import { MaskPainter } from './masks.ts';
import type {
  CameraCounters,
  CameraPast,
  CameraProblem,
  CameraWorkerData,
  FromCameraWorker,
  SightProblem,
  ToCameraWorker,
} from './messages.ts';
import { Pipeline } from './pipeline.ts';
import { CameraProgram } from './program.ts';
import { Sight } from './sight.ts';
import { Snapshots } from './snapshots.ts';
import { type CameraSource, frameBytesOf, sourcePlan } from './source.ts';

const COUNTERS_INTERVAL_MS = 1000;
const EXPIRE_INTERVAL_MS = 250;
const IDLE_CHECK_MS = 25;
/** What is not over by then hangs in a driver, a program or a disk: the end does not wait for it. */
const END_MS = 1500;

type Tell = (message: FromCameraWorker, transfer?: ArrayBuffer[]) => void;

function start(data: CameraWorkerData, tell: Tell): void {
  const clock = systemClock;
  const { camera, config } = data;
  const logger = createLogger(data.log).child({ part: 'camera', camera });
  const pool = new FramePool(frameBytesOf(config.detect), new MaskPainter(config.detect, config.masks));
  const snapshots = snapshotsOf(data, logger, tell);
  const stop = new AbortController();
  const onProblem = (problem?: SightProblem): void =>
    tell({ type: 'sight', ...(problem === undefined ? {} : { problem }) });
  const sight = new Sight({ config, pool, onProblem });
  const pipeline = pipelineOf(data, { pool, sight, snapshots, logger, tell, onRoom: () => program.resume() });
  const asked = askedPicturesOf(data, { pool, snapshots, tell });
  const clips = clipsOf(data, { pool, logger, tell });
  const plan = sourcePlan(config, { clock });
  const tellDecoder = decoderTeller(plan, logger);
  const program = new CameraProgram({
    camera,
    plan,
    pool,
    runtimeDir: data.runtimeDir,
    fps: config.detect.fps,
    stallMs: config.stallMs,
    lastFrame: data.past.frame,
    clock,
    onFrame: () => {
      sight.look();
      pipeline.pump();
      asked.look();
      clips.look();
    },
    onOnline: () => {
      tellDecoder();
      const decoder = plan.decoder();
      tell({ type: 'online', ...(decoder === undefined ? {} : { decoder }) });
    },
    onOffline: (error) => tell({ type: 'offline', ...problemOf(error) }),
  });
  const counters = (): CameraCounters => countersOf({ program, pool, pipeline, snapshots }, data.past);
  const timers = [clock.every(COUNTERS_INTERVAL_MS, () => tell({ type: 'counters', counters: counters() }))];
  if (countsRealTime(config.source)) {
    timers.push(clock.every(EXPIRE_INTERVAL_MS, () => pipeline.expire()));
  }

  const running = runToEnd(program, pipeline, stop.signal).then((ended) => {
    if (ended) tell({ type: 'ended' });
  });
  const end = async (): Promise<void> => {
    stop.abort();
    await within(END_MS, running);
    pipeline.finish();
    pipeline.close();
    await within(END_MS, Promise.all([snapshots?.close(), clips.close()]));
    for (const timer of timers) timer.stop();
    tell({ type: 'counters', counters: counters() });
    tell({ type: 'stopped' });
    parentPort?.close();
  };
  parentPort?.on('message', (message: ToCameraWorker) => {
    if (message.type === 'detector') pipeline.detectorChanged(message.state);
    else if (message.type === 'switches') pipeline.turn(message.switches);
    else if (message.type === 'effort') pipeline.setEffort(message.effort);
    else if (message.type === 'picture-wanted') asked.want();
    else if (message.type === 'clip-seconds') clips.remember(message.seconds);
    else if (message.type === 'clip') clips.order(message.order);
    else void end();
  });
}

/** Resolves when it is over, at the latest after so long. */
async function within(limitMs: number, over: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  const late = systemClock.sleep(limitMs, timer.signal).catch(() => undefined);
  await Promise.race([over, late]);
  timer.abort();
}

interface Counted {
  readonly program: CameraProgram;
  readonly pool: FramePool;
  readonly pipeline: Pipeline;
  readonly snapshots: Snapshots | undefined;
}

/** Of this worker and of those before it. */
function countersOf(
  { program, pool, pipeline, snapshots }: Counted,
  { counters: before }: CameraPast,
): CameraCounters {
  return {
    // The number of its last frame: that goes on by itself.
    framesTotal: program.framesTotal,
    framesDropped: before.framesDropped + pool.dropped + pipeline.framesLost,
    framesOvertaken: before.framesOvertaken + pool.dropped,
    framesProcessed: before.framesProcessed + pipeline.framesProcessed,
    framesStill: before.framesStill + pipeline.framesStill,
    inferences: before.inferences + pipeline.inferences,
    restarts: before.restarts + program.restarts,
    snapshotsWritten: before.snapshotsWritten + (snapshots?.written ?? 0),
    snapshotsDropped: before.snapshotsDropped + (snapshots?.dropped ?? 0),
  };
}

interface PipelineParts {
  readonly pool: FramePool;
  readonly sight: Sight;
  readonly snapshots: Snapshots | undefined;
  readonly logger: Logger;
  readonly tell: Tell;
  readonly onRoom: () => void;
}

function pipelineOf(
  data: CameraWorkerData,
  { pool, sight, snapshots, logger, tell, onRoom }: PipelineParts,
): Pipeline {
  const { camera, index, config, track, deadlineMs, switches, past } = data;
  const pipeline = new Pipeline({
    camera,
    index,
    priority: config.priority,
    detect: config.detect,
    track,
    regions: config.regions,
    fullLookS: config.motion.fullLookS,
    inOrder: !countsRealTime(config.source),
    deadlineMs,
    pool,
    ...(sight.motion === undefined ? {} : { motion: sight.motion }),
    ...(snapshots === undefined ? {} : { snapshots }),
    lastTrack: past.track,
    clock: systemClock,
    logger,
    onObservation: (observation) => tell({ type: 'observation', observation }),
    onRoom,
    onLate: (generation, ageMs) => tell({ type: 'detector-late', generation, ageMs }),
  });
  pipeline.turn(switches);
  return pipeline;
}

/** Where the video counts time, only its own end ends what has not been seen for long. */
function countsRealTime(source: CameraWorkerData['config']['source']): boolean {
  return !('pace' in source) || source.pace === 'realtime';
}

/** A source that is over ends its tracks, once its last frames have been looked at: then true. */
async function runToEnd(program: CameraProgram, pipeline: Pipeline, signal: AbortSignal): Promise<boolean> {
  if ((await program.run(signal)) !== 'ended') return false;
  while (!pipeline.idle && !signal.aborted) await systemClock.sleep(IDLE_CHECK_MS);
  pipeline.finish();
  return !signal.aborted;
}

function problemOf({ code, message, data }: VedetteError): CameraProblem {
  const { stderr } = data;
  const isLong = typeof stderr === 'string' && stderr.includes('\n');
  return { code, reason: message, ...(isLong ? { stderr } : {}) };
}

/** Logs the decoder in use, and why not another, when it has changed. */
function decoderTeller(plan: CameraSource, logger: Logger): () => void {
  let told: string | undefined;
  return () => {
    const state = plan.decoder();
    if (state === undefined || state.name === told) return;
    told = state.name;
    logger.info({ decoder: state.name, passedOver: state.passedOver }, `decodes with ${state.name}`);
  };
}

function askedPicturesOf(
  { config, snapshots: { quality } }: CameraWorkerData,
  { pool, snapshots, tell }: Pick<PipelineParts, 'pool' | 'snapshots' | 'tell'>,
): AskedPictures {
  return new AskedPictures({
    detect: config.detect,
    quality,
    pool,
    encoder: snapshots?.encoder,
    onPicture: (picture) => tell({ type: 'asked-picture', picture }, [picture.jpeg.buffer]),
  });
}

function clipsOf(
  { camera, config, dataDir, snapshots, clipS = 0 }: CameraWorkerData,
  { pool, logger, tell }: Pick<PipelineParts, 'pool' | 'logger' | 'tell'>,
): Clips {
  const clips = new Clips({
    camera,
    detect: config.detect,
    dataDir,
    reserveMb: snapshots.reserveMb,
    pool,
    clock: systemClock,
    logger,
    onClip: (snapshot) => tell({ type: 'snapshot', snapshot }),
  });
  clips.remember(clipS);
  return clips;
}

/** Started; undefined where no pictures are wanted. */
function snapshotsOf(data: CameraWorkerData, logger: Logger, tell: Tell): Snapshots | undefined {
  const { camera, config, dataDir, snapshots } = data;
  if (!snapshots.enabled) return undefined;
  const made = new Snapshots({
    camera,
    detect: config.detect,
    config: snapshots,
    dataDir,
    clock: systemClock,
    logger,
    onPicture: (picture) => tell({ type: 'picture', picture }, [picture.jpeg.buffer]),
    onSnapshot: (snapshot) => tell({ type: 'snapshot', snapshot }),
  });
  made.start();
  return made;
}

if (parentPort) {
  const port = parentPort;
  port.postMessage({ type: 'started' } satisfies FromCameraWorker);
  start(workerData as CameraWorkerData, (message, transfer) => port.postMessage(message, transfer));
}
