// The list of checks of `vedette doctor`, in the order in which they are shown. What each one looks at is in its room;
// docs/doctor.md explains them, and a test holds that page against this list.
import { decoderFindings } from '../camera/decoder-findings.ts';
import { cameraDeviceFindings } from '../camera/devices.ts';
import { CAMERA_TRIAL_MS, type CameraTrial, cameraFinding, tryCamera } from '../camera/probe.ts';
import { deviceFindings, secretFindings } from '../platform/access.ts';
import type { Clock } from '../platform/clock.ts';
import { cpuFindings, readCpu } from '../platform/cpu.ts';
import { diskFindings, nearestFolder, readDisk, writeFindings } from '../platform/disk.ts';
import type { Finding } from '../platform/finding.ts';
import { cacheFolder } from '../platform/folders.ts';
import { hardwareFindings, readHardware } from '../platform/hardware.ts';
import { powerFindings } from '../platform/power.ts';
import { serviceFindings } from '../platform/service.ts';
import { temperatureFindings, thermalZones } from '../platform/temperature.ts';
import { readTime, timeFindings } from '../platform/time-sync.ts';
import type { Check } from './doctor-runner.ts';
import type { DoctorSetup } from './doctor-setup.ts';

const DEADLINE_MS = 10_000;

export interface DoctorWishes {
  /** Of the cameras, only this one is tried. */
  readonly camera: string | undefined;
  /** Where a test picture goes, if one is wanted. */
  readonly picture: string | undefined;
}

export function checksOf(setup: DoctorSetup, clock: Clock, { camera, picture }: DoctorWishes): Check[] {
  const trials = new Map<string, CameraTrial>();
  return [
    ...boardChecks(setup, clock),
    brokerCheck(setup, clock),
    detectorCheck(setup, clock),
    ...cameraChecks(setup, clock, { only: camera, trials }),
    ...(picture === undefined ? [] : [pictureCheck(setup, clock, { path: picture, camera, trials })]),
  ];
}

/** What needs no camera and no broker. */
function boardChecks(setup: DoctorSetup, clock: Clock): Check[] {
  const { dataDir, reserveMb, secretFiles } = setup;
  const check = (name: string, run: Check['run']): Check => ({ name, deadlineMs: DEADLINE_MS, run });
  return [
    check('configuration', () => setup.configuration),
    check('daemon', async (signal) => {
      const service = await serviceFindings(clock, signal);
      return [daemonFinding(setup, service[0]), ...service];
    }),
    check('permissions', async () => [
      ...(await writeFindings(dataDir, clock)),
      setup.runtime,
      ...deviceFindings(),
      ...secretFindings(secretFiles),
    ]),
    check('disk', async () => diskFindings(await readDisk(await nearestFolder(dataDir)), reserveMb)),
    check('board', () => hardwareFindings(readHardware())),
    check('cpu', () => cpuFindings(readCpu())),
    check('power', (signal) => powerFindings(clock, signal)),
    check('temperature', () => temperatureFindings(thermalZones())),
    check('clock', async (signal) => timeFindings(await readTime(clock, signal), clock.nowMs())),
    check('devices', (signal) => cameraDeviceFindings(clock, signal)),
    check('decoders', () => decoderFindings()),
  ];
}

function daemonFinding({ dataDir, daemonPid }: DoctorSetup, service: Finding | undefined): Finding {
  const facts = { dataDir, pid: daemonPid ?? null };
  if (daemonPid !== undefined) {
    return { level: 'ok', message: `running with ${dataDir} (process ${daemonPid})`, facts };
  }
  const message = `not running with ${dataDir}`;
  if (service?.facts?.['ActiveState'] !== 'active') return { level: 'ok', message, facts };
  const advice = 'the service has its own: sudo -u vedette vedette doctor --data /var/lib/vedette';
  return { level: 'warning', message: `${message}, but the service runs`, advice, facts };
}

/** Beside the limits of the detector itself: trying the owner's library, loading, stopping. */
const DETECTOR_EXTRA_MS = 80_000;
/** Each accelerator of 'auto' has its time for itself. */
const ACCELERATORS = 2;

