// Calls that the design keeps to one place: time and chance behind the clock, the end of the process in main, no
// console, no shell. Looks at code only: comments and texts may say what they like.
import { expect, test } from 'vitest';
import { importsOf } from './source-text.ts';
import { matches, type SourceFile, sourcesIn } from './source-tree.ts';

const DAEMON = sourcesIn('daemon');
const EVERYTHING = sourcesIn('daemon', 'scripts', 'test');

function except(files: readonly SourceFile[], ...paths: readonly string[]): SourceFile[] {
  return files.filter(
    ({ path }) => !paths.some((allowed) => path === allowed || path.startsWith(`${allowed}/`)),
  );
}

test('time and chance come from the clock and the back-off only', () => {
  const elsewhere = except(DAEMON, 'daemon/platform/clock.ts', 'daemon/platform/backoff.ts');
  expect(
    matches(
      elsewhere,
      /\bDate\.now\b|\bnew Date\(\)|\bset(?:Timeout|Interval)\s*\(|\bMath\.random\b|\bperformance\.now\b/,
    ),
  ).toEqual([]);
  const timers = elsewhere.filter((file) =>
    importsOf(file).some(({ from }) => /^(?:node:)?timers(?:\/promises)?$/.test(from)),
  );
  expect(timers.map(({ path }) => path)).toEqual([]);
});

test('only main.ts ends the process', () => {
  const elsewhere = except(DAEMON, 'daemon/main.ts');
  expect(matches(elsewhere, /\bprocess\.(?:exit\s*\(|exitCode\b|abort\s*\(|reallyExit\b)/)).toEqual([]);
});

test('the daemon has a log, not a console', () => {
  expect(matches(DAEMON, /\bconsole\s*[.[]/)).toEqual([]);
});

test('exec and execSync, which give a string to a shell, are not used', () => {
  const imported = EVERYTHING.flatMap((file) =>
    importsOf(file)
      .filter(({ from, clause }) => /child_process$/.test(from) && /\bexec(?:Sync)?\b|\*/.test(clause))
      .map(() => file.path),
  );
  // `pattern.exec()` and `database.exec()` are methods of other things.
  expect([...matches(EVERYTHING, /(?<![.\w$#])exec(?:Sync)?\s*\(/), ...imported]).toEqual([]);
});

test('no program is started through a shell', () => {
  expect(matches(EVERYTHING, /\bshell:\s*(?!false\b)\S+/)).toEqual([]);
});

test('no program started is a shell with a command in a string', () => {
  const shells = EVERYTHING.filter(({ text }) => SHELL.test(text));
  expect(shells.map(({ path }) => path)).toEqual([]);
});

/** A shell's name followed by a list that begins with -c. */
const SHELL = /['"](?:\/(?:usr\/)?bin\/)?(?:ba|da|z|k)?sh['"]\s*,\s*\[\s*['"]-\w*c\w*['"]/;

test('tests wait for events, never for a fixed time', () => {
  // Benches measure over a time, chaos draws the moments at which it strikes, fixtures are child programs; support holds the
  // one loop that polls.
  const tests = except(sourcesIn('test'), 'test/support', 'test/fixtures', 'test/bench', 'test/chaos');
  expect(matches(tests, /\bset(?:Timeout|Interval)\s*\(|\bsystemClock\.sleep\s*\(/)).toEqual([]);
  const timers = tests.filter((file) => importsOf(file).some(({ from }) => /timers\/promises$/.test(from)));
  expect(timers.map(({ path }) => path)).toEqual([]);
});
