// The board's thermal zones (kernel, driver-api/thermal/sysfs-api.rst). Any thread.
import { join } from 'node:path';
import type { Finding } from './finding.ts';
import { namesIn, readNumber, readText, SYSTEM_ROOTS, type SystemRoots } from './system-files.ts';

export interface ThermalZone {
  readonly name: string;
  readonly celsius: number;
}

/** A Raspberry Pi begins to slow down at 80 °C and slows hard at 85 °C; other boards lie near. */
const WARM_C = 75;
const HOT_C = 85;

/** Zones that answer; one that is switched off (a Jetson's idle GPU) does not, or says a nonsense number. */
export function thermalZones(roots: SystemRoots = SYSTEM_ROOTS): ThermalZone[] {
  const folder = join(roots.sys, 'class/thermal');
  return namesIn(folder, /^thermal_zone\d+$/).flatMap((zone) => {
    const milli = readNumber(join(folder, zone, 'temp'));
    if (milli === undefined || milli < -50_000 || milli > 200_000) return [];
    return [{ name: readText(join(folder, zone, 'type')) ?? zone, celsius: milli / 1000 }];
  });
}

/** One finding about the hottest zone. */
export function temperatureFindings(zones: readonly ThermalZone[]): Finding[] {
  const hottest = zones.toSorted((a, b) => b.celsius - a.celsius)[0];
  if (hottest === undefined) {
    return [{ level: 'ok', message: 'not measured here: the board has no thermal zone' }];
  }
  const message = `${hottest.celsius.toFixed(1)} °C (${hottest.name})`;
  const facts = { zones };
  if (hottest.celsius < WARM_C) return [{ level: 'ok', message, facts }];
  const level = hottest.celsius < HOT_C ? 'warning' : 'fault';
  const limit = level === 'fault' ? `limit ${HOT_C} °C: the board slows down` : `over ${WARM_C} °C`;
  const advice = 'give it a heat sink or a fan, shade, or fewer frames per second';
  return [{ level, message: `${message}, ${limit}`, advice, facts }];
}