function detectorCheck({ detector: config, dataDir, runtimeDir }: DoctorSetup, clock: Clock): Check {
  return {
    name: 'detector',
    deadlineMs: config.startTimeoutMs + ACCELERATORS * config.acceleratorTimeoutMs + DETECTOR_EXTRA_MS,
    alone: true,
    run: async (signal) => {
      if (runtimeDir === undefined) return [NO_RUNTIME_FOLDER];
      const [{ detectorFindings }, { loadModel, modelFolders }, { pino }] = await Promise.all([
        import('../detector/probe.ts'),
        import('../models/manifest.ts'),
        import('pino'),
      ]);
      const logger = pino({ enabled: false });
      const folders = modelFolders(dataDir);
      const cacheDir = cacheFolder(process.env);
      const load = (): ReturnType<typeof loadModel> => loadModel(config.model, { folders });
      const probe = { config, runtimeDir, cacheDir, clock, logger, loadModel: load };
      return detectorFindings(probe, signal);
    },
  };
}

const NO_RUNTIME_FOLDER: Finding = { level: 'fault', message: 'not looked at: there is no runtime folder' };
const NO_CONFIGURATION: Finding = { level: 'ok', message: 'not looked at: there is no usable configuration' };

/** Beside mqtt.connectTimeoutS, which bounds the way there: a message there and back, the goodbye. */
const BROKER_EXTRA_MS = 10_000;

function brokerCheck({ config, device, daemonPid }: DoctorSetup, clock: Clock): Check {
  return {
    name: 'broker',
    deadlineMs: 2000 * (config?.mqtt.connectTimeoutS ?? 0) + BROKER_EXTRA_MS,
    run: async (signal) => {
      if (config === undefined) return [NO_CONFIGURATION];
      const { brokerFindings } = await import('../publish/probe.ts');
      const daemonRuns = daemonPid !== undefined;
      return brokerFindings({ config: config.mqtt, device, daemonRuns, clock }, signal);
    },
  };
}

/** Starting and stopping its program, beside the time it is watched. */
const CAMERA_EXTRA_MS = 5000;

/** One check per camera, each for itself; what came of it stands in `trials`. */
function cameraChecks(
  setup: DoctorSetup,
  clock: Clock,
  { only, trials }: { only: string | undefined; trials: Map<string, CameraTrial> },
): Check[] {
  const { config, runtimeDir, daemonPid } = setup;
  if (config === undefined) {
    return [{ name: 'camera', deadlineMs: DEADLINE_MS, run: () => [NO_CONFIGURATION] }];
  }
  const wanted = Object.entries(config.cameras).filter(([name]) => only === undefined || name === only);
  return wanted.map(([camera, cameraConfig]) => ({
    name: 'camera',
    deadlineMs: CAMERA_TRIAL_MS + CAMERA_EXTRA_MS,
    alone: true,
    run: async (signal) => {
      if (runtimeDir === undefined) return [NO_RUNTIME_FOLDER];
      if (!cameraConfig.enabled && only === undefined) {
        return [{ level: 'ok', subject: camera, message: 'disabled, not tried' }];
      }
      const trial = await tryCamera({ camera, config: cameraConfig, runtimeDir, clock }, signal);
      trials.set(camera, trial);
      return [cameraFinding(camera, cameraConfig, trial, daemonPid)];
    },
  }));
}

const PICTURE_DEADLINE_MS = 30_000;
const MASKS_UNKNOWN: Finding = {
  level: 'fault',
  message: 'no picture: without a usable configuration its privacy masks are not known',
  advice: 'do what the check configuration says',
};
const NO_CAMERA_ENABLED: Finding = {
  level: 'fault',
  message: 'no picture: no camera is enabled',
  advice: 'name the camera with --camera',
};

/** After the cameras: it takes the frame that a trial has left. */
function pictureCheck(
  { config, configuration, runtimeDir }: DoctorSetup,
  clock: Clock,
  wish: { path: string; camera: string | undefined; trials: ReadonlyMap<string, CameraTrial> },
): Check {
  return {
    name: 'picture',
    deadlineMs: PICTURE_DEADLINE_MS,
    alone: true,
    run: async (signal) => {
      if (runtimeDir === undefined) return [NO_RUNTIME_FOLDER];
      if (config === undefined && configuration.some(({ level }) => level === 'fault'))
        return [MASKS_UNKNOWN];
      const { pictureFinding } = await import('../camera/test-picture.ts');
      const cameras = Object.entries(config?.cameras ?? {});
      const chosen = cameras.find(([name, { enabled }]) =>
        wish.camera === undefined ? enabled : name === wish.camera,
      );
      if (config !== undefined && chosen === undefined) return [NO_CAMERA_ENABLED];
      const [name, cameraConfig] = chosen ?? [];
      const camera =
        name === undefined || cameraConfig === undefined
          ? undefined
          : { name, config: cameraConfig, frame: wish.trials.get(name)?.picture };
      return [await pictureFinding({ path: wish.path, camera, runtimeDir, clock }, signal)];
    },
  };
}
