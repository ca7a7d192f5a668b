// Names that others may choose (labels of a model, host names) in the alphabet of topics and files. Pure, any thread.

/** The same bound as for names in the configuration. */
export const NAME_LENGTH_MAX = 64;

/** A name as one level of a topic or path: lower case, everything outside `[a-z0-9_-]` becomes `_`, never empty. */
export function sanitise(name: string): string {
  const clean = name
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '_')
    .slice(0, NAME_LENGTH_MAX);
  return clean === '' ? '_' : clean;
}
