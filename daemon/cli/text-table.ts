// Text in columns. Pure.

/** Columns as wide as they need; those named in `right` to the right, as numbers are. No spaces at the ends of lines. */
export function textTable(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  const cell = (text: string, at: number): string =>
    right.includes(at) ? text.padStart(widths[at]!) : text.padEnd(widths[at]!);
  return rows.map((row) => `${row.map(cell).join('  ').trimEnd()}\n`).join('');
}
