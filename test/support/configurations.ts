// Configurations for tests of the whole daemon, written as YAML like an owner's.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { tempDir } from './temp-dir.ts';

/** Writes `document` to a fresh folder; returns the file's path. */
export function writeConfig(document: object): string {
  const path = join(tempDir(), 'vedette.yaml');
  writeFileSync(path, stringify(document));
  return path;
}

const STRIPS = 8;

/** A camera whose frame is cut into upright strips, each a zone, and a rule per strip: whoever walks by fires many. */
export function busyScene(): { cameras: object; rules: object } {
  const strips = Array.from({ length: STRIPS }, (_, index) => `strip${index}`);
  const zones = Object.fromEntries(
    strips.map((name, index) => {
      const [left, right] = [index / STRIPS, (index + 1) / STRIPS];
      const points = [
        [left, 0],
        [right, 0],
        [right, 1],
        [left, 1],
      ];
      return [name, { points }];
    }),
  );
  const rules = Object.fromEntries(
    strips.map((zone) => [`in-${zone}`, { trigger: { type: 'enter', zone }, cooldownS: 0 }]),
  );
  return { cameras: { yard: { source: { type: 'scene' }, zones } }, rules };
}
