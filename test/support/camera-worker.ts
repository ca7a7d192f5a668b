// One camera as the main thread holds it, with a real worker thread and the real scene program, for tests.
import { onTestFinished } from 'vitest';
import { Camera, type CameraOptions } from '../../daemon/camera/camera.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import type { CameraSwitches } from '../../daemon/core/switches.ts';
import type { CameraStatus, Observation } from '../../daemon/core/types.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { memoryLogger } from './logger.ts';
import { tempDir } from './temp-dir.ts';

export const ALL_ON: CameraSwitches = { enabled: true, detect: true, armed: true, threshold: null };

/** Not started; stopped when the test ends. */
export function makeCamera(options: Partial<CameraOptions> = {}) {
  const source = { type: 'scene', leaves: false };
  const config = configSchema.parse({ cameras: { yard: { source } } });
  const statuses: CameraStatus[] = [];
  const observations: Observation[] = [];
  const { logger, records } = memoryLogger();
  const runtimeDir = tempDir();
  const camera = new Camera({
    camera: 'yard',
    index: 0,
    config: config.cameras['yard']!,
    switches: ALL_ON,
    track: config.track,
    deadlineMs: 60_000,
    log: { level: 'error', format: 'json' },
    snapshots: config.snapshots,
    dataDir: tempDir(),
    runtimeDir,
    clock: systemClock,
    logger,
    onObservation: (observation) => observations.push(observation),
    onPicture: () => undefined,
    onSnapshot: () => undefined,
    onStatus: (_camera, status) => statuses.push(status),
    onDetectorLate: () => undefined,
    ...options,
  });
  onTestFinished(() => camera.stop());
  return { camera, statuses, observations, records, runtimeDir };
}
