// The schema of `frigate`: messages in the shape of Frigate, for what was made for it. Pure.
import { z } from 'zod';

/** The section `frigate`. */
export const frigateSchema = z.strictObject({
  enabled: z.boolean().default(false).meta({
    description: 'Publish events, counts, motion and pictures once more in the shape of Frigate.',
  }),
  prefix: z
    .string()
    .max(64)
    .regex(
      /^(?!vedette(\/|$))[A-Za-z0-9_-]+(\/[A-Za-z0-9_-]+)*$/,
      "must be one or more levels of A-Z, a-z, 0-9, '-' and '_', not below vedette",
    )
    .default('frigate')
    .meta({ description: 'First part of these topics; two boards at one broker need different ones.' }),
});
