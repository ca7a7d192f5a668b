// The health report: asks every part for its state and puts the answers together. Knows the parts only by the shape of
// what they answer, so that no room is imported. Main thread.
import { boardTemperatureC, type LoopDelay } from '../platform/board.ts';
import type { BoardState } from '../platform/board-watch.ts';
import type { Clock } from '../platform/clock.ts';
import type { ClockReport } from '../platform/clock-watch.ts';
import type { LatencyLedger } from '../platform/latency.ts';
import type { CameraHealth, HealthReport, MqttHealth } from './health-message.ts';
import { isoTime } from './payloads.ts';
import type { SelfTestReport } from './self-test.ts';

/** The detector as its supervisor describes it, as far as health shows it. */
export interface DetectorSource {
  readonly state: string;
  readonly restarts: number;
  readonly recycled: number;
  readonly rssBytes: number;
  readonly lastReason?: string;
  readonly remote?: NonNullable<HealthReport['detector']['remote']>;
  readonly ready?: {
    readonly provider: string;
    readonly threads: number;
    readonly model: { readonly name: string };
    readonly fallbacks: HealthReport['detector']['fallbacks'];
    readonly runtime: {
      readonly version?: string | undefined;
      readonly file?: string;
      readonly bundled?: boolean;
      readonly problem?: string;
    };
  };
  readonly starting?: { readonly provider?: string; readonly forS: number; readonly limitMs: number };
}

/** The store as its client describes it, as far as health shows it. */
export interface StoreSource {
  readonly queued: number;
  readonly outboxRows: number;
  readonly outboxBytes: number;
  readonly outboxDropped: { readonly updates: number; readonly events: number; readonly alerts: number };
  readonly updatesDropped: number;
  readonly commitMs: { readonly p50: number; readonly p99: number } | undefined;
  readonly problem: { readonly message: string } | undefined;
  readonly snapshots: { readonly count: number; readonly bytes: number };
  readonly snapshotsDropped: number;
  readonly history: Omit<HealthReport['history'], 'problem'> & { readonly problem: string | undefined };
  readonly pruneProblem: string | undefined;
  readonly disk: {
    readonly reserve: string;
    readonly walBytes: number;
    readonly walHeld: string | undefined;
  };
}

export interface HealthSources {
  readonly device: string;
  readonly version: string;
  readonly clock: Clock;
  readonly board: { state(): BoardState };
  readonly clockWatch: { report(): ClockReport };
  readonly loop: { read(reset: boolean): LoopDelay };
  readonly latency: Pick<LatencyLedger, 'report'>;
  readonly store: { state(): StoreSource };
  readonly outlet: { state(): MqttHealth; readonly selfTest: SelfTestReport | undefined };
  readonly detector: { state(): DetectorSource };
  readonly cameras: readonly { readonly camera: string; state(): CameraHealth }[];
  readonly ladder: { state(): HealthReport['ladder'] };
}

/** A report of this moment; the event loop's delays are those since the last report. */
export function healthReport(sources: HealthSources): HealthReport {
  const { device, version, clock, loop, store, outlet, cameras } = sources;
  const latency = sources.latency.report();
  const { rssBytes: detectorRssBytes, ...detector } = sources.detector.state();
  const { rss: rssBytes, heapUsed: heapUsedBytes } = process.memoryUsage();
  const temperatureC = boardTemperatureC();
  const ladder = sources.ladder.state();
  const { outboxRows, outboxBytes, outboxDropped, ...stored } = store.state();
  const { queued, updatesDropped, commitMs, disk, ...pictures } = stored;
  const problem = stored.problem?.message ?? disk.walHeld;
  return {
    device,
    version,
    uptimeS: Math.round(process.uptime()),
    at: isoTime(clock.nowMs()),
    clock: sources.clockWatch.report(),
    memory: { rssBytes, heapUsedBytes, detectorRssBytes },
    eventLoop: loop.read(true),
    detector: {
      state: detector.state,
      provider: detector.ready?.provider ?? '',
      threads: detector.ready?.threads ?? 0,
      model: detector.ready?.model.name ?? '',
      restarts: detector.restarts,
      recycled: detector.recycled,
      ...(detector.lastReason === undefined ? {} : { lastReason: detector.lastReason }),
      fallbacks: (detector.ready?.fallbacks ?? []).map(({ provider, reason }) => ({ provider, reason })),
      ...runtimeOf(detector.ready?.runtime),
      ...startingOf(detector.starting),
      inferP50Ms: latency.infer?.p50Ms ?? 0,
      inferP99Ms: latency.infer?.p99Ms ?? 0,
      ...(detector.remote === undefined ? {} : { remote: detector.remote }),
    },
    cameras: Object.fromEntries(cameras.map((camera) => [camera.camera, camera.state()])),
    store: {
      queued,
      outboxRows,
      outboxBytes,
      outboxDropped: outboxDropped.updates + outboxDropped.events + outboxDropped.alerts,
      updatesDropped,
      commitP50Ms: rounded(commitMs?.p50 ?? 0),
      commitP99Ms: rounded(commitMs?.p99 ?? 0),
      reserve: disk.reserve,
      walBytes: disk.walBytes,
      ...(problem === undefined ? {} : { problem }),
    },
    snapshots: {
      ...pictures.snapshots,
      dropped: pictures.snapshotsDropped,
      ...(pictures.pruneProblem === undefined ? {} : { problem: pictures.pruneProblem }),
    },
    history: historyOf(pictures.history),
    mqtt: outlet.state(),
    latency,
    ...(outlet.selfTest === undefined ? {} : { selfTest: outlet.selfTest }),
    ...(temperatureC === undefined ? {} : { temperatureC }),
    ...(ladder === undefined ? {} : { ladder }),
    ...sources.board.state(),
  };
}

function runtimeOf(
  runtime: NonNullable<DetectorSource['ready']>['runtime'] | undefined,
): Pick<HealthReport['detector'], 'runtime'> {
  if (runtime?.file === undefined) return {};
  const { version, file: library, bundled = true, problem } = runtime;
  const told = problem === undefined ? {} : { problem };
  return { runtime: { ...(version === undefined ? {} : { version }), library, bundled, ...told } };
}

function startingOf(starting: DetectorSource['starting']): Pick<HealthReport['detector'], 'starting'> {
  if (starting === undefined) return {};
  const { limitMs, ...rest } = starting;
  return { starting: { ...rest, limitS: Math.ceil(limitMs / 1000) } };
}

function rounded(ms: number): number {
  return Math.round(ms * 100) / 100;
}

function historyOf({ problem, ...history }: StoreSource['history']): HealthReport['history'] {
  const { written, dropped, factsDropped, tracesDropped, bytes } = history;
  const counts = { written, dropped, factsDropped, tracesDropped, bytes };
  return { ...counts, ...(problem === undefined ? {} : { problem }) };
}
