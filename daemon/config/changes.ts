// What a reload has to do: the sections in which two configurations differ, in terms of the parts that take them. Pure.
import { isDeepStrictEqual } from 'node:util';
import type { CameraConfig, Config } from './types.ts';

export interface ConfigChanges {
  readonly log: boolean;
  /** The name of this board in topics; then `mqtt` is true as well. */
  readonly device: boolean;
  /** Where and how messages go, and which others are listened to: the publisher. */
  readonly mqtt: boolean;
  /** The broker inside the daemon; then `mqtt` is true as well. */
  readonly embedded: boolean;
  /** Messages in the shape of Frigate. */
  readonly frigate: boolean;
  readonly detector: boolean;
  /** Rules, or the zones and lines they speak of, or where the board is. */
  readonly rules: boolean;
  /** Labels are named that were not named so before: the model may not know them. */
  readonly labels: boolean;
  /** How long pictures are kept, and what the store may take of the disk. */
  readonly retention: boolean;
  /** What the file says of armed, enabled, detect.enabled and threshold. */
  readonly switches: boolean;
  /** What is done when the board cannot keep up. */
  readonly ladder: boolean;
  readonly cameras: {
    readonly removed: readonly string[];
    readonly added: readonly string[];
    /** Still there, but its worker has to begin again. */
    readonly restarted: readonly string[];
    /** Of those: the masks differ, an older picture may show what they are to hide. */
    readonly masked: readonly string[];
  };
}

/** Compares whole configurations as loaded, defaults filled in. */
export function configChanges(before: Config, after: Config): ConfigChanges {
  const differs = (pick: (config: Config) => unknown): boolean =>
    !isDeepStrictEqual(pick(before), pick(after));
  const device = differs(({ device }) => device);
  const embedded = differs(({ mqtt }) => mqtt.embedded);
  const everyCamera = differs(({ track, log, snapshots, detector }) => [
    track,
    log,
    takenBySight(snapshots),
    detector.deadlineMs,
  ]);
  const names = Object.keys(after.cameras);
  const kept = names.filter((name) => Object.hasOwn(before.cameras, name));
  return {
    log: differs(({ log }) => log),
    device,
    mqtt:
      device ||
      embedded ||
      differs((config) => [config.mqtt, config.homeassistant, publishesPictures(config)]),
    embedded,
    frigate: differs(({ frigate }) => frigate),
    detector: differs(({ detector, track }) => [detector, track.scoreLow]),
    rules: differs(({ rules, cameras, location }) => [
      rules,
      location,
      Object.entries(cameras).map(([n, { zones, lines }]) => [n, zones, lines]),
    ]),
    labels: differs(({ rules, track }) => [rules, track.thresholds, track.bounds]),
    retention: differs(({ snapshots, store }) => [snapshots.keepDays, snapshots.keepMb, store]),
    switches: differs(({ armed, cameras }) => [armed, kept.map((name) => takenBySwitches(cameras[name]!))]),
    ladder: differs(({ ladder }) => ladder),
    cameras: {
      removed: Object.keys(before.cameras).filter((name) => !Object.hasOwn(after.cameras, name)),
      added: names.filter((name) => !kept.includes(name)),
      restarted: kept.filter(
        (name) => everyCamera || differs(({ cameras }) => takenByWorker(cameras[name]!)),
      ),
      masked: kept.filter((name) => differs(({ cameras }) => cameras[name]!.masks)),
    },
  };
}

/** Whether the broker gets pictures. */
export function publishesPictures({ snapshots }: Config): boolean {
  return snapshots.enabled && snapshots.publish;
}

/** In words for the log, e.g. ['rules', 'camera porch restarted']; empty when nothing differs. */
export function changeWords({ cameras, labels: _labels, ...sections }: ConfigChanges): string[] {
  const named = (names: readonly string[], what: string): string[] =>
    names.map((name) => `camera ${name} ${what}`);
  return [
    ...Object.entries(sections).flatMap(([name, changed]) => (changed ? [name] : [])),
    ...named(cameras.removed, 'removed'),
    ...named(cameras.added, 'added'),
    ...named(cameras.restarted, 'restarted'),
  ];
}

/** Zones and lines are the rules' business: a camera goes on while they change. So it does while a switch is turned. */
function takenByWorker({
  zones: _zones,
  lines: _lines,
  enabled: _on,
  armed: _armed,
  threshold: _threshold,
  ...rest
}: CameraConfig): object {
  const { enabled: _looking, ...detect } = rest.detect;
  return { ...rest, detect };
}

function takenBySwitches({ enabled, armed, threshold, detect }: CameraConfig): unknown[] {
  return [enabled, armed, threshold, detect.enabled];
}

/** How long pictures are kept is the store's business. */
function takenBySight({ keepDays: _days, keepMb: _megabytes, ...rest }: Config['snapshots']): object {
  return rest;
}
