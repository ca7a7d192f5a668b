// What is wrong with a rule beyond its schema: places that are not there, bounds that contradict each other, names in its text
// that stand for nothing. Pure; knows only the shape it needs, not the configuration room.
import { MESSAGE_NAMES, unknownNames } from './alert-text.ts';
import { type ConfigFault, known } from './config-fault.ts';
import type { CooldownPer, ScheduleWindow, SizeBounds, Trigger } from './rule-types.ts';

export interface CheckedRule {
  readonly trigger: Trigger;
  readonly cameras?: readonly string[] | undefined;
  readonly labels?: readonly string[] | undefined;
  readonly scoreMin?: number | undefined;
  readonly size?: SizeBounds | undefined;
  readonly cooldownPer?: CooldownPer | undefined;
  readonly groupS?: number | undefined;
  readonly schedule?: readonly ScheduleWindow[] | undefined;
  readonly message?: string | undefined;
  readonly topic?: string | undefined;
}

interface CheckedCamera {
  readonly zones: Readonly<Record<string, unknown>>;
  readonly lines: Readonly<Record<string, { readonly sides: readonly [string, string] }>>;
}

export interface CheckedRules {
  readonly cameras: Readonly<Record<string, CheckedCamera>>;
  readonly rules: Readonly<Record<string, CheckedRule>>;
}

/** Everything about rules that their schema cannot say. */
export function ruleFaults(config: CheckedRules): ConfigFault[] {
  return Object.entries(config.rules).flatMap(([name, rule]) => {
    const path = ['rules', name];
    return [
      ...cameraFaults(path, rule, config),
      ...placeFaults(path, rule, config),
      ...triggerFaults(path, rule),
      ...filterFaults(path, rule),
      ...effectFaults(path, rule),
    ];
  });
}

type Path = readonly string[];

function cameraFaults(
  path: Path,
  { cameras: wanted = [] }: CheckedRule,
  { cameras }: CheckedRules,
): ConfigFault[] {
  return wanted.flatMap((camera, index) => {
    // hasOwn: 'constructor' must not find what every object inherits.
    if (Object.hasOwn(cameras, camera)) return [];
    const message = `there is no camera '${camera}' (${known(Object.keys(cameras), 'there are')})`;
    return [{ path: [...path, 'cameras', index], message }];
  });
}

/** A place that a trigger names, and the key that names it. */
interface Named {
  readonly kind: 'zone' | 'line';
  readonly name: string;
  readonly key: readonly (string | number)[];
}

function placesNamed(trigger: Trigger): Named[] {
  switch (trigger.type) {
    case 'cross':
      return [{ kind: 'line', name: trigger.line, key: ['line'] }];
    case 'sequence':
      return trigger.zones.map((name, index) => ({ kind: 'zone', name, key: ['zones', index] }));
    case 'appear':
    case 'fault':
      return [];
    default:
      return trigger.zone === undefined ? [] : [{ kind: 'zone', name: trigger.zone, key: ['zone'] }];
  }
}

/** Zones and lines: on every camera that the rule names, or on any where it names none. */
function placeFaults(path: Path, rule: CheckedRule, { cameras }: CheckedRules): ConfigFault[] {
  return placesNamed(rule.trigger).flatMap((named) => {
    const { kind, name, key } = named;
    const at = [...path, 'trigger', ...key];
    const namesOf = (camera: CheckedCamera): string[] =>
      Object.keys(kind === 'zone' ? camera.zones : camera.lines);
    if (rule.cameras === undefined) {
      const all = [...new Set(Object.values(cameras).flatMap(namesOf))];
      const message = `no camera has a ${kind} '${name}' (${known(all, 'there are')})`;
      return all.includes(name) ? sideFaults(path, rule, Object.values(cameras)) : [{ path: at, message }];
    }
    const there = rule.cameras.filter((camera) => Object.hasOwn(cameras, camera));
    const without = there.filter((camera) => !namesOf(cameras[camera]!).includes(name));
    if (without.length === 0)
      return sideFaults(
        path,
        rule,
        there.map((camera) => cameras[camera]!),
      );
    return without.map((camera) => {
      const message = `camera '${camera}' has no ${kind} '${name}' (${known(namesOf(cameras[camera]!), 'it has')})`;
      return { path: at, message };
    });
  });
}

