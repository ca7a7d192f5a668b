// A whole health report around the state of one connection, for tests that publish one.
import type { HealthReport, MqttHealth } from '../../daemon/publish/health-message.ts';

/** Of a daemon without cameras; `uptimeS` is what changes from report to report. */
export function healthReportOf(mqtt: MqttHealth, uptimeS: number): HealthReport {
  return {
    device: 'pi',
    version: '0.1.0',
    uptimeS,
    at: '2026-06-01T21:14:03.087Z',
    memory: { rssBytes: 100_000_000, heapUsedBytes: 20_000_000 },
    eventLoop: { delayP50Ms: 0.1, delayP99Ms: 1, delayMaxMs: 2 },
    detector: {
      state: 'ready',
      provider: 'cpu',
      threads: 2,
      model: 'vedette-nano',
      restarts: 0,
      recycled: 0,
      fallbacks: [],
      inferP50Ms: 8,
      inferP99Ms: 13,
    },
    clock: { state: 'synced', offsetMs: 0, corrections: 0 },
    cameras: {},
    store: {
      queued: 0,
      outboxRows: 0,
      outboxBytes: 0,
      outboxDropped: 0,
      updatesDropped: 0,
      reserve: 'kept',
      walBytes: 0,
      commitP50Ms: 1,
      commitP99Ms: 2,
    },
    snapshots: { count: 0, bytes: 0, dropped: 0 },
    history: { written: 0, dropped: 0, factsDropped: 0, tracesDropped: 0, bytes: 0 },
    mqtt,
    latency: { infer: { p50Ms: 8, p99Ms: 13 } },
  };
}
