// Who belongs to whom at the least cost altogether: the assignment problem on a small matrix, in buffers made once. Pure.

/**
 * Solves for a matrix of costs by shortest augmenting paths (the Hungarian method, Kuhn 1955, in the form of Jonker and
 * Volgenant 1987), O(rows² · columns). A pair that costs `unmatched` or more is not made: being alone costs that much.
 */
export class Assignment {
  /** `costs[row * columns + column]`, to be filled after `begin`; finite numbers. */
  readonly costs: Float64Array;
  /** Result of `solve`: the row that has the column, or -1. */
  readonly rowOf: Int16Array;
  readonly #rowsMax: number;
  readonly #columnsMax: number;
  readonly #rowPotential: Float64Array;
  readonly #columnPotential: Float64Array;
  readonly #slack: Float64Array;
  readonly #before: Int16Array;
  readonly #visited: Uint8Array;
  #rows = 0;
  #columns = 0;
  #wanted = 0;

  constructor(rowsMax: number, columnsMax: number) {
    this.#rowsMax = rowsMax;
    this.#columnsMax = columnsMax;
    const columns = Math.max(rowsMax, columnsMax) + 1;
    this.costs = new Float64Array(rowsMax * columns);
    this.rowOf = new Int16Array(columns);
    this.#rowPotential = new Float64Array(rowsMax + 1);
    this.#columnPotential = new Float64Array(columns);
    this.#slack = new Float64Array(columns);
    this.#before = new Int16Array(columns);
    this.#visited = new Uint8Array(columns);
  }

  /** Sets the size and returns the length of a row: columns are added so that every row may stay alone. */
  begin(rows: number, columns: number): number {
    if (rows > this.#rowsMax || columns > this.#columnsMax) throw new RangeError('matrix too large');
    this.#rows = rows;
    this.#wanted = columns;
    this.#columns = Math.max(rows, columns);
    return this.#columns;
  }

  solve(unmatched: number): void {
    const { costs, rowOf } = this;
    const [rows, columns] = [this.#rows, this.#columns];
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const at = row * columns + column;
        if (column >= this.#wanted || costs[at]! > unmatched) costs[at] = unmatched;
      }
    }
    rowOf.fill(-1, 0, columns + 1);
    this.#rowPotential.fill(0, 0, rows);
    this.#columnPotential.fill(0, 0, columns + 1);
    for (let row = 0; row < rows; row += 1) this.#augment(row);
    for (let column = 0; column < columns; column += 1) {
      const row = rowOf[column]!;
      if (row >= 0 && costs[row * columns + column]! >= unmatched) rowOf[column] = -1;
    }
  }

  /** Finds a place for one more row by Dijkstra's algorithm on reduced costs. The column after the last is where it starts. */
  #augment(row: number): void {
    const { costs, rowOf } = this;
    const columns = this.#columns;
    const [slack, before, visited] = [this.#slack, this.#before, this.#visited];
    slack.fill(Number.POSITIVE_INFINITY, 0, columns);
    visited.fill(0, 0, columns + 1);
    rowOf[columns] = row;
    let column = columns;
    while (rowOf[column]! >= 0) {
      visited[column] = 1;
      const at = rowOf[column]!;
      let least = Number.POSITIVE_INFINITY;
      let next = -1;
      for (let other = 0; other < columns; other += 1) {
        if (visited[other] === 1) continue;
        const reduced =
          costs[at * columns + other]! - this.#rowPotential[at]! - this.#columnPotential[other]!;
        if (reduced < slack[other]!) {
          slack[other] = reduced;
          before[other] = column;
        }
        if (slack[other]! < least) {
          least = slack[other]!;
          next = other;
        }
      }
      this.#shift(least);
      column = next;
    }
    while (column !== columns) {
      const previous = before[column]!;
      rowOf[column] = rowOf[previous]!;
      column = previous;
    }
    rowOf[columns] = -1;
  }

  #shift(by: number): void {
    const columns = this.#columns;
    for (let column = 0; column <= columns; column += 1) {
      if (this.#visited[column] === 1) {
        this.#rowPotential[this.rowOf[column]!]! += by;
        this.#columnPotential[column]! -= by;
      } else if (column < columns) {
        this.#slack[column]! -= by;
      }
    }
  }
}
