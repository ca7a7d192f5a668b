// `vedette replay`: a video through the owner's configuration, without a daemon: prints events and alerts, and draws them into
// a video. docs/replay.md.
import { statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Config } from '../config/types.ts';
import { known } from '../core/config-fault.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import { createLogger, type Logger } from '../platform/logger.ts';
import type { CommandContext } from './context.ts';
import { configOption, dataOption, moment, providersOption } from './options.ts';
import { Progress } from './progress.ts';
import { type ReplayFormat, type ReplayTotals, replayJson, replayText } from './replay-format.ts';

interface ReplayFlags {
  readonly config?: string;
  readonly data?: string;
  readonly camera?: string;
  readonly start?: number;
  readonly fps?: number;
  readonly providers?: string;
  readonly json?: true;
  readonly verbose?: true;
  readonly draw?: string;
}

const AFTER = `
Every frame is looked at, as fast as the board can; nothing is stored or published. Times are those of the video; for
schedules its first frame is taken for --start.

Examples:
  vedette replay porch.mp4 --config vedette.yaml
  vedette replay porch.mp4 --camera porch --start 2026-06-01T22:00 --draw seen.mp4
  vedette replay porch.mp4 --json | jq 'select(.kind == "alert")'`;

/** The command. Ends with CONFIG_INVALID, REPLAY_FAILED, or what the camera says of the video. */
export function replayCommand({ signal, clock }: CommandContext): Command {
  return new Command('replay')
    .description('play a video through a configuration: print its events and alerts, draw them with --draw')
    .argument('<video>', 'any video that ffmpeg reads')
    .addOption(configOption())
    .addOption(dataOption())
    .option('--camera <name>', 'the camera that the video is taken for (default: the first)')
    .addOption(
      new Option('--start <time>', 'when the video begins, for schedules (default: now)').argParser(
        moment(clock.nowMs()),
      ),
    )
    .option('--fps <rate>', "frames a second to look at (default: the camera's)", rate)
    .addOption(providersOption())
    .option('--json', 'one JSON object a line: events, alerts, a summary')
    .option('-v, --verbose', 'updates of events as well')
    .option('--draw <file>', 'write a video with boxes, trails, zones, lines and rules (.mp4, .mkv, …)')
    .addHelpText('after', AFTER)
    .action(async (video: string, flags: ReplayFlags) => {
      const path = videoPath(video);
      if (flags.draw !== undefined) requireOther(path, flags.draw);
      const config = await replayConfig(flags);
      const camera = cameraOf(config, flags.camera);
      const { replay } = await import('./replay-run.ts');
      const format = flags.json ? replayJson() : replayText({ verbose: flags.verbose === true });
      const totals = totalsOf(config, camera);
      const { Recording } = await import('./replay-recording.ts');
      const recording = flags.draw === undefined ? undefined : new Recording(config, camera);
      const progress = new Progress({ what: 'frames', always: false, clock });
      const beganMonoMs = clock.monoMs();
      if (!flags.json) process.stdout.write(headOf(config, camera, video));
      let videoMs = 0;
      const frames = await replay(
        {
          config,
          camera,
          video: path,
          dataDir: dataFolder(flags.data, process.env),
          startMs: flags.start ?? clock.nowMs(),
          clock,
          logger: silent(),
          onStep: (step) => {
            videoMs = step.videoMs;
            tell(format, step, totals);
            recording?.take(step);
            progress.at(step.frame);
          },
        },
        signal,
      );
      process.stdout.write(
        format.summary({ frames, videoMs, tookMs: clock.monoMs() - beganMonoMs, ...totals }),
      );
      if (flags.draw === undefined || recording === undefined) return;
      const { drawVideo } = await import('./replay-video.ts');
      const output = flags.draw;
      await drawVideo({ recording, config, camera, video: path, output, frames, clock }, signal);
      progress.end(`${output}: ${frames} frames`);
    });
}

/** Drawing into the video itself would end with the drawn one in place of the recorded one. */
function requireOther(video: string, output: string): void {
  const [from, to] = [video, output].map((path) => statSync(path, { throwIfNoEntry: false }));
  if (from === undefined || to === undefined || from.dev !== to.dev || from.ino !== to.ino) return;
  throw new VedetteError('USAGE', `--draw: '${output}' is the video itself; name another file`, {
    path: output,
  });
}

type Step = Parameters<ReplayFormat['step']>[0];

function tell(format: ReplayFormat, step: Step, totals: ReplayTotals): void {
  const { events, alerts } = step.decision;
  totals.events += events.filter(({ type }) => type === 'new').length;
  for (const { rule } of alerts) totals.alerts.set(rule, (totals.alerts.get(rule) ?? 0) + 1);
  const text = format.step(step);
  if (text !== '') process.stdout.write(text);
}

/** Every rule of the camera, with none so far: a rule that never fires is worth a line too. */
function totalsOf(config: Config, camera: string): ReplayTotals {
  const rules = Object.entries(config.rules).filter(
    ([, { cameras }]) => cameras === undefined || cameras.includes(camera),
  );
  return { events: 0, alerts: new Map(rules.map(([rule]) => [rule, 0])) };
}

function headOf(config: Config, camera: string, video: string): string {
  const { width, height, fps } = config.cameras[camera]!.detect;
  return `${basename(video)} as camera '${camera}', ${width}x${height} at ${fps} frames a second\n`;
}

async function replayConfig(flags: ReplayFlags): Promise<Config> {
  const [{ checkConfig }, { defaultConfigPaths, findConfig, loadConfig }, { withProviders }] =
    await Promise.all([
      import('../core/checks.ts'),
      import('../config/load.ts'),
      import('./provider-flag.ts'),
    ]);
  const file = findConfig(flags.config === undefined ? defaultConfigPaths(process.env) : [flags.config]);
  const loaded = loadConfig(file, { env: process.env, semanticChecks: checkConfig }).config;
  const config = { ...loaded, detector: withProviders(loaded.detector, flags.providers) };
  if (flags.fps === undefined) return config;
  const fps = flags.fps;
  const cameras = Object.entries(config.cameras).map(
    ([name, camera]) => [name, { ...camera, detect: { ...camera.detect, fps } }] as const,
  );
  return { ...config, cameras: Object.fromEntries(cameras) };
}

/** @throws VedetteError USAGE for a camera that is not in the configuration. */
function cameraOf({ cameras }: Config, wanted: string | undefined): string {
  const names = Object.keys(cameras);
  if (wanted === undefined) return names[0]!;
  if (names.includes(wanted)) return wanted;
  throw new VedetteError('USAGE', `--camera: there is no camera '${wanted}' (${known(names, 'there are')})`);
}

/** @throws VedetteError REPLAY_FAILED for what is no file. */
function videoPath(video: string): string {
  const path = resolve(video);
  try {
    if (statSync(path).isFile()) return path;
  } catch (error) {
    throw new VedetteError('REPLAY_FAILED', `'${video}' cannot be read: ${reasonOf(error)}`, {}, error);
  }
  throw new VedetteError('REPLAY_FAILED', `'${video}' is no file`);
}

/** What goes wrong ends the command with one line; a daemon's log of the same would be a second. */
function silent(): Logger {
  const logger = createLogger({ level: 'error', format: 'text' });
  logger.level = 'silent';
  return logger;
}

function rate(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0.2 && value <= 60) return value;
  throw new InvalidArgumentError(`must be a number from 0.2 to 60 (got '${text}')`);
}
