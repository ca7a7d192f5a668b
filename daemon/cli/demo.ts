// `vedette demo` (= `npm start`): the whole daemon with nothing to set up: the built-in camera, the bundled model, an
// embedded broker. Says in plain words what it is doing and prints a line per alert.
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import type { AppObserver } from '../app-options.ts';
import type { Config } from '../config/types.ts';
import type { Alert, OutboxRow } from '../core/types.ts';
import type { DetectorState } from '../detector/wire.ts';
import { VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import { createLogger } from '../platform/logger.ts';
import type { CommandContext } from './context.ts';
import { dataOption, wholeNumber } from './options.ts';
import { plural } from './words.ts';

const CAMERA = 'yard';
const TIMES = ['day', 'dusk', 'night'] as const;
const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** The demo's configuration, as an owner would write it; everything else is the default. */
function demoDocument(time: string, port: number, logLevel: string): object {
  return {
    log: { level: logLevel },
    mqtt: { embedded: { enabled: true, port }, healthS: 10 },
    cameras: {
      [CAMERA]: {
        source: { type: 'scene', time },
        zones: { porch: { points: PORCH } },
      },
    },
    rules: {
      'person-at-porch': { trigger: { type: 'enter', zone: 'porch' }, labels: ['person'], cooldownS: 5 },
    },
  };
}

/** The flagstones before the door of the scene: only who comes to the door sets foot on them. */
const PORCH = [
  [0.5, 0.84],
  [0.9, 0.84],
  [0.9, 1],
  [0.5, 1],
];

interface DemoFlags {
  readonly data?: string;
  readonly port: number;
  readonly time: string;
  readonly seconds?: number;
  readonly logLevel: string;
}

export function demoCommand({ signal, clock, version }: CommandContext): Command {
  return new Command('demo')
    .description('show the main job with no camera, no broker and no configuration (npm start)')
    .addOption(dataOption())
    .option(
      '-p, --port <number>',
      'port of the embedded broker; the next free one if it is busy',
      wholeNumber(0, 65535),
      1883,
    )
    .addOption(new Option('-t, --time <time>', 'light of the scene').choices(TIMES).default('day'))
    .option(
      '-s, --seconds <number>',
      'stop after this many seconds (default: at Ctrl-C)',
      wholeNumber(1, 86400),
    )
    .addOption(
      new Option('-l, --log-level <level>', 'least level of the log beside the plain words')
        .choices(LEVELS)
        .default('warn'),
    )
    .action(async (flags: DemoFlags) => {
      const [{ runApp }, { configSchema }, { deviceSlug, outboxTopic }] = await Promise.all([
        import('../app.ts'),
        import('../config/schema.ts'),
        import('../publish/topics.ts'),
      ]);
      const parsed = configSchema.safeParse(demoDocument(flags.time, flags.port, flags.logLevel));
      if (!parsed.success)
        throw new VedetteError('USAGE', parsed.error.issues.map((issue) => issue.message).join('; '));
      const config: Config = parsed.data;
      const dataDir = dataFolder(flags.data, process.env);
      const device = deviceSlug(hostname());
      const logger = createLogger({
        ...config.log,
        format: process.stderr.isTTY ? 'text' : config.log.format,
      });
      say(
        `Vedette ${version}, demo: the built-in camera, the bundled model, an embedded broker; nothing else is needed.`,
      );
      const observer = demoObserver({ dataDir, topic: outboxTopic(device, 'alert') });
      const seconds = flags.seconds;
      const ends =
        seconds === undefined ? signal : AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]);
      await runApp(
        { config, deviceDefault: device, version, dataDir, clock, logger, nextFreePort: true, observer },
        ends,
      );
      say('Stopped. What was not delivered yet is kept for the next start.');
    });
}

function demoObserver({ dataDir, topic }: { dataDir: string; topic: string }): AppObserver {
  return {
    onStarted: ({ brokerUrl }) => {
      const { hostname: host, port } = new URL(brokerUrl);
      say(`  camera    '${CAMERA}': a rendered front yard, 1280x720, 5 frames a second`);
      say(`  rule      'person-at-porch': a person enters the zone 'porch'`);
      say(`  broker    ${brokerUrl}`);
      say(`  database  ${join(dataDir, 'vedette.db')}`);
      say('To see the alerts as any MQTT client does, in another terminal:');
      say(`  mosquitto_sub -h ${host} -p ${port} -v -t '${topic}'`);
      say('Somebody walks up to the porch within the first seconds. Ctrl-C stops.');
    },
    onDetector: ({ state, ready, reason }: DetectorState) => {
      if (ready)
        say(
          `  detector  ready: ${ready.model.name} on ${ready.provider}, ${plural(ready.threads, 'thread')}`,
        );
      else if (state === 'down') say(`  detector  down: ${reason ?? 'no reason known'}`);
    },
    onAlert: (alert: Alert, row: OutboxRow) => {
      const score = alert.score === undefined ? '' : `, score ${alert.score.toFixed(2)}`;
      const time = new Date(alert.atMs).toTimeString().slice(0, 8);
      say(`${time}  ALERT ${row.seq} (${alert.severity})  ${alert.message}${score}`);
    },
  };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
