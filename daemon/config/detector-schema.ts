// The schema of `detector`: the model, how it is run and how its process is kept. Pure.
import { z } from 'zod';

/** The section `detector`. */
export const detectorSchema = z.strictObject({
  model: z.string().min(1).default('vedette-nano').meta({
    description:
      'Name of a folder under models/, or a path (with a slash, relative to the configuration file) to a folder with a manifest.json.',
  }),
  lighter: z.string().min(1).optional().meta({
    description:
      'A model with a smaller input and the same labels, named as `model` is: the last rung of the ladder; default: none, the rung is left out.',
  }),
  providers: z
    .array(z.enum(['auto', 'tensorrt', 'cuda', 'cpu']))
    .min(1)
    .default(['auto'])
    .meta({
      description:
        "Execution providers in order of preference; 'auto' stands for what the board has. The CPU is always the last resort.",
    }),
  threads: z
    .int()
    .min(1)
    .max(16)
    .optional()
    .meta({ description: 'Threads of one inference; default: one less than the cores, at most 3.' }),
  deadlineMs: z.int().min(100).max(120000).default(5000).meta({
    description:
      'A detector that has not answered a request for this long is killed and started again (milliseconds).',
  }),
  startTimeoutMs: z
    .int()
    .min(1000)
    .max(1800000)
    .default(60000)
    .meta({ description: 'Time allowed for loading the model and warming up (milliseconds).' }),
  memoryMb: z.int().min(0).max(65536).default(512).meta({
    description:
      'A detector process that takes more memory than this is replaced by a fresh one between two frames (megabytes); 0 never does.',
  }),
});
