// The schema of a model's manifest.json: which keys there are and what each may hold. What one key says about another is
// checked in manifest.ts. Pure; docs/models.md explains every key to owners.
import { z } from 'zod';
import { quantizationSchema } from './manifest-quantization.ts';
import { TASKS, type Task } from './tasks.ts';

const VERSION = 1;
/** A model's name: a folder in a store of models; anything else is a path. */
export const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/;

const text = z.string().min(1).max(2000);
const fileName = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$/, 'must be the plain name of a file in the same folder');
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits');
const bytes = z.int().min(1).max(2_000_000_000);
const fraction = z.number().min(0).max(1);
const threeNumbers = z.tuple([z.number(), z.number(), z.number()]);
const side = z.int().min(16).max(2048);

const input = z.strictObject({
  name: text,
  type: z.enum(['uint8', 'float32']),
  layout: z.enum(['nhwc', 'nchw']),
  colour: z.enum(['rgb', 'bgr']),
  mean: threeNumbers.default([0, 0, 0]),
  scale: threeNumbers.default([1, 1, 1]),
  width: side,
  height: side,
  resize: z.enum(['stretch', 'letterbox']),
});

const decoder = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('boxes-scores'), boxes: text, scores: text, nmsIou: fraction }),
  z.strictObject({
    type: z.literal('tf-ssd'),
    boxes: text,
    classes: text,
    scores: text,
    count: text,
    classOffset: z.int().min(0).max(1000).default(0),
  }),
  z.strictObject({
    type: z.literal('classes'),
    output: text,
    activation: z.enum(['none', 'softmax', 'sigmoid']),
  }),
  z.strictObject({ type: z.literal('mask'), output: text }),
  z.strictObject({ type: z.literal('features'), output: text }),
]);

/** The decoders that a task can have. */
const DECODERS_OF: Readonly<Record<Task, readonly string[]>> = {
  detect: ['boxes-scores', 'tf-ssd'],
  classify: ['classes'],
  segment: ['mask'],
  features: ['features'],
};

/** The file that an imported model was made from. */
const origin = z.strictObject({
  file: text,
  sha256,
  bytes,
  url: text.optional(),
  /** What made it and what was found in it, in words. */
  recognised: z.array(text).max(100).default([]),
  date: text,
});

/** Figures of `vedette models eval` over labelled photos, in short; docs/evaluate.md. */
const evaluation = z.strictObject({
  date: text,
  /** Of the model file that was evaluated. */
  sha256,
  sets: z.array(z.strictObject({ name: text, photos: z.int().min(0) })).min(1),
  photos: z.int().min(1),
  objects: z.int().min(1),
  map50: fraction,
  map50to95: fraction,
  recallAtThreshold: fraction,
  precisionAtThreshold: fraction.nullable(),
  perClass: z.record(text, z.strictObject({ objects: z.int().min(1), ap50: fraction, ap50to95: fraction })),
  suggestedThresholds: z.record(
    text,
    z.strictObject({ forPrecision: fraction.nullable(), bestF1: fraction.nullable() }),
  ),
  settings: z.strictObject({
    precisionTarget: fraction,
    limit: z.int().min(1).nullable(),
    seed: z.int().min(0).nullable(),
    provider: text,
  }),
});

export const manifestSchema = z.strictObject({
  v: z.literal(VERSION),
  name: z.string().regex(NAME, "must be up to 100 letters, digits, '.', '_' and '-'"),
  version: text,
  task: z.enum(TASKS),
  file: fileName,
  sha256,
  bytes,
  input,
  decoder,
  /** In the order of the outputs; a model that gives features has none. */
  labels: z.array(text).max(10_000),
  thresholdDefault: fraction,
  thresholds: z.record(z.string(), fraction).default({}),
  licence: text,
  data: z.array(z.strictObject({ name: text, licence: text, source: text })).min(1),
  source: text,
  card: fileName,
  origin: origin.optional(),
  evaluations: z.array(evaluation).max(100).optional(),
  quantization: quantizationSchema.optional(),
});

/** manifest.json as written, defaults filled in. */
export type Manifest = z.output<typeof manifestSchema>;

/** How the outputs are read. */
export type Decoder = Manifest['decoder'];

/** Known decoders of any task. */
export const DECODERS: readonly string[] = Object.values(DECODERS_OF).flat();

/** Whether a model of this task can have this decoder. */
export function decodes(task: Task, type: string): boolean {
  return DECODERS_OF[task].includes(type);
}
