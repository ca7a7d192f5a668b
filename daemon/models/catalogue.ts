// The catalogue: well-known public models that `vedette models pull` fetches by name, with hash, size, licence and what has to be
// said when they are imported. models/catalogue.json holds them; nothing of them is in this repository. Main thread of a command.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { LABEL_LISTS, NORMALISATION_NAMES } from './import-wishes.ts';
import { BUNDLED_MODELS } from './manifest.ts';
import { manifestSchema } from './manifest-schema.ts';

const { name, task, sha256, bytes, licence, data, source, input } = manifestSchema.shape;
const { width, height, layout, colour, resize } = input.shape;

/** What is said to the import beside what it recognises; the words of `vedette models add`. */
const wishes = z.strictObject({
  task,
  inputSize: z.strictObject({ width, height }).optional(),
  layout,
  colour,
  resize,
  normalise: z.enum(NORMALISATION_NAMES),
  labels: z.enum(LABEL_LISTS),
});

const entry = z.strictObject({
  name,
  title: source,
  task,
  precision: z.enum(['float', 'int8']),
  url: z.url({ protocol: /^https$/ }),
  sha256,
  bytes,
  licence,
  data,
  source,
  import: wishes,
});

const catalogueSchema = z.strictObject({ v: z.literal(1), models: z.array(entry) });

export type CatalogueEntry = Readonly<z.output<typeof entry>>;

/** In the order of the file. */
export async function readCatalogue(): Promise<readonly CatalogueEntry[]> {
  const content = await readFile(join(BUNDLED_MODELS, 'catalogue.json'), 'utf8');
  return catalogueSchema.parse(JSON.parse(content)).models;
}
