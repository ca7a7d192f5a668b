// The `ladder` section of the configuration. Pure.
import { z } from 'zod';
import { fraction } from './schema-parts.ts';

export const ladderSchema = z
  .strictObject({
    enabled: z.boolean().default(true).meta({
      description: 'Do less, rung by rung, while the board is strained; off: always full effort.',
    }),
    hotC: z.number().min(30).max(120).default(80).meta({
      description:
        'The board is hot when its hottest sensor says this (degrees Celsius). A Raspberry Pi slows itself down from 80 on.',
    }),
    coolMarginC: z.number().min(1).max(50).default(5).meta({
      description: 'It has cooled down when it is so much colder than hotC (degrees).',
    }),
    saturation: fraction.min(0.01).default(0.1).meta({
      description:
        'The detector is saturated when it has no time for more than this share of the frames that a camera wants looked at.',
    }),
    underVoltage: z
      .boolean()
      .default(true)
      .meta({ description: 'Whether under-voltage is a strain: less work draws less current.' }),
    downAfterS: z.number().min(2).max(600).default(10).meta({
      description: 'Between two steps down, and before the first (seconds); three times as long for heat.',
    }),
    upAfterS: z.number().min(2).max(86_400).default(60).meta({
      description:
        'One rung up after so long without strain (seconds); up to 16 times as long where a rung up had to be taken back.',
    }),
  })
  .prefault({})
  .meta({ description: 'What is given up, and when, while the board cannot do all of it: docs/ladder.md.' });
