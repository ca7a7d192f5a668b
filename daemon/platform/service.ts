// What systemd says of the service, where there is systemd and a service. Main thread.

import { askProgram } from './ask-program.ts';
import { findProgram } from './child.ts';
import type { Clock } from './clock.ts';
import type { Finding } from './finding.ts';

const UNIT = 'vedette.service';
const PROPERTIES = ['LoadState', 'ActiveState', 'SubState', 'UnitFileState', 'NRestarts', 'User'] as const;
const TIMEOUT_MS = 5000;

/** Properties in the lines "Name=value" of `systemctl show`; undefined where there is no such unit. */
export function parseUnit(text: string): ReadonlyMap<string, string> | undefined {
  const pairs = text.split('\n').map((line) => /^(\w+)=(.*)$/.exec(line.trim()));
  const properties = new Map(pairs.flatMap((pair) => (pair === null ? [] : [[pair[1]!, pair[2]!] as const])));
  const loaded = properties.get('LoadState');
  return loaded === undefined || loaded === 'not-found' ? undefined : properties;
}

/** Nothing where there is no such service: most first looks at a board are before it is installed. */
export async function serviceFindings(clock: Clock, signal: AbortSignal): Promise<Finding[]> {
  const systemctl = findProgram('systemctl');
  if (systemctl === undefined) return [];
  const args = ['show', UNIT, `--property=${PROPERTIES.join(',')}`];
  const { stdout } = await askProgram({ command: systemctl, args, timeoutMs: TIMEOUT_MS, clock, signal });
  const unit = parseUnit(stdout);
  return unit === undefined ? [] : [unitFinding(unit)];
}

export function unitFinding(unit: ReadonlyMap<string, string>): Finding {
  const [active = '', sub = '', enabled = '', restarts = '0', user = ''] = PROPERTIES.slice(1).map((name) =>
    unit.get(name),
  );
  const subject = UNIT;
  const message = `${active} (${sub}), ${enabled === '' ? 'not enabled' : enabled}, restarted ${restarts} times, user ${user === '' ? 'root' : user}`;
  const facts = Object.fromEntries(unit);
  if (active === 'failed' || sub === 'auto-restart') {
    const advice = `read why it ended: journalctl -u ${UNIT} -n 50; then: sudo systemctl restart ${UNIT}`;
    return { level: 'fault', subject, message, advice, facts };
  }
  if (active === 'active' && enabled !== 'enabled') {
    const advice = `it will not start with the board: sudo systemctl enable ${UNIT}`;
    return { level: 'warning', subject, message, advice, facts };
  }
  return { level: 'ok', subject, message, facts };
}
