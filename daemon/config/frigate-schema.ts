// The schema of `frigate`: messages in the shape of Frigate, for what was made for it. Pure.
import { z } from 'zod';
import { topicPrefix } from './schema-parts.ts';

/** The section `frigate`. */
export const frigateSchema = z.strictObject({
  enabled: z.boolean().default(false).meta({
    description: 'Publish events, counts, motion and pictures once more in the shape of Frigate.',
  }),
  prefix: topicPrefix
    .default('frigate')
    .meta({ description: 'First part of these topics; two boards at one broker need different ones.' }),
});