/** The side that a crossing must lead to is one of every line of that name. */
function sideFaults(path: Path, { trigger }: CheckedRule, cameras: readonly CheckedCamera[]): ConfigFault[] {
  if (trigger.type !== 'cross' || trigger.to === undefined) return [];
  const { line, to } = trigger;
  const lines = cameras.flatMap(({ lines: all }) => (Object.hasOwn(all, line) ? [all[line]!] : []));
  const wrong = lines.find(({ sides }) => !sides.includes(to));
  if (wrong === undefined) return [];
  const message = `line '${line}' has no side '${to}' (${known(wrong.sides, 'it has')})`;
  return [{ path: [...path, 'trigger', 'to'], message }];
}

function triggerFaults(path: Path, { trigger }: CheckedRule): ConfigFault[] {
  if (trigger.type === 'count' && (trigger.atLeast === undefined) === (trigger.atMost === undefined)) {
    return [{ path: [...path, 'trigger'], message: 'give one of atLeast and atMost' }];
  }
  if (trigger.type !== 'sequence') return [];
  return trigger.zones.flatMap((zone, index) => {
    if (index === 0 || trigger.zones[index - 1] !== zone) return [];
    const message = `'${zone}' comes twice in a row: nobody enters a zone from within`;
    return [{ path: [...path, 'trigger', 'zones', index], message }];
  });
}

function filterFaults(path: Path, { trigger, labels, scoreMin = 0, size = {} }: CheckedRule): ConfigFault[] {
  const faults: ConfigFault[] = [];
  for (const side of ['width', 'height'] as const) {
    const [min, max] = [size[`${side}Min`], size[`${side}Max`]];
    if (min === undefined || max === undefined || min <= max) continue;
    faults.push({
      path: [...path, 'size', `${side}Min`],
      message: `must be at most ${side}Max, ${max} (got ${min})`,
    });
  }
  if (trigger.type !== 'fault') return faults;
  const object = [
    labels !== undefined && 'labels',
    scoreMin > 0 && 'scoreMin',
    Object.keys(size).length > 0 && 'size',
  ];
  for (const key of object) {
    if (key === false) continue;
    faults.push({ path: [...path, key], message: 'is about objects, and a fault has none: leave it out' });
  }
  return faults;
}

/** Triggers that are not about one object each. */
const TOGETHER: ReadonlySet<Trigger['type']> = new Set(['count', 'absence', 'fault']);

function effectFaults(path: Path, { trigger, cooldownPer, groupS = 0, message }: CheckedRule): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const isTogether = TOGETHER.has(trigger.type);
  if (cooldownPer === 'zone' && placesNamed(trigger).every(({ kind }) => kind !== 'zone')) {
    faults.push({
      path: [...path, 'cooldownPer'],
      message: `'zone' needs a trigger with a zone: use camera or rule`,
    });
  }
  if (cooldownPer === 'track' && isTogether) {
    faults.push({
      path: [...path, 'cooldownPer'],
      message: `'track' needs a trigger that is about one object: use camera or rule`,
    });
  }
  if (groupS > 0 && isTogether) {
    faults.push({ path: [...path, 'groupS'], message: `${trigger.type} is one alert already: leave it out` });
  }
  const unknown = unknownNames(message ?? '');
  if (unknown.length > 0) {
    const names = unknown.map((one) => `{${one}}`).join(', ');
    faults.push({
      path: [...path, 'message'],
      message: `${names} stands for nothing (${known(MESSAGE_NAMES, 'there are')})`,
    });
  }
  return faults;
}
