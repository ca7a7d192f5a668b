// An hour of an empty street for each of what changes the light or the picture: twelve houses (seeds) of five minutes. Every alert is
// a false one and is told with its moment. About a quarter of an hour for all; by name only.
import { VARIANT_NAMES, type Variant, watchStreet } from '../support/empty-street.ts';
import type { BenchLine } from './figures.ts';

const HOUSES = 12;
const SECONDS = 300;

export async function benchFalseAlerts(): Promise<BenchLine[]> {
  const lines: BenchLine[] = [];
  for (const variant of VARIANT_NAMES) lines.push(await hourOf(variant));
  return lines;
}

async function hourOf(variant: Variant): Promise<BenchLine> {
  let [alerts, frames, looked, inferences, recalibrations] = [0, 0, 0, 0, 0];
  for (let seed = 1; seed <= HOUSES; seed += 1) {
    const watched = await watchStreet({ variant, seed, seconds: SECONDS, actors: false });
    alerts += watched.falseAlerts.length;
    frames += watched.frames;
    looked += watched.looked;
    inferences += watched.inferences;
    recalibrations += watched.recalibrations;
    const { falseAlerts } = watched;
    const words = falseAlerts.length === 0 ? 'no alert' : falseAlerts.join(', ');
    console.log(`  ${variant}, seed ${seed}, ${SECONDS / 60} minutes: ${words}`);
  }
  const share = (100 * looked) / frames;
  const value = `${alerts}; ${share.toFixed(0)} % of ${frames} frames looked at, ${inferences} inferences, begun anew ${recalibrations} times`;
  return { what: `false alerts in an hour, ${variant}`, value, target: '0' };
}
