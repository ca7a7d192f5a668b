// The schema of what makes a rule fire: one kind of trigger each. Pure.
import { z } from 'zod';
import type { FaultKind } from '../core/rule-types.ts';
import { name } from './schema-parts.ts';

const FAULT_KINDS = [
  'offline',
  'frozen',
  'blind',
  'moved',
  'detector',
  'disk',
] as const satisfies readonly FaultKind[];
const SECONDS_MAX = 7 * 86_400;
const seconds = z.number().min(0).max(SECONDS_MAX);
const zone = name('a zone name').meta({ description: 'Zone of each camera the rule looks at.' });
const zoneOrAll = zone.optional().meta({
  description: 'Zone of each camera the rule looks at; default: the whole picture.',
});

/** What makes a rule fire. */
export const triggerSchema = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z
        .literal('enter')
        .meta({ description: 'Fires when an object enters the zone, or appears in it.' }),
      zone,
    }),
    z.strictObject({
      type: z
        .literal('exit')
        .meta({ description: 'Fires when an object leaves the zone, or is gone that was in it.' }),
      zone,
    }),
    z.strictObject({
      type: z.literal('dwell').meta({ description: 'Fires when an object has stayed in the zone.' }),
      zone,
      forS: seconds.meta({ description: 'For so long, without leaving it (seconds).' }),
    }),
    z.strictObject({
      type: z.literal('cross').meta({ description: 'Fires when an object crosses the line.' }),
      line: name('a line name').meta({ description: 'Line of each camera the rule looks at.' }),
      to: z.string().min(1).optional().meta({
        description: 'Only to this side of the line; default: either way.',
      }),
    }),
    z.strictObject({
      type: z
        .literal('count')
        .meta({ description: 'Fires when so many objects are there; not again before they are not.' }),
      zone: zoneOrAll,
      atLeast: z
        .int()
        .min(1)
        .max(100)
        .optional()
        .meta({ description: 'So many or more; give one of atLeast and atMost.' }),
      atMost: z
        .int()
        .min(0)
        .max(100)
        .optional()
        .meta({ description: 'So many or fewer, while the camera sees.' }),
      forS: seconds.default(0).meta({ description: 'For so long without a break (seconds).' }),
    }),
    z.strictObject({
      type: z
        .literal('absence')
        .meta({ description: 'Fires when nothing that the rule is about has been there.' }),
      zone: zoneOrAll,
      forS: seconds.min(1).meta({ description: 'For so long, while the camera sees (seconds).' }),
    }),
    z.strictObject({
      type: z.literal('appear').meta({ description: 'Fires once for every object, as soon as it is sure.' }),
    }),
    z.strictObject({
      type: z
        .literal('sequence')
        .meta({ description: 'Fires when the same object enters zones in an order.' }),
      zones: z.array(name('a zone name')).min(2).max(8).meta({
        description: 'Zones of each camera the rule looks at, in the order in which they are entered.',
      }),
      withinS: seconds
        .min(1)
        .meta({ description: 'Longest time from entering the first to entering the last (seconds).' }),
    }),
    z.strictObject({
      type: z.literal('stationary').meta({ description: 'Fires when an object has come to rest.' }),
      zone: zoneOrAll,
      forS: seconds.default(0).meta({
        description:
          'At rest for so long; counted from when it counts as stationary, see track.stationaryS (seconds).',
      }),
    }),
    z.strictObject({
      type: z
        .literal('removed')
        .meta({ description: 'Fires when what had been at rest is gone, or moves off.' }),
      zone: zoneOrAll,
      forS: seconds.default(0).meta({ description: 'Only if it had been at rest for so long (seconds).' }),
    }),
    z.strictObject({
      type: z
        .literal('fault')
        .meta({ description: 'Fires when something that alerts depend on does not work.' }),
      of: z
        .array(z.enum(FAULT_KINDS))
        .min(1)
        .default([...FAULT_KINDS])
        .meta({
          description:
            'What: offline (a camera that sends nothing), frozen, blind or moved (a camera that does not show what it should), detector (it does not run), disk (events cannot be stored); default: any.',
        }),
      forS: seconds.default(30).meta({ description: 'For so long (seconds).' }),
    }),
  ])
  .meta({ description: 'What makes the rule fire.' });
