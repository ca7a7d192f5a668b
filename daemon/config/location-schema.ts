// The schema of where the board is, for schedules. Pure.
import { z } from 'zod';

export const locationSchema = z.strictObject({
  timeZone: z.string().min(1).max(64).optional().meta({
    description: "Time zone of schedules, e.g. Europe/Berlin; default: the system's.",
  }),
  latitude: z
    .number()
    .min(-90)
    .max(90)
    .optional()
    .meta({ description: 'Degrees, north positive: for sunrise and sunset.' }),
  longitude: z.number().min(-180).max(180).optional().meta({ description: 'Degrees, east positive.' }),
});
