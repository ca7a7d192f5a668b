// Which NVIDIA GPU a board has, by the files that its driver shows: a Jetson's inside the chip, a card of a PC. Starts
// nothing and asks no library; a device is opened and closed. Any thread.
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { readText, SYSTEM_ROOTS, type SystemRoots } from './system-files.ts';

export interface GpuFacts {
  readonly kind: 'jetson' | 'pc';
  /** Its device file; undefined for a Jetson, which is known by other signs, without one. */
  readonly device: string | undefined;
  /** Why this process cannot use it, in words that begin a sentence. */
  readonly problem: string | undefined;
  /** Of the driver (a PC) or of Jetson Linux, as they name it. */
  readonly driver: string | undefined;
}

/** Jetson: nvhost-gpu up to JetPack 5, nvgpu/igpu0 since 6. PC: one nvidiaN per card. WSL has /dev/dxg instead. */
const JETSON_DEVICES = ['nvhost-gpu', 'nvhost-ctrl-gpu', 'nvgpu/igpu0'];
const PC_DEVICES = ['nvidia0', 'nvidia1', 'nvidia2', 'nvidia3', 'dxg'];
/** Where one was looked for, for the sentence that none is there. */
export const GPU_DEVICES = '/dev/nvidia0, /dev/nvhost-gpu, /dev/nvgpu/igpu0';

export function readGpu(roots: SystemRoots = SYSTEM_ROOTS): GpuFacts | undefined {
  const found = (names: readonly string[]): string | undefined =>
    names.map((name) => join(roots.dev, name)).find((path) => existsSync(path));
  const release = readText(join(roots.etc, 'nv_tegra_release'))?.split('\n')[0];
  const compatible = readText(join(roots.proc, 'device-tree/compatible')) ?? '';
  const device = found(JETSON_DEVICES);
  if (release !== undefined || compatible.includes('nvidia,tegra') || device !== undefined) {
    return { kind: 'jetson', device, problem: problemOf(device), driver: jetsonRelease(release) };
  }
  const card = found(PC_DEVICES);
  if (card === undefined) return undefined;
  const version = readText(join(roots.proc, 'driver/nvidia/version'));
  const driver = /Module\s+(?:for \S+\s+)?(\d[\d.]*)/.exec(version ?? '')?.[1];
  return { kind: 'pc', device: card, problem: problemOf(card), driver };
}

function problemOf(device: string | undefined): string | undefined {
  if (device === undefined) return 'no device file of the GPU is there (/dev/nvhost-gpu, /dev/nvgpu/igpu0)';
  try {
    // Opened, not only asked for: under systemd's DevicePolicy= the permissions of the file say yes and the kernel says no.
    closeSync(openSync(device, 'r+'));
    return undefined;
  } catch {
    return `${device} may not be opened by this user`;
  }
}

/** "# R36 (release), REVISION: 4.3, …" is Jetson Linux 36.4.3. */
function jetsonRelease(line: string | undefined): string | undefined {
  const [, major, revision] = /R(\d+).*?REVISION:\s*([\d.]+)/.exec(line ?? '') ?? [];
  return major === undefined ? undefined : `Jetson Linux ${major}.${revision}`;
}
