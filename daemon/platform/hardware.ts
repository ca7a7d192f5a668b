// Which board this is and how much memory it has. Any thread.
import { release } from 'node:os';
import { join } from 'node:path';
import type { Finding } from './finding.ts';
import { readText, SYSTEM_ROOTS, type SystemRoots } from './system-files.ts';

export interface HardwareFacts {
  /** As the device tree or the BIOS names it. */
  readonly model: string | undefined;
  readonly kernel: string;
  readonly memoryMb: number | undefined;
  readonly availableMb: number | undefined;
}

export function readHardware(roots: SystemRoots = SYSTEM_ROOTS): HardwareFacts {
  const memory = readText(join(roots.proc, 'meminfo')) ?? '';
  const megabytes = (key: string): number | undefined => {
    const kib = new RegExp(`^${key}:\\s*(\\d+) kB`, 'm').exec(memory)?.[1];
    return kib === undefined ? undefined : Math.round((Number(kib) * 1024) / 1e6);
  };
  const tree = readText(join(roots.proc, 'device-tree/model'));
  return {
    model: tree ?? readText(join(roots.sys, 'class/dmi/id/product_name')),
    kernel: release(),
    memoryMb: megabytes('MemTotal'),
    availableMb: megabytes('MemAvailable'),
  };
}

/** The daemon is built for 2 GB boards and takes up to 250 MB with one camera. */
const AVAILABLE_MB_MIN = 300;

export function hardwareFindings(hardware: HardwareFacts): Finding[] {
  const { model = 'unknown board', kernel, memoryMb, availableMb } = hardware;
  const named = `${model}, Linux ${kernel}`;
  const facts = { ...hardware };
  if (memoryMb === undefined || availableMb === undefined) {
    return [{ level: 'ok', message: `${named}; memory not measured here`, facts }];
  }
  const message = `${named}; ${memoryMb} MB of memory, ${availableMb} MB available`;
  if (availableMb >= AVAILABLE_MB_MIN) return [{ level: 'ok', message, facts }];
  const advice = `the daemon needs up to 250 MB with one camera (wanted here: ${AVAILABLE_MB_MIN} MB): end other programs, or have fewer and smaller cameras`;
  return [{ level: 'warning', message, advice, facts }];
}
