// What is wrong with the topic that a rule names for its alerts: it must not be one of the daemon's own. Pure.
import type { ConfigFault } from './config-fault.ts';

/** First levels below `vedette/<device>/` that are the daemon's own (docs/asyncapi.yaml; a test compares). */
export const OWN_LEVELS: readonly string[] = [
  ...['alert', 'arm', 'camera', 'doctor', 'event', 'gap', 'health', 'request', 'response', 'self-test'],
  'status',
];

interface CheckedRule {
  readonly topic?: string | undefined;
}

/** Rules with a topic below one of the daemon's own. */
export function topicFaults(rules: Readonly<Record<string, CheckedRule>>): ConfigFault[] {
  return Object.entries(rules).flatMap(([rule, { topic }]) => {
    const level = topic?.split('/')[0];
    if (level === undefined || !OWN_LEVELS.includes(level)) return [];
    const message = `'${level}' is a topic of Vedette's own: let it begin with another word, e.g. 'rules/${topic}'`;
    return [{ path: ['rules', rule, 'topic'], message }];
  });
}
