// The composition root: builds the parts and joins them. Read it to find the way of a frame:
//
//   camera worker ──observation──▶ decider (rules, events) ──decision──▶ store ──outbox rows──▶ publisher ──▶ broker
//        └──tensor──▶ detector process ──boxes──┘                └──────▶ publisher (perception feed, status)
//
// Starts store, broker, publisher, detector, cameras in this order and stops them in reverse. Main thread; it never
// holds a pixel and never waits for a disk. Nothing but this file knows all concrete classes.
import { Camera } from './camera/camera.ts';
import type { Config } from './config/types.ts';
import { checkLabels } from './core/checks.ts';
import { Decider } from './core/decide.ts';
import type { Alert, Observation, OutboxRow, Rule, Zone } from './core/types.ts';
import { DetectorSupervisor } from './detector/supervisor.ts';
import type { DetectorState } from './detector/wire.ts';
import { loadModel } from './models/manifest.ts';
import { LoopWatch } from './platform/board.ts';
import type { Clock } from './platform/clock.ts';
import type { ErrorCode } from './platform/errors.ts';
import { makeRuntimeFolder, removeFolder } from './platform/folders.ts';
import { newId } from './platform/ids.ts';
import type { Logger } from './platform/logger.ts';
import { type Part, runParts, together } from './platform/part.ts';
import { Percentiles } from './platform/percentiles.ts';
import { EmbeddedBroker } from './publish/embedded-broker.ts';
import { type HealthSources, healthReport } from './publish/health.ts';
import type { HealthReport } from './publish/payloads.ts';
import { Publisher } from './publish/publisher.ts';
import { Store } from './store/store.ts';

export interface AppOptions {
  readonly config: Config;
  /** Name of this board in topics. */
  readonly device: string;
  readonly version: string;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The embedded broker may take the next free port (the demo). */
  readonly nextFreePort?: boolean;
  readonly observer?: AppObserver;
}

/** What a command may show of a running daemon. */
export interface AppObserver {
  /** All parts have started; `brokerUrl` is where messages go. */
  onStarted?(facts: { brokerUrl: string }): void;
  onDetector?(state: DetectorState): void;
  /** An alert was committed. */
  onAlert?(alert: Alert, row: OutboxRow): void;
}

/** Ctrl-C ends the daemon within two seconds; no part may take longer than this. */
const STOP_DEADLINE_MS = 1800;

/** Runs the daemon until the signal aborts. Rejects when a part without which it cannot run does not start. */
export async function runApp(options: AppOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger, observer } = options;
  const runtimeDir = makeRuntimeFolder(process.env);
  try {
    const app = buildApp(options, runtimeDir);
    await runParts({
      parts: app.parts,
      signal,
      clock,
      logger,
      stopDeadlineMs: STOP_DEADLINE_MS,
      onReady: () => observer?.onStarted?.({ brokerUrl: app.brokerUrl() }),
    });
  } finally {
    removeFolder(runtimeDir);
  }
}

function buildApp(options: AppOptions, runtimeDir: string): { parts: Part[]; brokerUrl: () => string } {
  const { config, device, version, clock } = options;
  const decider = new Decider({ ...rulesAndZones(config), newId });
  const inferMs = new Percentiles();
  const loop = new LoopWatch();

  const { store, broker, brokerUrl, publisher } = buildDelivery(options, () => healthReport(health));
  const observe = (observation: Observation): void => {
    publisher.detections(observation);
    if (observation.stages.inferMs > 0) inferMs.add(observation.stages.inferMs);
    const decision = decider.observe(observation);
    if (decision.events.length + decision.alerts.length > 0) store.commit(decision);
  };
  const { detector, cameras } = buildSight(options, runtimeDir, observe, publisher);

  const health: HealthSources = {
    device,
    version,
    clock,
    loop,
    inferMs,
    store,
    publisher,
    detector,
    cameras,
  };
  const watch: Part = { name: 'loop watch', start: async () => loop.start(), stop: async () => loop.stop() };
  const brokers = broker ? [broker] : [];
  return { parts: [watch, store, ...brokers, publisher, detector, together('cameras', cameras)], brokerUrl };
}

