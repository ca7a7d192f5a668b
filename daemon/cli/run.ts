// `vedette run`: the daemon with the owner's configuration.
import { hostname } from 'node:os';
import { Command } from 'commander';
import type { AppObserver } from '../app.ts';
import { dataFolder } from '../platform/folders.ts';
import { createLogger } from '../platform/logger.ts';
import type { CommandContext } from './context.ts';
import { configOption, dataOption } from './options.ts';

interface RunFlags {
  readonly config?: string;
  readonly data?: string;
}

export function runCommand({ signal, clock, version }: CommandContext): Command {
  return new Command('run')
    .description('run the daemon with a configuration file')
    .addOption(configOption())
    .addOption(dataOption())
    .addHelpText('after', '\nWithout a camera or a configuration, try: vedette demo')
    .action(async (flags: RunFlags) => {
      const [{ runApp }, { checkConfig }, { defaultConfigPaths, findConfig, loadConfig }, { deviceSlug }] =
        await Promise.all([
          import('../app.ts'),
          import('../core/checks.ts'),
          import('../config/load.ts'),
          import('../publish/topics.ts'),
        ]);
      const path = findConfig(flags.config === undefined ? defaultConfigPaths(process.env) : [flags.config]);
      const { config } = loadConfig(path, { env: process.env, semanticChecks: checkConfig });
      const logger = createLogger(config.log);
      const device = config.device.name ?? deviceSlug(hostname());
      const dataDir = dataFolder(flags.data, process.env);
      logger.info(
        { version, device, config: path, data: dataDir, cameras: Object.keys(config.cameras) },
        'starting',
      );
      const observer: AppObserver = {
        onStarted: ({ brokerUrl }) => logger.info({ broker: brokerUrl }, 'started'),
        onAlert: ({ id, eventId, rule, camera, severity, message }, { seq }) =>
          logger.info({ part: 'alert', camera, seq, rule, severity, id, eventId }, message),
      };
      await runApp({ config, device, version, dataDir, clock, logger, observer }, signal);
      logger.info('stopped');
    });
}
