// `vedette run`: the daemon with the owner's configuration, taken up again on SIGHUP.
import { hostname } from 'node:os';
import { Command } from 'commander';
import type { AppObserver, RunningApp } from '../app-options.ts';
import type { Config } from '../config/types.ts';
import { VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import { createLogger, type Logger } from '../platform/logger.ts';
import { ServiceNotifier, takeServiceEnvironment } from '../platform/notify.ts';
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
      const { socket, pingMs } = takeServiceEnvironment(process.env, process.pid);
      const notifier = socket === undefined ? undefined : new ServiceNotifier({ socket, clock, logger });
      const reloader = new Reloader({ load, logger, notifier });
      const service = notifier && { service: { notifier, pingMs, note: () => reloader.problem } };
      onHangup(() => reloader.request());
      const observer: AppObserver = {
        onStarted: (app) => {
          logger.info({ broker: app.brokerUrl }, 'started');
          reloader.begin(app);
        },
        onAlert: ({ id, eventId, rule, trigger, camera, count, severity, message }, { seq }) =>
          logger.info({ part: 'alert', camera, seq, rule, trigger, count, severity, id, eventId }, message),
      };
      await runApp({ config, deviceDefault, version, dataDir, clock, logger, observer, ...service }, signal);
      logger.info('stopped');
    });
}

interface ReloaderOptions {
  readonly load: () => Config;
  readonly logger: Logger;
  /** Told when a reload begins and when it is over. */
  readonly notifier: ServiceNotifier | undefined;
}

/** Reloads the configuration, one at a time: what is asked for meanwhile is one more afterwards. */
class Reloader {
  readonly #load: () => Config;
  readonly #logger: Logger;
  readonly #notifier: ServiceNotifier | undefined;
  /** Why the last reload changed nothing; undefined when it did. */
  problem: string | undefined;
  #app: RunningApp | undefined;
  #requested = false;
  #running = false;

  constructor({ load, logger, notifier }: ReloaderOptions) {
    this.#load = load;
    this.#logger = logger;
    this.#notifier = notifier;
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
      this.#notifier?.state('RELOADING');
      const config = this.#attempt();
      if (config !== undefined) await this.#apply(app, config);
      this.#notifier?.state('READY');
    }
    this.#running = false;
  }

  async #apply(app: RunningApp, config: Config): Promise<void> {
    const changes = await app.reload(config);
    this.#logger.info(
      { changes },
      changes.length === 0 ? 'configuration is the same' : 'configuration reloaded',
    );
  }

  /** The new configuration, or undefined when it is refused: then everything stays as it is. */
  #attempt(): Config | undefined {
    try {
      const config = this.#load();
      this.problem = undefined;
      return config;
    } catch (error) {
      if (!(error instanceof VedetteError)) throw error;
      const { code, message } = error;
      const lines = message.split('\n');
      for (const line of lines) this.#logger.error({ code }, line);
      this.problem = `the changed configuration was refused, the old one runs: ${lines[0]}`;
      this.#logger.error(
        { code },
        'configuration not reloaded: the one that runs stays, nothing has changed',
      );
      return undefined;
    }
  }
}
