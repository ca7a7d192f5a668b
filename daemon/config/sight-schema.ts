// The schema of the watch over what a camera shows. Pure.
import { z } from 'zod';

const lasting = z.number().min(0).max(3600);

export const sightSchema = z
  .strictObject({
    frozenS: lasting.default(8).meta({
      description:
        '`frozen`: the picture of a live source has been the very same for so long (seconds); 0: never told.',
    }),
    blindS: lasting.default(5).meta({
      description:
        '`blind`: nothing can be made out, because the lens is covered, out of focus or blinded, for so long (seconds); 0: never told.',
    }),
    movedS: lasting.default(8).meta({
      description:
        '`moved`: the camera has shown something else than it used to for so long (seconds); 0: never told.',
    }),
  })
  .prefault({})
  .meta({ description: 'When a camera does not show what it should (docs/blindness.md).' });
