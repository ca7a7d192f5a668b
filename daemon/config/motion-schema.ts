// The schema of a camera's motion gate. Pure.
import { z } from 'zod';
import { fraction, name, polygon } from './schema-parts.ts';

export const motionSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({
      description:
        'Look only where something moves or an object is followed. Off: the model sees every frame.',
    }),
    sensitivity: fraction.default(0.5).meta({
      description:
        '0: only what differs strongly from its background counts as motion; 1: the slightest change.',
    }),
    fullLookS: z.number().min(0.2).max(3600).default(10).meta({
      description: 'The whole frame is looked at after so many seconds in which nothing moved.',
    }),
    masks: z
      .record(name('a mask name'), z.strictObject({ points: polygon }))
      .default({})
      .meta({
        description:
          'Named polygons in which motion does not count: a tree, a flag, a street. Objects that come out of them are found all the same.',
      }),
  })
  .prefault({})
  .meta({ description: 'When the model is asked to look (docs/motion.md).' });
