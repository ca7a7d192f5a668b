// The schema of `track`: when a detection becomes an object, how it is followed and when it is gone. Pure.
import { z } from 'zod';
import { always, fraction } from './schema-parts.ts';

const aspect = z.number().gt(0).max(20);

const bounds = z
  .strictObject({
    widthMin: fraction.optional().meta({ description: 'Least width (fraction of the frame).' }),
    widthMax: fraction.optional().meta({ description: 'Greatest width.' }),
    heightMin: fraction.optional().meta({ description: 'Least height (fraction of the frame).' }),
    heightMax: fraction.optional().meta({ description: 'Greatest height.' }),
    aspectMin: aspect.optional().meta({
      description:
        'Least width over height, as it looks: a person who walks has about 0.4. Not asked of boxes at the border of the picture.',
    }),
    aspectMax: aspect.optional().meta({ description: 'Greatest width over height.' }),
  })
  .superRefine((value, context) => {
    for (const what of ['width', 'height', 'aspect'] as const) {
      const [least, greatest] = [value[`${what}Min`], value[`${what}Max`]];
      if (least === undefined || greatest === undefined || least <= greatest) continue;
      context.addIssue({
        code: 'custom',
        path: [`${what}Max`],
        message: `must not be less than ${what}Min`,
      });
    }
  }, always);

const lostMs = z.int().min(200).max(600_000);

export const trackSchema = z.strictObject({
  scoreLow: fraction.default(0.2).meta({ description: 'Detections below this are discarded.' }),
  scoreMin: fraction
    .default(0.5)
    .meta({ description: 'A detection below this keeps a track alive but counts as a miss.' }),
  threshold: fraction.optional().meta({
    description:
      "A track is confirmed when the median of its last 10 scores reaches this; default: the model's own value for the label.",
  }),
  thresholds: z
    .record(z.string().min(1), fraction)
    .default({})
    .meta({ description: 'The same for single labels.' }),
  iouMin: fraction.default(0.2).meta({
    description:
      'Overlap (intersection over union) with where an object should be by now at which a box may always be it; without it, distance decides.',
  }),
  lostMs: lostMs
    .default(2000)
    .meta({ description: 'An object not seen for this long is gone (milliseconds).' }),
  unconfirmedLostMs: lostMs.default(1000).meta({
    description: 'The same for what is not confirmed yet (milliseconds); never longer than lostMs.',
  }),
  stationaryS: z
    .number()
    .min(1)
    .max(3600)
    .default(10)
    .meta({ description: 'An object that has not moved for this long is stationary (seconds).' }),
  stationaryLostMs: lostMs.default(30_000).meta({
    description:
      'A stationary object not seen for this long is gone: a parked car behind a van (milliseconds); never shorter than lostMs.',
  }),
  bounds: z.record(z.string().min(1), bounds).default({}).meta({
    description: 'Bounds of size and shape, by label: a box beyond them is discarded.',
  }),
});
