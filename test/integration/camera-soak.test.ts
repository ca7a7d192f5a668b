// A thousand random failures of camera programs: each is recovered from, and nothing is left behind. Others or more by
// hand: VEDETTE_SOAK_SEED, VEDETTE_SOAK_FAILURES (some hundreds at least, so that every kind comes).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';
import { KINDS, type SoakResult } from '../fixtures/camera/soak-kinds.ts';
import { testNeeding } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';

const SOAK = fileURLToPath(new URL('../fixtures/camera/soak.ts', import.meta.url));
const FAILURES = Number(process.env['VEDETTE_SOAK_FAILURES'] ?? 1000);
const SEED = process.env['VEDETTE_SOAK_SEED'] ?? '1';
const RSS_GROWTH_MB_MAX = 10;

/** As a camera worker has it (daemon/camera/camera.ts): V8 counts three of these as its young generation. */
const NODE_FLAGS = ['--max-semi-space-size=2', '--expose-gc'];

/** Few descriptors, so that the soak can use them up. */
async function soak(): Promise<SoakResult> {
  const args = [SOAK, String(FAILURES), SEED, tempDir()];
  const child = spawn('prlimit', ['--nofile=256', process.execPath, ...NODE_FLAGS, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [output] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  return JSON.parse(output) as SoakResult;
}

testNeeding({ programs: ['perl', 'prlimit', 'setpriv'] })(
  `${FAILURES} random failures are recovered from and leave no process, no descriptor and no memory behind`,
  { timeout: 600_000 },
  async () => {
    const { kinds, total, ...left } = await soak();
    const counts = Object.entries(kinds).map(([kind, { failed }]) => `${kind} ${failed}`);
    const { orphans, descriptors, rssMb, seconds } = left;
    console.log(
      `${total} failures in ${Math.round(seconds)} s (${counts.join(', ')}): ${orphans} orphans, ` +
        `descriptors ${descriptors.before} before, ${descriptors.after} after, resident ` +
        `${rssMb.early.toFixed(1)} MB early, ${rssMb.late.toFixed(1)} MB late`,
    );
    expect(total).toBe(FAILURES);
    for (const { kind } of KINDS) {
      const { failed = 0, recovered = 0, strange = [] } = kinds[kind] ?? {};
      expect({ kind, recovered, strange }).toEqual({ kind, recovered: failed, strange: [] });
      expect(failed).toBeGreaterThan(0);
    }
    expect(left.notStarted).toEqual([
      expect.stringContaining('mkfifo EMFILE'),
      expect.stringContaining('EMFILE: too many open files'),
    ]);
    expect(left).toMatchObject({ orphans: 0, zombies: 0, fifos: 0 });
    expect(descriptors.after).toBe(descriptors.before);
    expect(rssMb.late - rssMb.early).toBeLessThanOrEqual(RSS_GROWTH_MB_MAX);
  },
);
