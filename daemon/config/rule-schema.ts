// The schema of one rule: trigger, filters, effects. Pure.
import { z } from 'zod';
import { fraction, name, topicBelow } from './schema-parts.ts';

/** One rule. */
export const ruleSchema = z.strictObject({
  trigger: z
    .discriminatedUnion('type', [
      z.strictObject({
        type: z.literal('enter').meta({ description: 'Fires when a confirmed object enters the zone.' }),
        zone: name('a zone name').meta({ description: 'Zone of each camera the rule looks at.' }),
      }),
    ])
    .meta({ description: 'What makes the rule fire.' }),
  cameras: z
    .array(name('a camera name'))
    .min(1)
    .optional()
    .meta({ description: 'Only these cameras; default: all that have the zone.' }),
  labels: z
    .array(z.string().min(1))
    .min(1)
    .optional()
    .meta({ description: 'Only these labels of the model; default: any.' }),
  scoreMin: fraction
    .default(0)
    .meta({ description: 'Least median score of the track, beside its confirmation threshold.' }),
  cooldownS: z.number().min(0).max(86400).default(60).meta({
    description: 'After it fired for a camera, the rule stays quiet there for this long (seconds).',
  }),
  severity: z
    .enum(['info', 'warning', 'critical'])
    .default('warning')
    .meta({ description: 'Passed on with the alert.' }),
  message: z
    .string()
    .min(1)
    .max(500)
    .default('{label} entered {zone} at {camera}')
    .meta({ description: 'Text of the alert; {label}, {zone}, {camera}, {score} and {rule} are filled in.' }),
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
