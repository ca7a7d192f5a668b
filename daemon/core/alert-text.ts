// The text of an alert: the owner's template, or a default for each trigger, with names replaced by what they stand for. Pure.
import type { Rule, TriggerType } from './rule-types.ts';

/** What a message may name between braces. */
export const MESSAGE_NAMES = [
  ...([
    'label',
    'zone',
    'line',
    'from',
    'to',
    'camera',
    'score',
    'rule',
    'count',
    'seconds',
    'time',
  ] as const),
  'fault',
] as const;
export type MessageName = (typeof MESSAGE_NAMES)[number];

export interface MessageValues {
  readonly label?: string | undefined;
  readonly zone?: string | undefined;
  readonly line?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly camera?: string | undefined;
  readonly score?: number | undefined;
  readonly count: number;
  readonly seconds?: number | undefined;
  readonly time: string;
  readonly fault?: string | undefined;
}

/** Of triggers with an object. */
const DEFAULTS: Readonly<Record<Exclude<TriggerType, 'count' | 'absence' | 'fault'>, string>> = {
  enter: '{label} entered {zone} at {camera}',
  exit: '{label} left {zone} at {camera}',
  dwell: '{label} has been in {zone} at {camera} for {seconds} s',
  cross: '{label} crossed {line} to {to} at {camera}',
  appear: '{label} at {camera}',
  sequence: '{label} went from {from} to {to} at {camera}',
  stationary: '{label} has come to rest at {camera}',
  removed: '{label} that had rested at {camera} is gone',
};

/** Without an object there is no label, without a camera it is the daemon: a default text says what there is. */
function templateOf({ trigger, labels, message }: Rule, { count, label, camera }: MessageValues): string {
  if (message !== undefined) return message;
  switch (trigger.type) {
    case 'fault':
      return camera === undefined ? 'the {fault} does not work' : '{camera} is {fault}';
    case 'count': {
      const where = trigger.zone === undefined ? '{camera}' : `${trigger.zone} at {camera}`;
      const what = label ?? labels?.join(' or ') ?? 'objects';
      return trigger.forS === 0
        ? `${count} ${what} in ${where}`
        : `${count} ${what} in ${where} for {seconds} s`;
    }
    case 'absence': {
      const where = trigger.zone === undefined ? '{camera}' : `${trigger.zone} at {camera}`;
      return `no ${labels?.join(' or ') ?? 'object'} in ${where} for {seconds} s`;
    }
    default:
      return count > 1 ? `${count} objects: ${DEFAULTS[trigger.type]}` : DEFAULTS[trigger.type];
  }
}

/** A name that stands for nothing here is left out; what is no name stays as it is. */
export function alertText(rule: Rule, values: MessageValues): string {
  const { score, count, seconds } = values;
  const texts: Readonly<Record<MessageName, string | undefined>> = {
    ...{ label: values.label, zone: values.zone, line: values.line, from: values.from, to: values.to },
    ...{ camera: values.camera, rule: rule.name, time: values.time, fault: values.fault },
    score: score?.toFixed(2),
    count: String(count),
    seconds: seconds === undefined ? undefined : String(Math.round(seconds * 10) / 10),
  };
  return templateOf(rule, values).replace(/\{([a-z]+)\}/g, (whole, name: string) =>
    Object.hasOwn(texts, name) ? (texts[name as MessageName] ?? '') : whole,
  );
}

/** Names between braces that stand for nothing; also one that is only spelt otherwise. */
export function unknownNames(message: string): string[] {
  const known: readonly string[] = MESSAGE_NAMES;
  return [...message.matchAll(/\{([A-Za-z][\w-]*)\}/g)].flatMap(([, name]) =>
    known.includes(name!) ? [] : [name!],
  );
}
