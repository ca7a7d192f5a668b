// What a backtest cannot know, said beside its result: tracks are those of then, so whatever makes tracks (the model, masks,
// sizes, most of `track`) is not tried, however the configuration differs in it. Pure.
import { isDeepStrictEqual } from 'node:util';
import type { Config } from '../config/types.ts';
import { localTime } from '../platform/local-time.ts';
import type { BacktestReport } from './backtest-report.ts';

export interface RunningConfig {
  readonly file: string;
  readonly config: Config;
}

/** Sentences, in order of weight. `running` is what the daemon runs with, where that is known. */
export function backtestNotes(
  report: BacktestReport,
  config: Config,
  running: RunningConfig | undefined,
): string[] {
  return [...historyNotes(report), ...cameraNotes(report, config), ...sightNotes(config, running)];
}

function historyNotes({
  askedSinceMs,
  sinceMs,
  observations,
  withoutFacts,
  damage,
  unkept,
}: BacktestReport): string[] {
  const notes: string[] = [];
  if (sinceMs > askedSinceMs)
    notes.push(`what is older than ${localTime(sinceMs)} was pruned, or never kept`);
  if (withoutFacts > 0) {
    const which = withoutFacts === observations ? 'these' : `${withoutFacts} of these`;
    notes.push(
      `${which} observations are from an older vedette, which did not keep what was armed and online: taken as armed and online`,
    );
  }
  if (damage.count > 0)
    notes.push(`${damage.count} observations are damaged and were left out: ${damage.examples.join('; ')}`);
  if (unkept > 0) notes.push(`${unkept} alerts that fired while nothing was kept are left out`);
  return notes;
}

function cameraNotes({ camerasSeen, rules }: BacktestReport, config: Config): string[] {
  if (rules.length === 0) return [];
  return Object.keys(config.cameras)
    .filter((camera) => !camerasSeen.includes(camera))
    .map((camera) => `nothing was seen by camera '${camera}': what its rules would do is not known`);
}

/** What has a part in how tracks are made, by its path. */
function sightOf({ track, detector, cameras }: Config): Map<string, unknown> {
  const { threshold: _threshold, thresholds: _thresholds, ...making } = track;
  const entries: [string, unknown][] = Object.entries(making).map(([key, value]) => [`track.${key}`, value]);
  entries.push(['detector.model', detector.model]);
  for (const [name, { masks, detect, source }] of Object.entries(cameras)) {
    const { enabled: _enabled, ...frames } = detect;
    entries.push([`cameras.${name}.masks`, masks], [`cameras.${name}.detect`, frames]);
    entries.push([`cameras.${name}.source`, source]);
  }
  return new Map(entries);
}

function sightNotes(config: Config, running: RunningConfig | undefined): string[] {
  if (running === undefined) return [];
  const before = sightOf(running.config);
  const changed = [...sightOf(config)]
    .filter(([path, value]) => before.has(path) && !isDeepStrictEqual(before.get(path), value))
    .map(([path]) => path);
  if (changed.length === 0) return [];
  const verb = changed.length === 1 ? 'differs' : 'differ';
  return [
    `${changed.join(', ')} ${verb} from ${running.file}: tracks were made with the old settings, this change is not tried`,
  ];
}
