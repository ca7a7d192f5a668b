// The schema of `detector`: the model, how it is run, how its process is kept, and a stronger machine to ask first. Pure.
import { z } from 'zod';
import { always } from './schema-parts.ts';

const remote = z
  .strictObject({
    url: z
      .string()
      .max(2000)
      .refine(
        (url) => /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/.test(url) && URL.canParse(url),
        'must look like http://host:port or https://host:port/path (a token has a key of its own)',
      )
      .meta({
        description:
          'Address of an inference server that speaks KServe v2 over HTTP (NVIDIA Triton and others); pictures are sent there. https:// for any machine but this one.',
      }),
    model: z.string().min(1).max(256).optional().meta({
      description: 'Name of the model at the server; default: the name in the manifest of detector.model.',
    }),
    version: z
      .string()
      .min(1)
      .max(64)
      .optional()
      .meta({ description: 'Version of it; default: the one that the server chooses.' }),
    timeoutMs: z.int().min(20).max(120000).optional().meta({
      description:
        'An answer must come within this time, else the local model answers (milliseconds); default: detector.deadlineMs. Less where the rest of the deadline is needed for the local model.',
    }),
    token: z
      .string()
      .min(1)
      .max(8192)
      .regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces')
      .optional()
      .meta({
        description: `Sent as Authorization: Bearer <token>; better from \${ENV} or tokenFile.`,
      }),
    tokenFile: z.string().min(1).optional().meta({ description: 'File whose first line is the token.' }),
    caFile: z.string().min(1).optional().meta({
      description:
        'PEM file of the CA that signed the certificate of an https server; default: the public CAs that Node knows.',
    }),
    retryMaxS: z.int().min(1).max(3600).optional().meta({
      description:
        'Longest wait before a server that failed is tried again (seconds); default: 60. The first is 1 s, each further up to twice as long.',
    }),
  })
  .refine((value) => value.token === undefined || value.tokenFile === undefined, {
    ...always,
    path: ['tokenFile'],
    message: 'give token or tokenFile, not both',
  })
  .refine((value) => value.caFile === undefined || !/^http:/.test(String(value.url)), {
    ...always,
    path: ['caFile'],
    message: 'needs a url that begins with https://',
  });

/** The section `detector`. */
export const detectorSchema = z.strictObject({
  model: z.string().min(1).default('vedette-nano').meta({
    description:
      'Name of an installed or bundled model (`vedette models list`), or a path (with a slash, relative to the configuration file) to a folder with a manifest.json.',
  }),
  lighter: z.string().min(1).optional().meta({
    description:
      'A model with a smaller input and the same labels, named as `model` is: the last rung of the ladder; default: none, the rung is left out.',
  }),
  providers: z
    .array(z.enum(['auto', 'tensorrt', 'cuda', 'webgpu', 'xnnpack', 'qnn', 'cpu']))
    .min(1)
    .default(['auto'])
    .meta({
      description:
        "Execution providers in order of preference; 'auto' stands for what the board has: TensorRT and CUDA where there is an NVIDIA GPU. The CPU is always the last resort (docs/providers.md).",
    }),
  library: z.string().min(1).optional().meta({
    description:
      'ONNX Runtime library instead of the one that comes with the daemon: a folder, or a file libonnxruntime.so (relative to the configuration file); of the same version, or with a binding beside it. One that does not fit is told and not used.',
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
    .meta({ description: 'Time allowed for loading the model and warming up on the CPU (milliseconds).' }),
  acceleratorTimeoutMs: z.int().min(1000).max(7200000).default(1200000).meta({
    description:
      'Time allowed for the same on an accelerator, which may have to build an engine first (milliseconds). One that needs longer is left out from then on.',
  }),
  memoryMb: z.int().min(0).max(65536).default(512).meta({
    description:
      'A detector process that takes more memory than this is replaced by a fresh one between two frames (megabytes); 0 never does.',
  }),
  remote: remote.optional().meta({
    description:
      'A stronger machine that runs the same model and is asked first; the local model answers whenever it does not (docs/remote-detector.md).',
  }),
});
