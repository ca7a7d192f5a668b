// The cheapest pairs: against trying all of them.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Assignment } from '../../daemon/core/assignment.ts';

const ALONE = 10;

/** Of all ways to pair rows with columns, or to leave them alone at ALONE each. */
function cheapest(
  costs: readonly (readonly number[])[],
  row = 0,
  taken: ReadonlySet<number> = new Set(),
): number {
  if (row === costs.length) return 0;
  let best = ALONE + cheapest(costs, row + 1, taken);
  for (const [column, cost] of costs[row]!.entries()) {
    if (taken.has(column) || cost >= ALONE) continue;
    best = Math.min(best, cost + cheapest(costs, row + 1, new Set([...taken, column])));
  }
  return best;
}

function solve(assignment: Assignment, costs: readonly (readonly number[])[]): number {
  const columns = costs[0]!.length;
  const width = assignment.begin(costs.length, columns);
  for (const [row, line] of costs.entries()) assignment.costs.set(line, row * width);
  assignment.solve(ALONE);
  let sum = costs.length * ALONE;
  const rows = new Set<number>();
  for (let column = 0; column < columns; column += 1) {
    const row = assignment.rowOf[column]!;
    if (row < 0) continue;
    expect(rows.has(row)).toBe(false);
    rows.add(row);
    sum += costs[row]![column]! - ALONE;
  }
  return sum;
}

test('no other pairing costs less, whatever the costs, in buffers that are used again', () => {
  const assignment = new Assignment(6, 6);
  const cost = fc.integer({ min: -5, max: 14 });
  const matrix = fc
    .record({ rows: fc.integer({ min: 1, max: 6 }), columns: fc.integer({ min: 1, max: 6 }) })
    .chain(({ rows, columns }) =>
      fc.array(fc.array(cost, { minLength: columns, maxLength: columns }), {
        minLength: rows,
        maxLength: rows,
      }),
    );
  fc.assert(
    fc.property(matrix, (costs) => {
      expect(solve(assignment, costs)).toBeCloseTo(cheapest(costs), 9);
    }),
    { numRuns: 400 },
  );
});

test('more than it was made for is refused', () => {
  expect(() => new Assignment(2, 3).begin(3, 3)).toThrow(RangeError);
  expect(() => new Assignment(2, 3).begin(2, 4)).toThrow(RangeError);
});
