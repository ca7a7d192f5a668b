// The schema of a rule's schedule. Pure. What the times mean, and whether they can be used where the board is: core/schedule-window.ts.
import { z } from 'zod';
import type { Day } from '../core/rule-types.ts';

const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const satisfies readonly Day[];

/** YAML 1.2, which is read here, takes an unquoted 22:00 for text; older tools make 1320 of it, so the manual has quotes. */
const time = z
  .string()
  .regex(
    /^([01]?\d|2[0-3]):[0-5]\d$|^24:00$|^sun(rise|set)([+-](0?\d|1[01]):[0-5]\d|[+-]12:00)?$/,
    "must be a time of day as '22:00', or sunrise or sunset, with an offset if need be: sunset-00:30",
  );

/** When a rule is in force. */
export const scheduleSchema = z
  .array(
    z.strictObject({
      days: z
        .array(z.enum(DAYS))
        .min(1)
        .optional()
        .meta({ description: 'Days on which the window begins; default: every day.' }),
      from: time.optional().meta({
        description: "When it begins: '22:00', sunset, sunset+00:30; default: 00:00.",
      }),
      to: time.optional().meta({
        description:
          'When it is over, in the same ways; a time of day before `from` is that of the next day; default: 24:00.',
      }),
    }),
  )
  .min(1)
  .max(16)
  .meta({
    description:
      'When the rule is in force: in any of these windows of local time (docs/schedules.md); default: always.',
  });
