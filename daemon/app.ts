// The composition root: builds the parts and joins them. Read it to find the way of a frame:
//
//   camera worker ──observation──▶ decider (rules, events) ──decision──▶ store ──outbox rows──▶ outlet ──▶ broker
//        └──tensor──▶ detector process ──boxes──┘                └──────▶ outlet (perception feed, state, pictures)
//
// Starts store, outlet (MQTT), detector, cameras in this order and stops them in reverse; a changed configuration
// exchanges only the parts that it touches. Main thread; it never holds a pixel and never waits for a disk. Nothing but
// this file knows all concrete classes.
import { isDeepStrictEqual } from 'node:util';
import type { AppOptions, RunningApp, ServiceLink } from './app-options.ts';
import { Camera } from './camera/camera.ts';
import { Cameras } from './camera/cameras.ts';
import { clipPlan } from './camera/clip-plan.ts';
import { LadderDriver } from './camera/ladder-driver.ts';
import { changeWords, configChanges, publishesPictures } from './config/changes.ts';
import type { Config, DetectorConfig } from './config/types.ts';
import { alertOf } from './core/alert-body.ts';
import { checkLabels } from './core/checks.ts';
import type { ClipPlan } from './core/clips.ts';
import { decisionScene, fileSwitches } from './core/configured.ts';
import { Decider, type Decision } from './core/decide.ts';
import { FaultWatch } from './core/faults.ts';
import { selfTestAlert } from './core/self-test.ts';
import type { Alert, Fact, Observation, OutboxRow, Snapshot } from './core/types.ts';
import { Detector } from './detector/detector.ts';
import type { DetectorState } from './detector/wire.ts';
import { loadModel, modelFolders } from './models/manifest.ts';
import { LoopWatch } from './platform/board.ts';
import { BoardWatch } from './platform/board-watch.ts';
import { momentOf } from './platform/clock.ts';
import { ClockWatch } from './platform/clock-watch.ts';
import type { ErrorCode } from './platform/errors.ts';
import { cacheFolder, makeRuntimeFolder, removeFolder } from './platform/folders.ts';
import { newId } from './platform/ids.ts';
import { LatencyLedger } from './platform/latency.ts';
import { changeLog } from './platform/logger.ts';
import { type Part, runParts } from './platform/part.ts';
import { Pulse } from './platform/pulse.ts';
import { Watchdog } from './platform/watchdog.ts';
import { type HealthSources, healthReport } from './publish/health.ts';
import { Outlet, type OutletSettings } from './publish/outlet.ts';
import { standingScene } from './publish/standing-topics.ts';
import { statusSentence } from './publish/status-sentence.ts';
import { BacktestRunner } from './store/backtest-runner.ts';
import { storeLimits } from './store/options.ts';
import { Store } from './store/store.ts';

/** Ctrl-C ends the daemon within two seconds; no part may take longer than this, but the store while its disk refuses. */
const STOP_DEADLINE_MS = 1800;
/** How often the rules are told that time passes. */
const ADVANCE_MS = 250;

/** Runs the daemon until the signal aborts. Rejects when a part without which it cannot run does not start. */
export async function runApp(options: AppOptions, signal: AbortSignal): Promise<void> {
  const { clock, logger, observer } = options;
  const runtimeDir = makeRuntimeFolder(process.env);
  try {
    const app = new App(options, runtimeDir);
    await runParts({
      parts: app.parts,
      signal,
      clock,
      logger,
      stopDeadlineMs: STOP_DEADLINE_MS,
      onReady: () => observer?.onStarted?.(app),
    });
  } finally {
    removeFolder(runtimeDir);
  }
}

class App implements RunningApp {
  readonly #options: AppOptions;
  readonly #runtimeDir: string;
  readonly #decider: Decider;
  readonly #faults = new FaultWatch((fact) => this.#learn(fact));
  readonly #latency: LatencyLedger;
  readonly #loop = new LoopWatch();
  readonly #board: BoardWatch;
  readonly #store: Store;
  readonly #clockWatch: ClockWatch;
  readonly #backtests: BacktestRunner;
  readonly #outlet: Outlet;
  readonly #detector: Detector;
  readonly #cameras: Cameras;
  readonly #ladder: LadderDriver;
  #config: Config;
  #clips: ClipPlan;

