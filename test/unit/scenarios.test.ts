// Scenarios of a street (docs/scenarios.md): recorded observations, held against what the tracker makes of their scripts today,
// and what the engine makes of them, held against what an owner expects and against the goldens.
import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import { pathsOf, SCENARIO_FOLDER, SCENARIOS } from '../support/scenarios/all.ts';
import { recordScenario } from '../support/scenarios/film.ts';
import { linesOf, textOf } from '../support/scenarios/lines.ts';
import { Story } from '../support/scenarios/story.ts';

const STALE = 'run: npm run scenarios, and read the diff';

test('there are scenarios, each with a name and files of its own and no others', () => {
  expect(SCENARIOS.length).toBeGreaterThanOrEqual(40);
  const files = SCENARIOS.flatMap((scenario) => Object.values(pathsOf(scenario))).map((path) =>
    basename(path),
  );
  expect(new Set(files).size).toBe(files.length);
  expect(readdirSync(SCENARIO_FOLDER).sort()).toEqual(files.sort());
});

describe.each(SCENARIOS)('$name', (scenario) => {
  const { lines, golden } = pathsOf(scenario);
  const text = readFileSync(lines, 'utf8');

  test('the tracker makes the recorded observations of its script', () => {
    expect(textOf(recordScenario(scenario)) === text, `${basename(lines)} is stale; ${STALE}`).toBe(true);
  });

  test('the owner is told what is expected, and the golden says when', () => {
    const story = new Story(scenario).play(linesOf(text));
    expect(story.counts, scenario.expects).toEqual(scenario.alerts);
    expect(story.text, STALE).toBe(readFileSync(golden, 'utf8'));
  });

  test('every event that began has ended once, or is open at the end', () => {
    const { events } = new Story(scenario).play(linesOf(text));
    for (const life of Map.groupBy(events, ({ id }) => id).values()) {
      const types = life.map(({ type }) => type);
      expect(types[0]).toBe('new');
      expect(types.slice(1, -1).every((type) => type === 'update')).toBe(true);
    }
  });

  test('alerts are the same at the same moments when time passes with the observations alone', () => {
    const told = (advance: boolean): string[] =>
      new Story(scenario)
        .play(linesOf(text), { advance })
        .alerts.map(({ rule, camera, monoMs, message }) => `${monoMs} ${rule} ${camera}: ${message}`)
        .sort();
    expect(told(false)).toEqual(told(true));
  });
});
