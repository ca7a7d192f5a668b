// What the keys of a configuration say about each other: zones that rules name exist, thresholds are in order, a broker
// open to others has a password. Pure; knows only the shape it needs, not the configuration room. Places: place-checks.ts.
import { type ConfigFault, known } from './config-fault.ts';
import { isLoopback } from './loopback.ts';
import { type CheckedPlaces, placeFaults } from './place-checks.ts';
import { type CheckedRule, ruleFaults } from './rule-checks.ts';
import { type CheckedSchedules, scheduleFaults } from './schedule-checks.ts';
import { topicFaults } from './topic-checks.ts';

/** The part of the configuration that is looked at. */
export interface CheckedConfig extends Pick<CheckedSchedules, 'location'> {
  readonly mqtt: {
    readonly embedded: {
      readonly enabled: boolean;
      readonly host: string;
      readonly user?: string | undefined;
      readonly password?: string | undefined;
    };
  };
  readonly frigate?: { readonly enabled: boolean };
  readonly track: {
    readonly scoreLow: number;
    readonly scoreMin: number;
    readonly thresholds: Readonly<Record<string, number>>;
    readonly bounds: Readonly<Record<string, unknown>>;
  };
  readonly cameras: Readonly<Record<string, CheckedPlaces>>;
  readonly rules: Readonly<Record<string, CheckedRule>>;
}

/** Everything about a configuration that its schema cannot say. */
export function checkConfig(config: CheckedConfig): ConfigFault[] {
  return [
    ...trackFaults(config),
    ...embeddedFaults(config),
    ...placeFaults(config),
    ...frigateFaults(config),
    ...ruleFaults(config),
    ...topicFaults(config.rules),
    ...scheduleFaults(config),
  ];
}

/** Labels in rules and in `track` that the model does not know, with those it knows. */
export function checkLabels(
  { rules, track }: Pick<CheckedConfig, 'rules' | 'track'>,
  labels: readonly string[],
): ConfigFault[] {
  const message = (label: string): string =>
    `the model does not know the label '${label}' (${known(labels, 'it knows')})`;
  const inRules = Object.entries(rules).flatMap(([rule, { labels: wanted = [] }]) =>
    wanted.flatMap((label, index) =>
      labels.includes(label) ? [] : [{ path: ['rules', rule, 'labels', index], message: message(label) }],
    ),
  );
  const inTrack = (['thresholds', 'bounds'] as const).flatMap((key) =>
    Object.keys(track[key])
      .filter((label) => !labels.includes(label))
      .map((label) => ({ path: ['track', key, label], message: message(label) })),
  );
  return [...inRules, ...inTrack];
}

function trackFaults({ track: { scoreLow, scoreMin } }: CheckedConfig): ConfigFault[] {
  if (scoreLow <= scoreMin) return [];
  return [
    { path: ['track', 'scoreLow'], message: `must be at most track.scoreMin, ${scoreMin} (got ${scoreLow})` },
  ];
}

function embeddedFaults({ mqtt: { embedded } }: CheckedConfig): ConfigFault[] {
  const { enabled, host, user, password } = embedded;
  if (!enabled || isLoopback(host) || (user !== undefined && password !== undefined)) return [];
  const message = `'${host}' can be reached from elsewhere: set mqtt.embedded.user and a password, or use 127.0.0.1`;
  return [{ path: ['mqtt', 'embedded', 'host'], message }];
}

/** Frigate counts per camera and per zone below the same topic; its documentation forbids such names as well. */
function frigateFaults({ frigate, cameras }: CheckedConfig): ConfigFault[] {
  if (frigate?.enabled !== true) return [];
  return Object.entries(cameras).flatMap(([camera, { zones }]) =>
    Object.keys(zones)
      .filter((zone) => Object.hasOwn(cameras, zone))
      .map((zone) => ({
        path: ['cameras', camera, 'zones', zone],
        message: `has the name of a camera, and in topics of Frigate they would be one: rename it, or switch frigate off`,
      })),
  );
}
