// What has changed between two texts, as lines: `-` gone, `+` new, a few unchanged ones around them. For texts that differ in a few
// places, such as a configuration with one section edited. Pure.

const CONTEXT_LINES = 2;

interface DiffLine {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** Nothing where they are the same. */
export function diffLines(before: string, after: string): string[] {
  const marked = mark(before.split(/\r?\n/), after.split(/\r?\n/));
  const near = marked.map((_, at) =>
    marked.slice(Math.max(0, at - CONTEXT_LINES), at + CONTEXT_LINES + 1).some(({ sign }) => sign !== ' '),
  );
  return marked.flatMap(({ sign, text }, at) => {
    if (!near[at]) return [];
    const gap = at > 0 && !near[at - 1] ? ['  …'] : [];
    return [...gap, `${sign} ${text}`.trimEnd()];
  });
}

/** By the longest common subsequence of what lies between the first and the last difference. */
function mark(before: readonly string[], after: readonly string[]): DiffLine[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start += 1;
  let end = 0;
  const room = Math.min(before.length, after.length) - start;
  while (end < room && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const old = before.slice(start, before.length - end);
  const now = after.slice(start, after.length - end);
  const same = (text: string): DiffLine => ({ sign: ' ', text });
  return [
    ...before.slice(0, start).map(same),
    ...between(old, now),
    ...before.slice(before.length - end).map(same),
  ];
}

function between(old: readonly string[], now: readonly string[]): DiffLine[] {
  // common[i][j]: length of the longest common subsequence of what follows line i of the old and j of the new.
  const common = Array.from({ length: old.length + 1 }, () => new Int32Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = now.length - 1; j >= 0; j -= 1) {
      common[i]![j] =
        old[i] === now[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  const lines: DiffLine[] = [];
  let [i, j] = [0, 0];
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      lines.push({ sign: ' ', text: old[i]! });
      [i, j] = [i + 1, j + 1];
    } else if (i < old.length && (j === now.length || common[i + 1]![j]! >= common[i]![j + 1]!)) {
      lines.push({ sign: '-', text: old[i]! });
      i += 1;
    } else {
      lines.push({ sign: '+', text: now[j]! });
      j += 1;
    }
  }
  return lines;
}
