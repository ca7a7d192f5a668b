// The promise to an owner, held as a gate: of the alerts that the rules of a house must make of the built-in scene, so many are
// made, and so few others. The bundled model, the real tracker and the real rules, against the same tracker and rules on the
// truth; every seed is a script of its own with other people. The model sees none of the scene's dogs yet: their rule is
// left out here, and its figure stands in docs/scenarios.md.
import { expect, test } from 'vitest';
import type { SceneTime } from '../../daemon/scene/options.ts';
import { type Judged, judgeScene, matched } from '../support/scene-house.ts';

/** A floor changes only with a note that says why. Settings are chosen on other seeds than these. */
const SEEDS = [1, 2, 3];
const FLOORS: Readonly<Record<SceneTime, { readonly precision: number; readonly recall: number }>> = {
  day: { precision: 0.95, recall: 0.95 },
  dusk: { precision: 0.9, recall: 0.9 },
  night: { precision: 0.8, recall: 0.7 },
};
/** An alert of the model is the one of the truth when it comes within so long. */
const WITHIN_S = 3;
const TIMEOUT_MS = 300_000;

test.each(['day', 'dusk', 'night'] as const)(
  'alerts about people come, and no others: %s',
  { timeout: TIMEOUT_MS },
  async (time) => {
    const missed: string[] = [];
    const wrong: string[] = [];
    let [due, seen] = [0, 0];
    for (const seed of SEEDS) {
      const run = await judgeScene({ seed, time, cycles: 1 });
      const [mustCome, came, mayCome] = [run.due, run.seen, run.fair].map(ofPeople);
      due += mustCome!.length;
      seen += came!.length;
      missed.push(...matched(mustCome!, came!, WITHIN_S).missing.map((one) => wordsOf(seed, one)));
      wrong.push(...matched(came!, mayCome!, WITHIN_S).missing.map((one) => wordsOf(seed, one)));
    }
    const recall = 1 - missed.length / due;
    const precision = 1 - wrong.length / seen;
    console.log(
      `${time}: recall ${recall.toFixed(3)} of ${due}, precision ${precision.toFixed(3)} of ${seen}`,
    );
    expect(due).toBeGreaterThanOrEqual(40);
    expect(recall, `missed: ${missed.join(', ')}`).toBeGreaterThanOrEqual(FLOORS[time].recall);
    expect(precision, `wrong: ${wrong.join(', ')}`).toBeGreaterThanOrEqual(FLOORS[time].precision);
  },
);

function ofPeople(alerts: readonly Judged[]): Judged[] {
  return alerts.filter(({ rule }) => rule !== 'dog');
}

function wordsOf(seed: number, { rule, atS }: Judged): string {
  return `seed ${seed} ${rule} at ${atS.toFixed(1)} s`;
}
