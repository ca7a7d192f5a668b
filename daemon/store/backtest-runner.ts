// Answers `request/backtest`: runs the command of that name as a child process, so that the daemon neither waits nor grows.
// One at a time, with the least share of the processor, a bound on memory and on time; killed when the daemon stops. The
// child gets no secret: of the configuration only what decides about alerts, on its standard input. Main thread.
import { fileURLToPath } from 'node:url';
import type { Config } from '../config/types.ts';
import { askProgram } from '../platform/ask-program.ts';
import type { Clock } from '../platform/clock.ts';
import { VedetteError } from '../platform/errors.ts';
import type { Part } from '../platform/part.ts';

export interface BacktestRunnerOptions {
  readonly dataDir: string;
  readonly clock: Clock;
}

/** Texts are YAML; times as on the command line. What is absent is as the daemon has it. */
export interface BacktestQuestion {
  readonly rules?: string | undefined;
  readonly zones?: string | undefined;
  readonly lines?: string | undefined;
  readonly since: string;
  readonly until?: string | undefined;
  readonly camera?: string | undefined;
}

/** What the child reads from its standard input. */
export interface BacktestInput extends Pick<BacktestQuestion, 'rules' | 'zones' | 'lines'> {
  readonly running: ReturnType<typeof decidingParts>;
}

const DEADLINE_MS = 120_000;
/** Of nice(1): it yields to everything else on the board. */
const NICENESS = '15';
/** A week of a million observations takes a fifth of it. */
const HEAP_MB = 128;
/** Problems of a configuration, as they are passed on. */
const WORDS_MAX = 2000;
/** As main.ts has them. */
const EXIT = { same: 0, differs: 1, config: 78, usage: 64 } as const;

export class BacktestRunner implements Part {
  readonly name = 'backtests';
  readonly #options: BacktestRunnerOptions;
  readonly #stop = new AbortController();
  #running: Promise<string> | undefined;

  constructor(options: BacktestRunnerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running?.catch(() => undefined);
  }

  /**
   * The report as JSON text. Rejects with COMMAND_LIMITED while another runs, CONFIG_INVALID or COMMAND_INVALID where the question is wrong,
   * BACKTEST_FAILED otherwise.
   */
  async ask(question: BacktestQuestion, config: Config): Promise<string> {
    if (this.#running !== undefined)
      throw new VedetteError(
        'COMMAND_LIMITED',
        'a backtest is being carried out, no more at a time: try again later',
      );
    this.#running = this.#ask(question, config);
    try {
      return await this.#running;
    } finally {
      this.#running = undefined;
    }
  }

  async #ask({ since, until, camera, ...texts }: BacktestQuestion, config: Config): Promise<string> {
    const { dataDir, clock } = this.#options;
    const main = fileURLToPath(new URL('../main.ts', import.meta.url));
    // In one word each, so that nothing of it can be taken for an option.
    const args = [
      ...['-n', NICENESS, process.execPath, `--max-old-space-size=${HEAP_MB}`, '--max-semi-space-size=2'],
      ...[main, 'backtest', '--stdin', '--json', `--data=${dataDir}`, `--since=${since}`],
      ...(until === undefined ? [] : [`--until=${until}`]),
      ...(camera === undefined ? [] : [`--camera=${camera}`]),
    ];
    const input: BacktestInput = { running: decidingParts(config), ...texts };
    const { code, stdout, stderr, ending } = await askProgram({
      command: 'nice',
      args,
      timeoutMs: DEADLINE_MS,
      input: JSON.stringify(input),
      env: compiledCode(process.env),
      clock,
      signal: this.#stop.signal,
    });
    if (code === EXIT.same || code === EXIT.differs) return stdout;
    const told = stderr === '' ? ending : stderr.slice(0, WORDS_MAX);
    const words = told.replace(/^vedette: /, '');
    // Problems of a configuration have nothing before them (main.ts); the rest of that exit code is about the data folder.
    if (code === EXIT.config && words === told) throw new VedetteError('CONFIG_INVALID', words);
    if (code === EXIT.usage) throw new VedetteError('COMMAND_INVALID', words);
    throw new VedetteError('BACKTEST_FAILED', code === null ? ending : words);
  }
}

/** Of a configuration what decides about alerts. */
export function decidingParts({ armed, location, track, cameras, rules }: Config): object {
  const { threshold, thresholds } = track;
  const places = Object.entries(cameras).map(([name, camera]) => {
    const { enabled, armed: isArmed, threshold: here, detect, zones, lines } = camera;
    const source = { type: 'scene' };
    return [
      name,
      { enabled, armed: isArmed, threshold: here, detect: { enabled: detect.enabled }, source, zones, lines },
    ];
  });
  return { armed, location, track: { threshold, thresholds }, cameras: Object.fromEntries(places), rules };
}

/** Where compiled code is kept: the child then starts in a fraction of the time. */
function compiledCode({ NODE_COMPILE_CACHE: folder }: NodeJS.ProcessEnv): Record<string, string> {
  return folder === undefined ? {} : { NODE_COMPILE_CACHE: folder };
}
