// Options that several commands share, so that they are spelled and explained once.
import { InvalidArgumentError, Option } from 'commander';

/** `--config`; the default paths are those of config/load.ts. */
export function configOption(): Option {
  return new Option(
    '-c, --config <file>',
    'configuration file (default: $VEDETTE_CONFIG, else vedette.yaml in $CONFIGURATION_DIRECTORY, here or in /etc/vedette)',
  );
}

/** `--data`; the default is that of platform/folders.ts. */
export function dataOption(): Option {
  return new Option('-d, --data <folder>', 'data folder (default: $STATE_DIRECTORY, else ./.vedette)');
}

/** A parser for whole numbers in a range. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`must be a whole number from ${min} to ${max} (got '${text}')`);
    }
    return value;
  };
}

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const ISO_TIME = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?)(Z|[+-]\d\d:?\d\d)?)?$/i;

/**
 * A parser for moments: a duration before now (`90s`, `15m`, `2h`, `7d`, `1w`) or an ISO 8601 time, local where it names no
 * zone, the beginning of the day where it names no time. Gives milliseconds since 1970.
 */
export function moment(nowMs: number): (text: string) => number {
  return (text) => {
    const [, count, unit] = /^(\d{1,9})([smhdw])$/i.exec(text.trim()) ?? [];
    if (count !== undefined && unit !== undefined) {
      return nowMs - Number(count) * UNIT_MS[unit.toLowerCase()]!;
    }
    const [, year, month, day, time = '00:00', zone = ''] = ISO_TIME.exec(text.trim()) ?? [];
    const date = `${year}-${month}-${day}`;
    const atMs = new Date(`${date}T${time}${zone.toUpperCase()}`).getTime();
    // JavaScript takes 30 February for 2 March.
    if (Number.isNaN(atMs) || new Date(`${date}T00:00Z`).toISOString().slice(0, 10) !== date) {
      throw new InvalidArgumentError(
        `must be a duration before now (90s, 15m, 2h, 7d, 1w) or a time (2026-06-01, 2026-06-01T18:30, with Z or +02:00 at its end for another zone) (got '${text}')`,
      );
    }
    return atMs;
  };
}

/** A parser for an option that may be given several times. */
export function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}
