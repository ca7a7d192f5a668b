// The schema of a rule's schedule. Pure.
import { z } from 'zod';
import type { Day } from '../core/rule-types.ts';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const satisfies readonly Day[];

const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, "must be a time of day, e.g. '22:00'");

/** When a rule is in force. */
export const scheduleSchema = z
  .array(
    z.strictObject({
      days: z
        .array(z.enum(DAYS))
        .min(1)
        .optional()
        .meta({ description: 'Days on which the window begins; default: every day.' }),
      from: time.optional().meta({ description: "When it begins, e.g. '22:00'; default: 00:00." }),
      to: time
        .optional()
        .meta({ description: 'When it is over; at or before `from`: on the next day; default: 24:00.' }),
    }),
  )
  .min(1)
  .max(16)
  .meta({
    description: 'When the rule is in force: in any of these windows of local time; default: always.',
  });
