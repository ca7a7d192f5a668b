// All scenarios, and where their files lie. docs/scenarios.md says how to add one.
import { join } from 'node:path';
import { ROOT } from '../needs.ts';
import { AGAIN } from './again.ts';
import { PEOPLE } from './people.ts';
import { PLACES } from './places.ts';
import { QUIET } from './quiet.ts';
import { RESTING } from './resting.ts';
import type { Scenario } from './scenario.ts';
import { TIMES } from './times.ts';
import { TROUBLES } from './troubles.ts';

export const SCENARIOS: readonly Scenario[] = [
  ...PLACES,
  ...PEOPLE,
  ...RESTING,
  ...TIMES,
  ...QUIET,
  ...TROUBLES,
  ...AGAIN,
];

export const SCENARIO_FOLDER = join(ROOT, 'test/fixtures/scenarios');

export function pathsOf({ name }: Pick<Scenario, 'name'>): {
  readonly lines: string;
  readonly golden: string;
} {
  return {
    lines: join(SCENARIO_FOLDER, `${name}.jsonl`),
    golden: join(SCENARIO_FOLDER, `${name}.golden.txt`),
  };
}
