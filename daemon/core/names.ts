// Names that others may choose (labels of a model, host names) in the alphabet of topics and files. Pure, any thread.

/** The same bound as for names in the configuration. */
export const NAME_LENGTH_MAX = 64;

/** What is written in another script, or is a symbol of none: punctuation and spaces tell no two names apart. */
const LOST = /(?!\p{ASCII})[^\p{P}\p{Z}]/u;

/**
 * A name as one level of a topic or path: lower case, everything outside `[a-z0-9_-]` becomes `_`, never empty. Where letters
 * or digits are lost, of another script or beyond NAME_LENGTH_MAX, a hash of the whole name follows: `行人` and `汽车` are two
 * names. It hangs on the name alone, so that a topic is the same in every life and on every board.
 */
export function sanitise(name: string): string {
  const clean = name.toLowerCase().replace(/[^a-z0-9_-]/g, '_');
  if (clean.length > NAME_LENGTH_MAX || LOST.test(name)) {
    const hash = hashOf(name);
    return `${clean.slice(0, NAME_LENGTH_MAX - hash.length - 1)}-${hash}`;
  }
  return clean === '' ? '_' : clean;
}

/** FNV-1a, 32 bits, over UTF-8 (Fowler, Noll and Vo, isthe.com/chongo/tech/comp/fnv), in base 36: at most 7 letters. */
function hashOf(name: string): string {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(36);
}
