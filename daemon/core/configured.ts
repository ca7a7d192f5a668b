// The configuration in the words of the domain: rules, zones and switches. Pure; knows only the shape it needs, not the
// configuration room.
import type { CameraSwitches, FileSwitches } from './switches.ts';
import type { Rule, Zone } from './types.ts';

interface ConfiguredCamera {
  readonly zones: Readonly<Record<string, { readonly points: Zone['points'] }>>;
  readonly enabled: boolean;
  readonly armed: boolean;
  readonly detect: { readonly enabled: boolean };
  readonly threshold?: number | undefined;
}

/** The part of the configuration that is looked at. */
export interface Configured {
  readonly armed: boolean;
  readonly cameras: Readonly<Record<string, ConfiguredCamera>>;
  readonly rules: Readonly<Record<string, Omit<Rule, 'name'>>>;
}

/** Rules with their names, and zones by camera name. */
export function rulesAndZones({ rules, cameras }: Pick<Configured, 'rules' | 'cameras'>): {
  rules: Rule[];
  zones: Map<string, Zone[]>;
} {
  const zonesOf = ({ zones }: ConfiguredCamera): Zone[] =>
    Object.entries(zones).map(([name, { points }]) => ({ name, points }));
  return {
    rules: Object.entries(rules).map(([name, rule]) => ({ name, ...rule })),
    zones: new Map(Object.entries(cameras).map(([name, camera]) => [name, zonesOf(camera)])),
  };
}

/** What the configuration says of every switch. */
export function fileSwitches({ armed, cameras }: Pick<Configured, 'armed' | 'cameras'>): FileSwitches {
  const of = ({ enabled, detect, armed: armedHere, threshold }: ConfiguredCamera): CameraSwitches => {
    return { enabled, detect: detect.enabled, armed: armedHere, threshold: threshold ?? null };
  };
  return { armed, cameras: new Map(Object.entries(cameras).map(([name, camera]) => [name, of(camera)])) };
}
