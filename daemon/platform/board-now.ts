// The board at this moment, as the kernel's files tell it: how hot, how fast its cores run, what holds them back. Reading costs
// nothing and starts no program, so that a measurement can be watched. Any thread.
import { join } from 'node:path';
import { flagsNow } from './power.ts';
import { namesIn, readNumber, SYSTEM_ROOTS, type SystemRoots } from './system-files.ts';
import { thermalZones } from './temperature.ts';

export interface BoardNow {
  /** Of the hottest zone; absent where there is none. */
  readonly celsius?: number;
  /** Of the fastest core (kernel, admin-guide/pm/cpufreq.rst: scaling_cur_freq); absent where the clock cannot be seen. */
  readonly mhz?: number;
  /** Under-voltage and throttling; none as well where the board does not tell. */
  readonly flags: readonly string[];
}

export function boardNow(roots: SystemRoots = SYSTEM_ROOTS): BoardNow {
  const zones = thermalZones(roots).map(({ celsius }) => celsius);
  const folder = join(roots.sys, 'devices/system/cpu');
  const khz = namesIn(folder, /^cpu\d+$/).flatMap(
    (core) => readNumber(join(folder, core, 'cpufreq/scaling_cur_freq')) ?? [],
  );
  return {
    ...(zones.length === 0 ? {} : { celsius: Math.max(...zones) }),
    ...(khz.length === 0 ? {} : { mhz: Math.round(Math.max(...khz) / 1000) }),
    flags: flagsNow(roots),
  };
}
