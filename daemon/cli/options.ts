// Options that several commands share, so that they are spelled and explained once.
import { InvalidArgumentError, Option } from 'commander';
import { MOMENT_WORDS, readMoment } from '../platform/moments.ts';

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

/** `--providers`; read by `withProviders` of provider-flag.ts. */
export function providersOption(): Option {
  return new Option(
    '--providers <list>',
    'execution providers in order of preference, with commas, instead of detector.providers (cuda,cpu)',
  );
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

/** A parser for numbers in a range. */
export function numberUpTo(max: number, min = 0): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`must be a number from ${min} to ${max} (got '${text}')`);
  };
}

/**
 * A parser for moments: a duration before now (`90s`, `15m`, `2h`, `7d`, `1w`) or an ISO 8601 time, local where it names no
 * zone, the beginning of the day where it names no time. Gives milliseconds since 1970.
 */
export function moment(nowMs: number): (text: string) => number {
  return (text) => {
    const atMs = readMoment(text, nowMs);
    if (atMs === undefined) throw new InvalidArgumentError(`must be ${MOMENT_WORDS} (got '${text}')`);
    return atMs;
  };
}

/** A parser for an option that may be given several times. */
export function collect(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), text];
}