  /** Builds the parts, from the outgoing side to the seeing one; nothing has an effect before its start. */
  constructor(options: AppOptions, runtimeDir: string) {
    this.#options = options;
    this.#runtimeDir = runtimeDir;
    this.#config = options.config;
    this.#clips = clipPlan(decisionScene(options.config), options.logger);
    this.#board = new BoardWatch(options);
    this.#latency = new LatencyLedger(options.clock);
    const traces = { scoreMin: () => this.#config.track.scoreMin };
    this.#decider = new Decider({ ...decisionScene(options.config), newId, traces });
    this.#store = this.#makeStore();
    this.#clockWatch = new ClockWatch({ ...options, journal: this.#store });
    this.#backtests = new BacktestRunner(options);
    this.#outlet = this.#makeOutlet();
    this.#detector = this.#makeDetector();
    this.#cameras = new Cameras({
      names: Object.keys(options.config.cameras),
      make: (name, index) => this.#makeCamera(name, index),
    });
    const onModel = (): void => this.#detector.reconfigure(this.#detectorConfig, this.#config.track.scoreLow);
    const modelParts = { onModel, loadModel: (model: string) => this.#loadModel(model) };
    const parts = { board: this.#board, cameras: this.#cameras, ...modelParts };
    this.#ladder = new LadderDriver({ ...options, ...parts });
  }

  /** In the order of their start. */
  get parts(): readonly Part[] {
    const ways = [...this.#outlet.parts, this.#makePulse(), this.#detector, this.#cameras, this.#ladder];
    const parts = [this.#loop, this.#store, this.#board, this.#clockWatch, this.#backtests, ...ways];
    const { service } = this.#options;
    return service === undefined ? parts : [...parts, this.#makeWatchdog(service)];
  }

  get brokerUrl(): string {
    return this.#outlet.brokerUrl;
  }

  async reload(config: Config): Promise<readonly string[]> {
    const changes = configChanges(this.#config, config);
    const { removed, added, restarted, masked } = changes.cameras;
    // Cameras that go end their events by the rules and zones they were seen with, and clear their topics where they are.
    await this.#cameras.remove([...removed, ...restarted]);
    this.#config = config;
    this.#outlet.arrange(this.#outletSettings(), masked);
    if (changes.log) changeLog(this.#options.logger, config.log);
    if (changes.retention) this.#store.setLimits(storeLimits(config));
    const scene = decisionScene(config);
    if (changes.rules) this.#keepDecision(this.#decider.reconfigure(scene));
    this.#clips = clipPlan(scene, this.#options.logger);
    this.#cameras.rememberForClips((camera) => this.#clips.secondsOf(camera));
    if (changes.mqtt) await this.#outlet.reconnect(changes);
    this.#ladder.arrange(config);
    if (changes.detector) this.#detector.reconfigure(this.#detectorConfig, config.track.scoreLow);
    else if (changes.labels) this.#warnOfUnknownLabels(this.#detector.state());
    const isOtherModel = !changes.detector && (await this.#takeOtherModel());
    await this.#cameras.add([...restarted, ...added]);
    return [...changeWords(changes), ...(isOtherModel ? ['model'] : [])];
  }

  /** What a camera saw in one frame: told at once, then judged, then kept if there is something to keep. */
  #observe(observation: Observation): void {
    this.#outlet.detections(observation);
    this.#store.observed(observation);
    const judgement = this.#decider.observe(observation);
    const decideMs = this.#latency.frame(observation);
    this.#ladder.observed(observation);
    this.#outlet.observe(observation, judgement.sightings);
    const { completeMonoMs = observation.stamp.monoMs } = observation;
    const alerts = judgement.alerts.map((alert): Alert => {
      if (alert.stages === undefined) return alert;
      this.#latency.decided(alert.id, completeMonoMs);
      return { ...alert, stages: { ...alert.stages, decideMs } };
    });
    this.#keepDecision({ ...judgement, alerts });
  }

  /** The rules are told what no camera sees. */
  #learn(fact: Fact): void {
    const moment = momentOf(this.#options.clock);
    this.#store.learned(fact, moment);
    this.#keepDecision(this.#decider.learn(fact, moment));
  }

  #keepDecision({ events, alerts, traces }: Decision): void {
    this.#store.traced(traces);
    if (events.length + alerts.length === 0) return;
    this.#store.commit({ events, alerts: alerts.map((alert) => this.#withClip(alert)) });
  }

  /** An alert whose rule wants a clip names it; its camera makes it. */
  #withClip(alert: Alert): Alert {
    const order = this.#clips.orderOf(alert);
    if (order === undefined || !this.#cameras.makeClip(order)) return alert;
    return { ...alert, clip: { path: order.path } };
  }

  /** What was committed just now goes out. */
  #send(rows: readonly OutboxRow[]): void {
    const { observer } = this.#options;
    const alerts = rows.flatMap((row) => (row.kind === 'alert' ? [{ row, alert: alertOf(row.body) }] : []));
    for (const { row, alert } of alerts) this.#latency.committed(alert.id, row.row);
    this.#outlet.committed(rows);
    for (const { row, alert } of alerts) observer?.onAlert?.(alert, row);
  }

  /** The files of a picture are durable: it becomes a row beside its event. */
  #keep(snapshot: Snapshot): void {
    this.#store.commit({ events: [], alerts: [], snapshots: [this.#decider.eventOf(snapshot)] });
  }

  #makeStore(): Store {
    const { dataDir, logger, clock } = this.#options;
    return new Store({
      dataDir,
      logger,
      clock,
      limits: storeLimits(this.#config),
      inHand: () => this.#outlet.inHand,
      onOutbox: (rows) => this.#send(rows),
    });
  }

  #makeOutlet(): Outlet {
    const { nextFreePort = false, version, clock, logger } = this.#options;
    const store = this.#store;
    return new Outlet({
      settings: this.#outletSettings(),
      nextFreePort,
      version,
      outbox: {
        read: (range) => store.readOutbox(range),
        delivered: (rows) => store.delivered(rows),
        unheard: (rows) => store.unheard(rows),
        passOver: (rows) => store.passOver(rows),
        lastRow: () => store.state().lastRow,
      },
      memory: {
        known: () => (store.epoch === undefined ? undefined : store.recall().retainedTopics),
        change: (topics) => store.keepTopics(topics),
      },
      switches: store,
      onTurn: (camera, switches) => this.#cameras.turn(camera, switches),
      onArmed: (camera, armed) => this.#learn({ kind: 'armed', camera, armed }),
      requests: {
        messages: (query) => store.messages(query),
        picture: (camera) => this.#cameras.newestPicture(camera),
        why: (query) => store.why(query),
        backtest: (question) => this.#backtests.ask(question, this.#config),
      },
      selfTest: {
        judge: () => selfTestAlert({ newId, ...momentOf(clock) }),
        commit: (alert) => store.commit({ events: [], alerts: [], selfTests: [alert] }),
        withdraw: (row) => store.delivered([row]),
        waiting: () => store.state().outboxRows,
      },
      latency: this.#latency,
      health: () => healthReport(this.#health()),
      clock,
      logger,
    });
  }

  /** The configuration in the words of the way out. */
  #outletSettings(): OutletSettings {
    const { device, mqtt } = this.#config;
    const { deviceDefault } = this.#options;
    const pictures = publishesPictures(this.#config);
    return {
      device: device.name ?? deviceDefault,
      mqtt,
      scene: standingScene(this.#config, { deviceDefault, pictures }),
      switches: fileSwitches(this.#config),
    };
  }

  /** Time passes for the rules while nothing is seen; at the end, after the cameras, nothing is waited for any more. */
  #makePulse(): Pulse {
    return new Pulse({
      name: 'rules',
      everyMs: ADVANCE_MS,
      clock: this.#options.clock,
      onBeat: (moment) => {
        this.#faults.advance(this.#store.state(), moment.monoMs);
        this.#keepDecision(this.#decider.advance(moment));
      },
      onStop: () => this.#keepDecision(this.#decider.finish()),
    });
  }

  #makeDetector(): Detector {
    const { clock, logger, observer } = this.#options;
    return new Detector({
      config: this.#config.detector,
      scoreLow: this.#config.track.scoreLow,
      loadModel: () => this.#loadModel(this.#detectorConfig.model),
      runtimeDir: this.#runtimeDir,
      cacheDir: cacheFolder(process.env),
      clock,
      logger,
      onState: (state) => {
        this.#cameras.detectorChanged(state);
        this.#faults.detectorIs(state.state, clock.monoMs());
        this.#ladder.detectorIs(state.state);
        this.#warnOfUnknownLabels(state);
        if (state.ready !== undefined) this.#outlet.takeModel(state.ready.model.labels);
        observer?.onDetector?.(state);
      },
    });
  }

  /** The owner's models are looked at first, and again at every attempt: one may come while the daemon runs. */
  #loadModel(model: string): ReturnType<typeof loadModel> {
    return loadModel(model, { folders: modelFolders(this.#options.dataDir) });
  }

  /** One that was installed, or another one of the same name, since the model was read; whether there is one. */
  async #takeOtherModel(): Promise<boolean> {
    const { state, ready } = this.#detector.state();
    const model = await this.#loadModel(this.#detectorConfig.model).catch(() => undefined);
    // One that starts has just been read; where none can be read, the one that runs stays.
    if (state === 'starting' || model === undefined || isDeepStrictEqual(model, ready?.model)) return false;
    this.#detector.reconfigure(this.#detectorConfig, this.#config.track.scoreLow);
    return true;
  }

  #makeCamera(camera: string, index: number): Camera {
    const { dataDir, clock, logger } = this.#options;
    const { cameras, track, detector, log, snapshots } = this.#config;
    return new Camera({
      camera,
      index,
      config: cameras[camera]!,
      switches: this.#outlet.switchboard.ofCamera(camera),
      track,
      deadlineMs: detector.deadlineMs,
      log,
      snapshots,
      clipS: this.#clips.secondsOf(camera),
      dataDir,
      runtimeDir: this.#runtimeDir,
      clock,
      logger,
      onObservation: (observation) => this.#observe(observation),
      onPicture: (name, picture) => this.#outlet.picture(name, picture),
      onSnapshot: (snapshot) => this.#keep(snapshot),
      onStatus: (name, status) => {
        this.#outlet.cameraStatus(name, status);
        this.#learn({ kind: 'status', camera: name, status });
      },
      onDetectorLate: (late) => this.#detector.late(late),
    });
  }

  #makeWatchdog({ notifier, pingMs, note }: ServiceLink): Watchdog {
    const { clock, logger } = this.#options;
    return new Watchdog({
      notifier,
      pingMs,
      probes: [this.#store, this.#detector],
      describe: () => [statusSentence(this.#health()), note() ?? []].flat().join('; '),
      clock,
      logger,
    });
  }

  #health(): HealthSources {
    const { deviceDefault, version, clock } = this.#options;
    return {
      device: this.#config.device.name ?? deviceDefault,
      version,
      clock,
      board: this.#board,
      clockWatch: this.#clockWatch,
      loop: this.#loop,
      latency: this.#latency,
      store: this.#store,
      outlet: this.#outlet,
      detector: this.#detector,
      cameras: this.#cameras.list,
      ladder: this.#ladder,
    };
  }

  /** On the last rung of the ladder with the lighter model. */
  get #detectorConfig(): DetectorConfig {
    const { model, lighter = model, ...rest } = this.#config.detector;
    return { ...rest, model: this.#ladder.usesLighterModel ? lighter : model };
  }

  /** A label that the model does not know makes a rule that never fires; the model is known only when it is ready. */
  #warnOfUnknownLabels({ ready }: DetectorState): void {
    if (ready === undefined) return;
    const code: ErrorCode = 'CONFIG_INVALID';
    for (const { path, message } of checkLabels(this.#config, ready.model.labels)) {
      this.#options.logger.warn({ code }, `${path.join('.')}: ${message}`);
    }
  }
}
