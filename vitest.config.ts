import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

// Every worker thread would load the WebAssembly module that strips types. Threads that come and go with it by the hundred, as in
// the tests of the store, make V8 lose track of its code pages ("Check failed: jit_page.has_value()", or SIGSEGV: six of nine runs of
// two such files side by side on two cores, Node 24.21; with compiled code kept none of eight).
process.env['NODE_COMPILE_CACHE'] ??= join(tmpdir(), `vedette-tests-compiled-${process.getuid?.()}`);

/** What measures how work is shared out wants the machine for itself. */
const ALONE = ['test/e2e/cameras.test.ts'];

// unit: pure, seconds in total. integration: one adapter with its real counterpart. e2e: the daemon as a child
// process. tidy: the source tree itself (part of `npm run check` and of `npm test`). chaos: the daemon ill-treated, about
// four minutes of it. What is of group 1 runs after the others, one file at a time.
export default defineConfig({
  test: {
    // Two cores run brokers, models and children beside the tests; limits bound liveness only, generously.
    maxWorkers: 2,
    projects: [
      { test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 20_000 } },
      { test: { name: 'tidy', include: ['test/tidy/**/*.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          exclude: ALONE,
          testTimeout: 180_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'e2e-alone',
          include: ALONE,
          testTimeout: 180_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          testTimeout: 600_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
