// The unit and its drop-ins, through systemd's own checks.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT, testNeeding } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';

const testAnalyze = testNeeding({ programs: ['systemd-analyze'] });
const INSTALLED = '/opt/vedette';
const UNIT = readFileSync(join(ROOT, 'systemd/vedette.service'), 'utf8');
/** The Jetson's camera service is met in a /tmp that is shared, which costs a tenth. */
const EXPOSURE_MAX = { 'no drop-in': 2.0, 'raspberry-pi.conf': 2.0, 'jetson.conf': 2.1 };

/** The unit as installed, but for the place of the tree: verify wants its program to exist. */
function installedUnit(dropIn?: string): string {
  const folder = tempDir();
  const path = join(folder, 'vedette.service');
  writeFileSync(path, UNIT.replaceAll(`=${INSTALLED}/`, `=${ROOT}/`));
  if (dropIn !== undefined) {
    mkdirSync(`${path}.d`);
    copyFileSync(join(ROOT, 'systemd/vedette.service.d', dropIn), join(`${path}.d`, dropIn));
  }
  return path;
}

function analyze(...args: readonly string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

for (const [name, exposureMax] of Object.entries(EXPOSURE_MAX)) {
  const which = `the unit with ${name}`;
  const dropIn = name.endsWith('.conf') ? name : undefined;

  testAnalyze(`${which} is clean by systemd-analyze verify`, () => {
    expect(analyze('verify', installedUnit(dropIn))).toEqual({ status: 0, output: '' });
  });

  testAnalyze(`${which} has an exposure of at most ${exposureMax.toFixed(1)}`, () => {
    const { output } = analyze('security', '--offline=true', '--no-pager', installedUnit(dropIn));
    const exposure = /Overall exposure level for vedette\.service: ([\d.]+)/.exec(output)?.[1];
    expect(Number(exposure)).toBeLessThanOrEqual(exposureMax);
  });
}

test('the programs that the unit starts are in the tree', () => {
  const started = [...UNIT.matchAll(/^ExecStart=(.+)$/gm)].flatMap(([, line]) => line!.split(' '));
  expect(started.at(-1)).toBe('run');
  const paths = started.filter((word) => word.startsWith(`${INSTALLED}/`));
  expect(paths).toHaveLength(2);
  for (const path of paths) expect(existsSync(path.replace(INSTALLED, ROOT)), path).toBe(true);
});

test('the unit does not forbid what V8 and the cameras need', () => {
  expect(UNIT).not.toMatch(/^(MemoryDenyWriteExecute|PrivateDevices|PrivateUsers|PrivateNetwork)=/m);
  expect(UNIT).toMatch(/^RestartPreventExitStatus=78$/m);
});
