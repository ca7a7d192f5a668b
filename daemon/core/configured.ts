// The configuration in the words of the domain: rules, places and switches. Pure; knows only the shape it needs, not the
// configuration room.
import type { DecisionScene } from './decision-scene.ts';
import type { ArmedState, ConfiguredLocation, Line, Places, Rule, Zone } from './rule-types.ts';
import type { CameraSwitches, FileSwitches } from './switches.ts';

interface ConfiguredCamera {
  readonly zones: Readonly<Record<string, Omit<Zone, 'name'>>>;
  readonly lines: Readonly<Record<string, Omit<Line, 'name'>>>;
  readonly enabled: boolean;
  readonly armed: boolean;
  readonly detect: { readonly enabled: boolean };
  readonly threshold?: number | undefined;
}

type ConfiguredRule = Omit<Rule, 'name' | 'while'> & { readonly while?: ArmedState | undefined };

/** The part of the configuration that is looked at. */
export interface Configured {
  readonly armed: boolean;
  /** The time zone is filled in when a file is loaded. */
  readonly location?: ConfiguredLocation | undefined;
  readonly cameras: Readonly<Record<string, ConfiguredCamera>>;
  readonly rules: Readonly<Record<string, ConfiguredRule>>;
}

/** Rules with their names, places by camera name, and where the board is. */
export function decisionScene({
  rules,
  cameras,
  location,
}: Pick<Configured, 'rules' | 'cameras' | 'location'>): DecisionScene {
  return {
    rules: Object.entries(rules).map(([name, rule]) => ruleOf(name, rule)),
    places: new Map(Object.entries(cameras).map(([name, camera]) => [name, placesOf(camera)])),
    location: { ...location, timeZone: location?.timeZone ?? 'UTC' },
  };
}

/** Whether somebody is at home does not matter where something is broken. */
function ruleOf(name: string, rule: ConfiguredRule): Rule {
  return { ...rule, name, while: rule.while ?? (rule.trigger.type === 'fault' ? 'always' : 'armed') };
}

function placesOf({ zones, lines }: ConfiguredCamera): Places {
  return {
    zones: Object.entries(zones).map(([name, zone]) => ({ name, ...zone })),
    lines: Object.entries(lines).map(([name, line]) => ({ name, ...line })),
  };
}

/** What the configuration says of every switch. */
export function fileSwitches({ armed, cameras }: Pick<Configured, 'armed' | 'cameras'>): FileSwitches {
  const of = ({ enabled, detect, armed: armedHere, threshold }: ConfiguredCamera): CameraSwitches => {
    return { enabled, detect: detect.enabled, armed: armedHere, threshold: threshold ?? null };
  };
  return { armed, cameras: new Map(Object.entries(cameras).map(([name, camera]) => [name, of(camera)])) };
}
