// The schema of `cameras.<name>.source`: one strict object per kind of source, told apart by `type`. Pure.
import { z } from 'zod';

const sceneSource = z
  .strictObject({
    type: z
      .literal('scene')
      .meta({ description: 'The built-in camera: a rendered front yard with people, cars and a dog.' }),
    time: z.enum(['day', 'dusk', 'night']).default('day').meta({ description: 'Light of the scene.' }),
    seed: z
      .int()
      .min(0)
      .max(4294967295)
      .default(1)
      .meta({ description: 'The same seed renders the same pictures.' }),
    noise: z.boolean().default(true).meta({ description: 'Sensor noise.' }),
    leaves: z.boolean().default(true).meta({ description: 'Leaves that sway in the wind.' }),
    flicker: z.boolean().default(false).meta({ description: 'Exposure flicker, as from mains light.' }),
    rain: z.boolean().default(false).meta({ description: 'Rain.' }),
  })
  .meta({ description: 'Built-in camera.' });

const fileSource = z
  .strictObject({
    type: z.literal('file').meta({ description: 'Any video file that ffmpeg reads.' }),
    path: z.string().min(1).meta({ description: 'Path of the video; relative to the configuration file.' }),
    pace: z.enum(['realtime', 'fast']).default('realtime').meta({
      description:
        "'realtime' plays at the speed of the video and drops frames the detector cannot take; 'fast' plays as fast as the detector works, loses no frame and counts time by the video.",
    }),
    loop: z.boolean().default(true).meta({ description: 'Start again at the end; false plays it once.' }),
  })
  .meta({ description: 'Video file through ffmpeg.' });

/** Where a camera's pictures come from. */
export const sourceSchema = z
  .discriminatedUnion('type', [sceneSource, fileSource])
  .meta({ description: 'Where the pictures come from.' });
