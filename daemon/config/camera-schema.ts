// The schema of one camera: source, size and rate, zones and lines, privacy masks, the file's values of its switches. Pure.
import { z } from 'zod';
import { motionSchema } from './motion-schema.ts';
import { linesSchema, zonesSchema } from './place-schema.ts';
import { fraction, name, polygon } from './schema-parts.ts';
import { sightSchema } from './sight-schema.ts';
import { sourceSchema } from './source-schema.ts';

/** One camera. */
export const cameraSchema = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .meta({ description: 'A disabled camera is not started; its status topic says so.' }),
  armed: z
    .boolean()
    .default(true)
    .meta({ description: 'Whether rules fire on what this camera sees; events are kept all the same.' }),
  threshold: fraction.optional().meta({
    description:
      'An object of this camera is confirmed when the median of its last 10 scores reaches this, whatever its label; default: as `track` says.',
  }),
  source: sourceSchema,
  detect: z
    .strictObject({
      enabled: z
        .boolean()
        .default(true)
        .meta({ description: 'Look for objects; without it the camera only shows that it is there.' }),
      width: z
        .int()
        .min(64)
        .max(3840)
        .multipleOf(64)
        .default(1280)
        .meta({ description: 'Pixels; a multiple of 64. The source is scaled to it.' }),
      height: z.int().min(64).max(2160).multipleOf(2).default(720).meta({ description: 'Pixels; even.' }),
      fps: z
        .number()
        .min(0.2)
        .max(60)
        .default(5)
        .meta({ description: 'Frames per second asked of the source.' }),
    })
    .prefault({})
    .meta({ description: 'Size and rate of the frames that are looked at.' }),
  stallMs: z.int().min(500).max(600000).default(10000).meta({
    description:
      'Without a frame for this long the camera program is killed and started again (milliseconds).',
  }),
  zones: zonesSchema,
  lines: linesSchema,
  masks: z
    .record(name('a mask name'), z.strictObject({ points: polygon }))
    .default({})
    .meta({
      description:
        'Privacy masks: named polygons that are painted black before anything looks at, stores or sends a picture.',
    }),
  motion: motionSchema,
  regions: z
    .strictObject({
      enabled: z
        .boolean()
        .default(true)
        .meta({ description: 'Off: the model always sees the whole frame, and small objects not at all.' }),
      perS: z.number().min(0.2).max(240).optional().meta({
        description: 'Runs of the model a second for this camera, at most; default: twice `detect.fps`.',
      }),
    })
    .prefault({})
    .meta({
      description:
        'Closer looks at parts of the frame: where something moves and where objects are followed.',
    }),
  sight: sightSchema,
  priority: z.enum(['low', 'normal', 'high']).default('normal').meta({
    description:
      "Share of the detector while it is busy: 'high' gets twice as many turns as 'normal', 'low' half as many; none starves.",
  }),
});
