// The schema of what is marked on the picture of a camera: zones and lines, and how steadily objects are held to them. Pure.
import { z } from 'zod';
import { fraction, name, polygon } from './schema-parts.ts';

/** When an object counts as being on the other side of an edge: keys that zones and lines share. */
const steadiness = {
  anchor: z.enum(['bottom', 'centre', 'top']).default('bottom').meta({
    description:
      'Which point of its box stands for an object: the middle of the lower edge (where it stands), the centre, the middle of the upper edge.',
  }),
  inertia: z.int().min(1).max(20).default(2).meta({
    description: 'Looks in a row that must agree before a change counts; 1: the first one does.',
  }),
  margin: z.number().min(0).max(0.2).default(0.01).meta({
    description:
      'How far beyond the edge the anchor must be before an object has left the zone, or is across the line (fractions of the frame).',
  }),
};

/** One zone. */
const zone = z.strictObject({ points: polygon, ...steadiness });

/** One line: a tripwire. */
const line = z.strictObject({
  points: z
    .array(z.tuple([fraction, fraction]))
    .min(2)
    .max(64)
    .meta({
      description: 'Points [x, y] in fractions of the frame, origin top left, from one end to the other.',
    }),
  sides: z.tuple([name('the name of a side'), name('the name of a side')]).meta({
    description:
      'Names of its two sides: what lies to the left and to the right of somebody who walks from the first point to the last, seen as in the picture.',
  }),
  ...steadiness,
});

export const zonesSchema = z.record(name('a zone name'), zone).default({}).meta({
  description: 'Named polygons. An object is in a zone when the anchor of its box is (docs/zones.md).',
});

export const linesSchema = z.record(name('a line name'), line).default({}).meta({
  description:
    'Named tripwires. An object that comes from one side to the other crosses them (docs/zones.md).',
});
