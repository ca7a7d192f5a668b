// Under-voltage and throttling: the Raspberry Pi's firmware (vcgencmd, its sysfs file, the hwmon driver), the counters of
// a Jetson. A board that tells neither is not measured. Main thread.
import { join } from 'node:path';
import { askProgram } from './ask-program.ts';
import { findProgram } from './child.ts';
import type { Clock } from './clock.ts';
import type { Finding } from './finding.ts';
import { namesIn, readNumber, readText, SYSTEM_ROOTS, type SystemRoots } from './system-files.ts';

const UNDER_VOLTAGE = 'under-voltage';

/** Bits of `vcgencmd get_throttled`; 16 higher: since the start of the board (raspberrypi.com, os.html#get_throttled). */
const BITS = [
  [0, UNDER_VOLTAGE],
  [1, 'frequency capped'],
  [2, 'throttled'],
  [3, 'soft temperature limit'],
] as const;
const SINCE_BOOT = 16;

export interface Throttling {
  readonly now: readonly string[];
  /** Since the board was started. */
  readonly before: readonly string[];
}

/** The number in "throttled=0x50005" (vcgencmd) or "50005" (sysfs, hexadecimal too), or undefined. */
export function parseThrottled(text: string): number | undefined {
  const digits = /^(?:throttled=)?(?:0x)?([0-9a-f]{1,8})$/i.exec(text.trim())?.[1];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

export function throttlingOf(bits: number): Throttling {
  const named = (shift: number): string[] =>
    BITS.filter(([bit]) => (bits >>> (bit + shift)) & 1).map(([, name]) => name);
  return { now: named(0), before: named(SINCE_BOOT) };
}

const SUPPLY_ADVICE =
  'use the power supply made for the board (Pi 4: 5.1 V 3 A, Pi 5: 5.1 V 5 A), a short thick cable, and power USB devices from a hub of their own';
const HEAT_ADVICE = 'give it a heat sink or a fan, or fewer frames per second';

export function throttlingFinding(bits: number, source: string): Finding {
  const { now, before } = throttlingOf(bits);
  const facts = { source, bits: `0x${bits.toString(16)}`, now, before };
  const earlier = before.filter((name) => !now.includes(name));
  if (now.length === 0 && earlier.length === 0) {
    return { level: 'ok', message: 'no under-voltage and no throttling since the board was started', facts };
  }
  const message = [
    ...(now.length === 0 ? [] : [`now: ${now.join(', ')}`]),
    ...(earlier.length === 0 ? [] : [`since the board was started: ${earlier.join(', ')}`]),
  ].join('; ');
  const starved = [...now, ...before].includes(UNDER_VOLTAGE);
  const level = now.includes(UNDER_VOLTAGE) ? 'fault' : 'warning';
  return { level, message, advice: starved ? SUPPLY_ADVICE : HEAT_ADVICE, facts };
}

/** What the kernel's hwmon drivers tell, where there is no answer from the firmware itself. */
export function hwmonFinding(roots: SystemRoots): Finding | undefined {
  const folder = join(roots.sys, 'class/hwmon');
  for (const name of namesIn(folder, /^hwmon\d+$/)) {
    const path = join(folder, name);
    const driver = readText(join(path, 'name'));
    if (driver === 'rpi_volt') return voltFinding(readNumber(join(path, 'in0_lcrit_alarm')));
    if (driver === 'soctherm_oc') return overcurrentFinding(path);
  }
  return undefined;
}

/** The alarm of drivers/hwmon/raspberrypi-hwmon.c: under-voltage at the last look of the driver. */
function voltFinding(alarm: number | undefined): Finding | undefined {
  if (alarm === undefined) return undefined;
  const facts = { source: 'rpi_volt', alarm };
  if (alarm === 0) return { level: 'ok', message: 'no under-voltage; throttling is not measured', facts };
  return { level: 'fault', message: 'now: under-voltage', advice: SUPPLY_ADVICE, facts };
}

/** Orin's counters since the start (NVIDIA, Jetson Linux Developer Guide, "Over-Current Event Status from Sysfs"). */
const JETSON_EVENTS = [
  ['oc1_event_cnt', UNDER_VOLTAGE],
  ['oc2_event_cnt', 'average over-current'],
  ['oc3_event_cnt', 'instantaneous over-current'],
] as const;

function overcurrentFinding(path: string): Finding {
  const counted = JETSON_EVENTS.map(([file, name]) => ({ name, count: readNumber(join(path, file)) ?? 0 }));
  const seen = counted.filter(({ count }) => count > 0);
  const facts = {
    source: 'soctherm_oc',
    ...Object.fromEntries(counted.map(({ name, count }) => [name, count])),
  };
  if (seen.length === 0) {
    return {
      level: 'ok',
      message: 'no under-voltage and no over-current since the board was started',
      facts,
    };
  }
  return {
    level: 'warning',
    message: `since the board was started: ${seen.map(({ name, count }) => `${count} x ${name}`).join(', ')}`,
    advice: 'use a stronger power supply, or a lower power mode (sudo nvpmodel -q shows it)',
    facts,
  };
}

const FIRMWARE_FILE = 'devices/platform/soc/soc:firmware/get_throttled';
const VCGENCMD_TIMEOUT_MS = 3000;

interface FirmwareBits {
  readonly bits: number;
  readonly source: 'vcgencmd' | 'firmware';
}

/** What the firmware of a Raspberry Pi says; undefined on any other board. */
async function firmwareBits(
  clock: Clock,
  signal: AbortSignal,
  roots: SystemRoots,
): Promise<FirmwareBits | undefined> {
  const vcgencmd = findProgram('vcgencmd');
  if (vcgencmd !== undefined) {
    const question = {
      command: vcgencmd,
      args: ['get_throttled'],
      timeoutMs: VCGENCMD_TIMEOUT_MS,
      clock,
      signal,
    };
    // Not for users outside the group video (/dev/vcio): then the next source answers.
    const bits = parseThrottled((await askProgram(question)).stdout);
    if (bits !== undefined) return { bits, source: 'vcgencmd' };
  }
  const bits = parseThrottled(readText(join(roots.sys, FIRMWARE_FILE)) ?? '');
  return bits === undefined ? undefined : { bits, source: 'firmware' };
}

/**
 * What the kernel's files say of this moment, without starting a program: often and at no cost. Of what they do not speak, what is
 * known otherwise stands: `watched`.
 */
export function flagsNow(
  roots: SystemRoots = SYSTEM_ROOTS,
  watched: readonly string[] = [],
): readonly string[] {
  const bits = parseThrottled(readText(join(roots.sys, FIRMWARE_FILE)) ?? '');
  if (bits !== undefined) return throttlingOf(bits).now;
  const folder = join(roots.sys, 'class/hwmon');
  const driver = namesIn(folder, /^hwmon\d+$/).find(
    (name) => readText(join(folder, name, 'name')) === 'rpi_volt',
  );
  if (driver === undefined) return watched;
  // It knows of the voltage alone.
  const others = watched.filter((flag) => flag !== UNDER_VOLTAGE);
  const isLow = readNumber(join(folder, driver, 'in0_lcrit_alarm')) === 1;
  return isLow ? [UNDER_VOLTAGE, ...others] : others;
}

/** For health: undefined where the board does not tell. */
export async function readThrottling(
  clock: Clock,
  signal: AbortSignal,
  roots: SystemRoots = SYSTEM_ROOTS,
): Promise<Throttling | undefined> {
  const firmware = await firmwareBits(clock, signal, roots);
  return firmware === undefined ? undefined : throttlingOf(firmware.bits);
}

/** The whole check: one finding. */
export async function powerFindings(
  clock: Clock,
  signal: AbortSignal,
  roots: SystemRoots = SYSTEM_ROOTS,
): Promise<Finding[]> {
  const firmware = await firmwareBits(clock, signal, roots);
  if (firmware !== undefined) return [throttlingFinding(firmware.bits, firmware.source)];
  const message = 'not measured here: the board tells neither under-voltage nor throttling';
  return [hwmonFinding(roots) ?? { level: 'ok', message }];
}
