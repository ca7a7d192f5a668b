// `vedette run`: the daemon with the owner's configuration, taken up again on SIGHUP.
import { hostname } from 'node:os';
import { Command } from 'commander';
import type { AppObserver, RunningApp } from '../app.ts';
import type { Config } from '../config/types.ts';
import { VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import { createLogger, type Logger } from '../platform/logger.ts';
import type { CommandContext } from './context.ts';
import { configOption, dataOption } from './options.ts';

interface RunFlags {
  readonly config?: string;
  readonly data?: string;
}

export function runCommand({ signal, onHangup, clock, version }: CommandContext): Command {
  return new Command('run')
    .description('run the daemon with a configuration file; SIGHUP takes the file up again')
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
      const load = (): Config => loadConfig(path, { env: process.env, semanticChecks: checkConfig }).config;
      const config = load();
      const logger = createLogger(config.log);
      const deviceDefault = deviceSlug(hostname());
      const dataDir = dataFolder(flags.data, process.env);
      const cameras = Object.keys(config.cameras);
      const device = config.device.name ?? deviceDefault;
      logger.info({ version, device, config: path, data: dataDir, cameras }, 'starting');
      const reloader = new Reloader(load, logger);
      onHangup(() => reloader.request());
      const observer: AppObserver = {
        onStarted: (app) => {
          logger.info({ broker: app.brokerUrl }, 'started');
          reloader.begin(app);
        },
        onAlert: ({ id, eventId, rule, camera, severity, message }, { seq }) =>
          logger.info({ part: 'alert', camera, seq, rule, severity, id, eventId }, message),
      };
      await runApp({ config, deviceDefault, version, dataDir, clock, logger, observer }, signal);
      logger.info('stopped');
    });
}

/** Reloads the configuration, one at a time: what is asked for meanwhile is one more afterwards. */
class Reloader {
  readonly #load: () => Config;
  readonly #logger: Logger;
  #app: RunningApp | undefined;
  #requested = false;
  #running = false;

  constructor(load: () => Config, logger: Logger) {
    this.#load = load;
    this.#logger = logger;
  }

  /** The daemon has started; before that a request waits. */
  begin(app: RunningApp): void {
    this.#app = app;
    void this.#run(app);
  }

  request(): void {
    this.#requested = true;
    if (this.#app !== undefined) void this.#run(this.#app);
  }

  /** A rejection here is a bug in a part; it ends the process, and systemd starts it with the new configuration. */
  async #run(app: RunningApp): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    while (this.#requested) {
      this.#requested = false;
      const config = this.#attempt();
      if (config === undefined) continue;
      const changes = await app.reload(config);
      this.#logger.info(
        { changes },
        changes.length === 0 ? 'configuration is the same' : 'configuration reloaded',
      );
    }
    this.#running = false;
  }

  /** The new configuration, or undefined when it is refused: then everything stays as it is. */
  #attempt(): Config | undefined {
    try {
      return this.#load();
    } catch (error) {
      if (!(error instanceof VedetteError)) throw error;
      const { code, message } = error;
      for (const line of message.split('\n')) this.#logger.error({ code }, line);
      this.#logger.error(
        { code },
        'configuration not reloaded: the one that runs stays, nothing has changed',
      );
      return undefined;
    }
  }
}