/** The outgoing side: what is decided is committed, and what is committed is published. */
function buildDelivery(
  { config, device, dataDir, clock, logger, nextFreePort = false, observer }: AppOptions,
  health: () => HealthReport,
): { store: Store; broker: EmbeddedBroker | undefined; brokerUrl: () => string; publisher: Publisher } {
  const store = new Store({
    dataDir,
    logger,
    clock,
    onOutbox: (rows) => {
      publisher.outboxGrew(rows);
      for (const row of rows) {
        if (row.kind === 'alert') observer?.onAlert?.(JSON.parse(row.body) as Alert, row);
      }
    },
  });
  const { embedded } = config.mqtt;
  const broker = embedded.enabled
    ? new EmbeddedBroker({ ...embedded, nextFreePort, logger, clock })
    : undefined;
  const brokerUrl = (): string => broker?.url ?? config.mqtt.url;
  const publisher = new Publisher({
    config: broker ? { ...config.mqtt, user: embedded.user, password: embedded.password } : config.mqtt,
    device,
    logger,
    clock,
    // Whatever else may sit on the port of a broker of ours that does not listen must not get our messages.
    brokerUrl: () => (broker && !broker.listening ? undefined : brokerUrl()),
    outbox: {
      epoch: () => store.epoch ?? '',
      read: (range) => store.readOutbox(range),
      delivered: (rows) => store.delivered(rows),
    },
    health,
  });
  return { store, broker, brokerUrl, publisher };
}

/** The seeing side: cameras, and the detector they all ask. */
function buildSight(
  { config, dataDir, clock, logger, observer }: AppOptions,
  runtimeDir: string,
  observe: (observation: Observation) => void,
  publisher: Publisher,
): { detector: DetectorSupervisor; cameras: Camera[] } {
  const detector = new DetectorSupervisor({
    config: config.detector,
    scoreLow: config.track.scoreLow,
    cameraCount: Object.keys(config.cameras).length,
    loadModel: () => loadModel(config.detector.model),
    runtimeDir,
    clock,
    logger,
    onState: (state) => {
      for (const camera of cameras) camera.detectorChanged(state);
      if (state.ready) warnOfUnknownLabels(config, state.ready.model.labels, logger);
      observer?.onDetector?.(state);
    },
  });
  const cameras = Object.entries(config.cameras).map(
    ([camera, cameraConfig], index) =>
      new Camera({
        camera,
        index,
        config: cameraConfig,
        track: config.track,
        deadlineMs: config.detector.deadlineMs,
        log: config.log,
        snapshots: config.snapshots,
        dataDir,
        runtimeDir,
        clock,
        logger,
        onObservation: observe,
        onPicture: () => undefined,
        onSnapshot: () => undefined,
        onStatus: (name, status) => publisher.cameraStatus(name, status),
        onDetectorLate: (late) => detector.late(late),
      }),
  );
  return { detector, cameras };
}

/** A label that the model does not know makes a rule that never fires; the model is known only now. */
function warnOfUnknownLabels(config: Config, labels: readonly string[], logger: Logger): void {
  const code: ErrorCode = 'CONFIG_INVALID';
  for (const { path, message } of checkLabels(config, labels)) {
    logger.warn({ code }, `${path.join('.')}: ${message}`);
  }
}

/** The configuration in the words of the rule engine. */
function rulesAndZones(config: Config): { rules: Rule[]; zones: Map<string, Zone[]> } {
  const rules = Object.entries(config.rules).map(([name, rule]) => ({ name, ...rule }));
  const zones = new Map<string, Zone[]>();
  for (const [camera, { zones: named }] of Object.entries(config.cameras)) {
    zones.set(
      camera,
      Object.entries(named).map(([name, { points }]) => ({ name, points })),
    );
  }
  return { rules, zones };
}
