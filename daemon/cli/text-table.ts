// Text in columns. Pure.

/**
 * Columns as wide as they need; those named in `right` to the right, as numbers are. A row of one cell goes over all of them. No
 * spaces at the ends of lines.
 */
export function textTable(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const full = rows.filter((row) => row.length > 1);
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...full.map((row) => row[at]!.length)));
  const cell = (text: string, at: number): string =>
    right.includes(at) ? text.padStart(widths[at]!) : text.padEnd(widths[at]!);
  const line = (row: readonly string[]): string => (row.length === 1 ? row[0]! : row.map(cell).join('  '));
  return rows.map((row) => `${line(row).trimEnd()}\n`).join('');
}
