// The schema of one rule: trigger, filters, effects. Pure.
import { z } from 'zod';
import { scheduleSchema } from './schedule-schema.ts';
import { fraction, name, topicBelow } from './schema-parts.ts';
import { triggerSchema } from './trigger-schema.ts';

const bound = fraction.optional();

/** One rule. */
export const ruleSchema = z.strictObject({
  trigger: triggerSchema,
  cameras: z
    .array(name('a camera name'))
    .min(1)
    .optional()
    .meta({ description: 'Only these cameras; default: all that have the zone or line.' }),
  labels: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .meta({ description: 'Only these labels of the model; default: any.' }),
  scoreMin: fraction
    .default(0)
    .meta({ description: 'Least median score of the track, beside its confirmation threshold.' }),
  size: z
    .strictObject({
      widthMin: bound.meta({ description: 'Least width of its box (fraction of the picture).' }),
      widthMax: bound.meta({ description: 'Greatest width.' }),
      heightMin: bound.meta({ description: 'Least height of its box (fraction of the picture).' }),
      heightMax: bound.meta({ description: 'Greatest height.' }),
    })
    .optional()
    .meta({ description: 'Only objects of this size in the picture; default: any.' }),
  schedule: scheduleSchema.optional(),
  while: z.enum(['armed', 'disarmed', 'always']).optional().meta({
    description:
      'Whether house and camera must be armed, or must not, for the rule to fire; default: armed, of a fault always.',
  }),
  cooldownS: z.number().min(0).max(86400).default(60).meta({
    description: 'After it fired, the rule stays quiet for this long (seconds).',
  }),
  cooldownPer: z.enum(['rule', 'camera', 'zone', 'track']).default('camera').meta({
    description:
      'Where it stays quiet: everywhere (rule), on that camera, for that object (track); or in that zone, together with all rules that say zone.',
  }),
  groupS: z.number().min(0).max(300).default(0).meta({
    description:
      'What fires on a camera within this time after the first becomes one alert with a count, told when the time is over (seconds); 0: each at once.',
  }),
  severity: z
    .enum(['info', 'warning', 'critical'])
    .default('warning')
    .meta({ description: 'Passed on with the alert.' }),
  message: z.string().min(1).max(500).optional().meta({
    description:
      'Text of the alert; {label}, {zone}, {line}, {from}, {to}, {camera}, {score}, {count}, {seconds}, {time}, {fault} and {rule} are filled in; default: a sentence that goes with the trigger.',
  }),
  snapshot: z
    .boolean()
    .default(true)
    .meta({ description: 'Whether its alerts name the best picture of the object.' }),
  topic: topicBelow.optional().meta({
    description:
      'Levels below vedette/<device>/ where its alerts are published as well, for whoever wants only these; default: nowhere else.',
  }),
  clip: z
    .strictObject({
      beforeS: z.number().min(0).max(30).meta({ description: 'Seconds before the alert.' }),
      afterS: z.number().min(0).max(30).meta({ description: 'Seconds after the alert; it is written then.' }),
    })
    .optional()
    .meta({ description: 'A video of each alert in the data folder, made by ffmpeg; default: none.' }),
});
