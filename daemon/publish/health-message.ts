// What is sent to `health`, as a plain object and JSON: its shape for docs/mqtt.md; health.ts fills it. Pure, main thread.
import type { LadderState } from '../core/ladder-rungs.ts';
import type { OutboxKind } from '../core/types.ts';
import type { BoardState } from '../platform/board-watch.ts';
import type { ClockReport } from '../platform/clock-watch.ts';
import type { Stage, StageLatency } from '../platform/latency.ts';
import { PAYLOAD_VERSION } from './payloads.ts';
import type { SelfTestReport } from './self-test.ts';

export interface MqttHealth {
  readonly connected: boolean;
  /** Connections after the first. */
  readonly reconnects: number;
  /** Events, alerts and gaps sent and not yet acknowledged. */
  readonly inFlight: number;
  /** Kinds of messages that nobody subscribes to; they wait. */
  readonly held: readonly OutboxKind[];
  /** Messages given up because nobody had subscribed for `mqtt.unheardS`, since the daemon's start. */
  readonly unheard: number;
  /** Messages put aside because the broker closes the connection on them. */
  readonly aside: number;
  /** Messages of the perception feed dropped: the connection was too slow, or they were larger than the broker takes. */
  readonly feedDropped: number;
  /** Pictures replaced by a newer one before they could be sent, or larger than may be sent. */
  readonly picturesDropped: number;
  /** Version of MQTT of this connection, or of the next attempt. */
  readonly protocol: '5' | '3.1.1';
  readonly tls: boolean;
}

export interface CameraHealth {
  readonly status: string;
  readonly reason?: string;
  readonly framesTotal: number;
  readonly framesDropped: number;
  /** Those of them for which the detector had no time. */
  readonly framesOvertaken: number;
  /** Looked at, or found to need no look; how many needed none. */
  readonly framesProcessed: number;
  readonly framesStill: number;
  /** Runs of the model. */
  readonly inferences: number;
  readonly fps: number;
  readonly restarts: number;
  /** Pictures written to the data folder, and those that were not (no room, disk too slow). */
  readonly snapshotsWritten: number;
  readonly snapshotsDropped: number;
  /** What decodes its video, and why nothing faster does; absent where nothing is decoded. */
  readonly decoder?: {
    readonly name: string;
    readonly passedOver: readonly { readonly name: string; readonly reason: string }[];
  };
}

/** The retained `health` message without its version; the app fills it. */
export interface HealthReport {
  readonly device: string;
  /** Version of the daemon. */
  readonly version: string;
  readonly uptimeS: number;
  /** ISO 8601, UTC, milliseconds: `isoTime(clock.nowMs())`. */
  readonly at: string;
  /** Whether the wall clock is right, and how far it has been set since the daemon's start. */
  readonly clock: ClockReport;
  readonly memory: {
    readonly rssBytes: number;
    readonly heapUsedBytes: number;
    readonly detectorRssBytes?: number;
  };
  readonly eventLoop: {
    readonly delayP50Ms: number;
    readonly delayP99Ms: number;
    readonly delayMaxMs: number;
  };
  readonly detector: {
    readonly state: string;
    readonly provider: string;
    readonly threads: number;
    readonly model: string;
    readonly restarts: number;
    /** Restarts for which the process had grown too large. */
    readonly recycled: number;
    readonly lastReason?: string;
    /** Providers that were tried and could not be used. */
    readonly fallbacks: readonly { readonly provider: string; readonly reason: string }[];
    /** The ONNX Runtime library in use; absent until the detector is ready. */
    readonly runtime?: {
      readonly version?: string;
      readonly library: string;
      /** It is the one that comes with onnxruntime-node. */
      readonly bundled: boolean;
      /** Why it is not the library of detector.library. */
      readonly problem?: string;
    };
    /** While its process starts: what it opens, and for how long; `limitS` is the time it has for that. */
    readonly starting?: { readonly provider?: string; readonly forS: number; readonly limitS: number };
    readonly inferP50Ms: number;
    readonly inferP99Ms: number;
    /** Only with detector.remote: who is asked first now, and why it is not the server. */
    readonly remote?: {
      readonly state: 'remote' | 'local';
      readonly reason?: string;
      /** Median of the server's last inferences, the network included; 0 before the first. */
      readonly remoteMs: number;
      /** Inferences that the local model answered instead, since the detector process was started. */
      readonly fallbacks: number;
    };
  };
  readonly cameras: Readonly<Record<string, CameraHealth>>;
  readonly store: {
    readonly queued: number;
    readonly outboxRows: number;
    readonly outboxBytes: number;
    /** Messages that gave way to the quota since the daemon's start. */
    readonly outboxDropped: number;
    readonly updatesDropped: number;
    /** The room held on the disk for alerts: `kept`, `missing`, `given up` or `off`. */
    readonly reserve: string;
    readonly walBytes: number;
    readonly commitP50Ms: number;
    readonly commitP99Ms: number;
    readonly problem?: string;
  };
  /** Pictures in the data folder: how many, their bytes, and rows that gave way to events while the disk was slow. */
  readonly snapshots: {
    readonly count: number;
    readonly bytes: number;
    readonly dropped: number;
    /** Why the oldest could not be deleted. */
    readonly problem?: string;
  };
  /** Observations kept for trying rules on them: written and not written since the start, bytes of history.db. */
  readonly history: {
    readonly written: number;
    readonly dropped: number;
    /** Not written since the start: what the rules were told (a backtest may go wrong), and traces of `vedette why`. */
    readonly factsDropped: number;
    readonly tracesDropped: number;
    readonly bytes: number;
    /** Why none are written. */
    readonly problem?: string;
  };
  readonly mqtt: MqttHealth;
  /** Percentiles of the last 512 of each stage that has been measured. */
  readonly latency: Partial<Record<Stage, StageLatency>>;
  /** The last self-test; absent before the first. */
  readonly selfTest?: SelfTestReport;
  readonly temperatureC?: number;
  /** Absent where `ladder.enabled` is off. */
  readonly ladder?: LadderState;
  /** Room on the disk of the data folder; absent while that does not answer. */
  readonly disk?: BoardState['disk'];
  /** Absent on a board that does not tell. */
  readonly throttling?: BoardState['throttling'];
}

/** JSON of the health message. */
export function healthPayload(report: HealthReport): string {
  return JSON.stringify({ v: PAYLOAD_VERSION, ...report });
}
