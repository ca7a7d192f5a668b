// Something wrong with a configuration, and the words in which such things are said. Pure.

/** Something wrong, and the path of the key in the configuration. */
export interface ConfigFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

const NAMES_SHOWN_MAX = 12;

/** Names that would have been right, for the end of a message: 'there are a, b'. */
export function known(names: readonly string[], verb: string): string {
  if (names.length === 0) return `${verb} none`;
  const shown = names.slice(0, NAMES_SHOWN_MAX).join(', ');
  return `${verb} ${shown}${names.length > NAMES_SHOWN_MAX ? ', …' : ''}`;
}
