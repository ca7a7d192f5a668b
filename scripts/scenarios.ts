#!/usr/bin/env node
// Writes test/fixtures/scenarios: the observations of every scenario, recorded through the tracker, and what the engine makes of
// them (`npm run scenarios`, or with names for some of them). The diff is to be read: docs/scenarios.md.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathsOf, SCENARIO_FOLDER, SCENARIOS } from '../test/support/scenarios/all.ts';
import { recordScenario } from '../test/support/scenarios/film.ts';
import { linesOf, textOf } from '../test/support/scenarios/lines.ts';
import type { Scenario } from '../test/support/scenarios/scenario.ts';
import { Story } from '../test/support/scenarios/story.ts';

/** Writes one; returns what it says otherwise than the scenario expects. */
function write(scenario: Scenario): string[] {
  const { lines, golden } = pathsOf(scenario);
  const text = textOf(recordScenario(scenario));
  const story = new Story(scenario).play(linesOf(text));
  writeFileSync(lines, text);
  writeFileSync(golden, story.text);
  return Object.entries(story.counts).flatMap(([rule, count]) => {
    const expected = scenario.alerts[rule];
    return expected === count
      ? []
      : [`${scenario.name}: ${rule} ${count} times (expected ${expected ?? 'nothing'})`];
  });
}

/** Files of scenarios that are no more. */
function sweep(): void {
  const known = new Set(
    SCENARIOS.flatMap((scenario) => Object.values(pathsOf(scenario))).map((path) => basename(path)),
  );
  for (const name of readdirSync(SCENARIO_FOLDER)) if (!known.has(name)) rmSync(join(SCENARIO_FOLDER, name));
}

mkdirSync(SCENARIO_FOLDER, { recursive: true });
const names = process.argv.slice(2);
const chosen = names.length === 0 ? SCENARIOS : SCENARIOS.filter(({ name }) => names.includes(name));
const surprises = chosen.flatMap(write);
if (names.length === 0) sweep();
process.stdout.write(`${chosen.length} scenarios written\n${surprises.map((line) => `${line}\n`).join('')}`);
process.exitCode = surprises.length === 0 ? 0 : 1;
