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
