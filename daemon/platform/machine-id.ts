// A name for this machine that outlives restarts, new host names and a new data folder, and tells nothing of the machine: a
// keyed hash. The machine id itself is confidential and never leaves this file (machine-id(5)). Any thread.
import { createHmac } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { readText, SYSTEM_ROOTS, type SystemRoots } from './system-files.ts';

const HEX_DIGITS = 16;
/** A machine id as systemd writes it; during the first boot the file may say `uninitialized`. */
const MACHINE_ID = /^[0-9a-f]{32}$/;
/** Where something that stays with the machine can be read, below the roots, best first. */
const SOURCES: readonly { readonly root: keyof SystemRoots; readonly path: string; readonly fits: RegExp }[] =
  [
    { root: 'etc', path: 'machine-id', fits: MACHINE_ID },
    { root: 'run', path: 'machine-id', fits: MACHINE_ID },
    // Printed on no label, but unique: Raspberry Pi and Jetson have it.
    { root: 'proc', path: 'device-tree/serial-number', fits: /^[0-9A-Za-z]{6,64}$/ },
  ];

/** 16 hexadecimal digits; another `purpose` gives another name. Without anything better the host name is taken. */
export function machineHash(
  purpose: string,
  roots: SystemRoots = SYSTEM_ROOTS,
  fallback: string = hostname(),
): string {
  let secret = fallback;
  for (const { root, path, fits } of SOURCES) {
    const text = readText(join(roots[root], path));
    if (text === undefined || !fits.test(text)) continue;
    secret = text;
    break;
  }
  return createHmac('sha256', secret).update(`vedette ${purpose}`).digest('hex').slice(0, HEX_DIGITS);
}
