// One condition of a rule in words, with its numbers: a clause without a subject, as in "track 12, person 0.71, stayed 1.4 s
// of 2.0 s in zone 'door'". Knows what value and limit mean for every kind of condition and trigger. Pure.
import type { TriggerType } from './rule-types.ts';
import type { Condition, ConditionKind } from './trace-types.ts';

type Words = (condition: Condition) => string;

/** The clause of a condition of a rule with this trigger. */
export function conditionWords(condition: Condition, trigger: TriggerType): string {
  return KINDS[condition.what](condition, trigger);
}

const KINDS: Readonly<Record<ConditionKind, (condition: Condition, trigger: TriggerType) => string>> = {
  label: ({ held, value, limit }) => {
    const wanted = `${limit === 'any' ? 'anything' : orList(limit)} is looked for`;
    // Where nobody is there, nobody has a label.
    return held && value !== 'none' ? `${value} (${wanted})` : wanted;
  },
  confirmed: ({ held, value, limit }) =>
    held
      ? `median score ${score(value)} (${score(limit)} is needed)`
      : `median score ${score(value)}, ${score(limit)} is needed`,
  trigger: (condition, trigger) => TRIGGERS[trigger](condition),
  score: ({ value, limit }) => `score ${score(value)}, ${score(limit)} is wanted by the rule`,
  size: (condition) =>
    `${condition.unit ?? 'size'} ${percent(condition.value)} of the picture, ${percent(condition.limit)} at ${bound(condition)}`,
  armed: ({ held, value, limit }) => {
    if (limit === 'always') return 'armed or not does not matter to the rule';
    return held ? `was ${value}` : `was ${value}, and the rule fires while ${limit}`;
  },
  schedule: ({ held, value, limit }) => `${value} is ${held ? 'within' : 'outside'} ${limit}`,
  cooldown: ({ held, value, limit }) => {
    if (typeof value === 'string') return `had not fired before (cooldown ${seconds(limit)})`;
    const before = `the rule had fired ${seconds(value)} before, its cooldown is ${seconds(limit)}`;
    return held ? before : `silent: ${before}`;
  },
};

const TRIGGERS: Readonly<Record<TriggerType, Words>> = {
  enter: ({ held, place }) => (held ? `was in ${zone(place)}` : `was not in ${zone(place)}`),
  exit: ({ value, place, held }) => {
    if (held) return `left ${zone(place)}`;
    return value === 'inside' ? `did not leave ${zone(place)}` : `was not in ${zone(place)}`;
  },
  dwell: (condition) => `stayed ${span(condition)} in ${zone(condition.place)}`,
  cross: ({ held, value, limit, place }) => {
    if (held) return `crossed line '${place ?? ''}' to ${value}`;
    if (value === 'not crossed') return `did not cross line '${place ?? ''}'`;
    return `crossed line '${place ?? ''}' to ${value}, and the rule waits for ${limit}`;
  },
  count: (condition) => standing(condition, 'so many'),
  absence: (condition) => standing(condition, 'nobody there'),
  appear: ({ held }) => (held ? 'was seen' : 'was not seen'),
  sequence: ({ held, value, limit }) =>
    held ? `went through zones ${limit}` : `went through ${sequence(value)} of zones ${limit}`,
  stationary: (condition) => `stood still ${span(condition)}${inZone(condition)}`,
  removed: (condition) => {
    const { value, limit } = condition;
    if (value === 'gone') return `had stood still${inZone(condition)} for ${seconds(limit)}, and is gone`;
    const isStill = typeof value === 'number' && typeof limit === 'number' && value >= limit;
    const stood = `stood still ${span(condition)}${inZone(condition)}`;
    return isStill ? `${stood}, and had not left` : stood;
  },
  fault: (condition) =>
    condition.unit === 's' ? `lasted ${span(condition)}` : `${condition.value} was reported`,
};

/** Count and absence: objects, then for how long. */
function standing(condition: Condition, what: string): string {
  const { value, limit } = condition;
  if (condition.unit === 's') return `${what} for ${span(condition)}`;
  return `${value} ${value === 1 ? 'object' : 'objects'}${inZone(condition)} (the rule waits for ${limit})`;
}

/** What was reached of what is wanted: '1.4 s of 2.0 s'; where there is no limit, and where it was enough, only that. */
function span({ held, value, limit }: Condition): string {
  if (limit === 0) return `for ${seconds(value)}`;
  return held ? `${seconds(value)} (${seconds(limit)} is wanted)` : `${seconds(value)} of ${seconds(limit)}`;
}

function bound({ held, value, limit }: Condition): 'least' | 'most' {
  return held === Number(value) >= Number(limit) ? 'least' : 'most';
}

function sequence(value: Condition['value']): string {
  return value === 'none' ? 'none' : `only ${value}`;
}

function zone(place: string | undefined): string {
  return place === undefined ? 'the picture' : `zone '${place}'`;
}

function inZone({ place }: Condition): string {
  return place === undefined ? '' : ` in ${zone(place)}`;
}

function orList(limit: Condition['limit']): string {
  return String(limit).replaceAll(', ', ' or ');
}

function score(value: Condition['value']): string {
  return typeof value === 'number' ? value.toFixed(2) : value;
}

/** Downwards: what was not reached must not read as if it was. */
function seconds(value: Condition['value']): string {
  return typeof value === 'number' ? `${(Math.floor(value * 10 + 1e-6) / 10).toFixed(1)} s` : value;
}

function percent(value: Condition['value']): string {
  return typeof value === 'number' ? `${(value * 100).toFixed(1)} %` : value;
}
