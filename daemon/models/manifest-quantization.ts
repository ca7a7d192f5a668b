// The part of a manifest that says how a model was quantized and what came of it. Written by `vedette models quantize`, read by
// whoever wants to know; docs/quantize.md explains it. Pure.
import { z } from 'zod';
import { METHODS } from './calibrate-range.ts';

const text = z.string().min(1).max(2000);
const count = z.int().min(0);
const number = z.number();

const accuracy = z.strictObject({
  /** What is counted: see docs/quantize.md. */
  measure: z.enum(['ap50', 'top1', 'miou', 'cosine']),
  /** What it is held against. */
  against: z.enum(['float', 'labels']),
  /** In words: the answers of the float model, or the folder of labels. */
  truth: text,
  pictures: count,
  /** 0..1; 1 by definition where its own answers are the truth. */
  float: number,
  int8: number,
  /** Percentage points lost. */
  lossPoints: number,
});

export const quantizationSchema = z.strictObject({
  from: z.strictObject({ name: text, version: text, sha256: text, bytes: count }),
  date: text,
  method: z.enum(METHODS),
  /** Percent of the values within the ranges, where that is another than usual. */
  percentile: number.optional(),
  calibration: z.strictObject({
    source: text,
    pictures: count,
    /** Pictures that were not calibrated with: what is said of accuracy is measured on them. */
    controlPictures: count,
  }),
  /** Two products fit into 16 bits: processors without VNNI need not compute more exactly (docs/int8.md). */
  saturationFree: z.boolean().optional(),
  equalised: z.boolean(),
  biasCorrected: z.boolean(),
  /** How weights were rounded: together (round-weights.ts), or each to its nearest integer, as all were before there was a choice. */
  rounding: z.enum(['together', 'nearest']).optional(),
  /** Nodes of the body left in float, and why. */
  floatNodes: z.array(z.strictObject({ name: text, reason: text })).max(10_000),
  /** In the graph that ONNX Runtime makes of it on the board. */
  convolutions: z.strictObject({ integer: count, float: count }),
  size: z.strictObject({ floatBytes: count, bytes: count }),
  speed: z.strictObject({
    floatMs: number,
    int8Ms: number,
    /** Float over int8: above 1 the quantized model is faster. */
    ratio: number,
    threads: count,
    cpu: text,
    features: z.array(text).max(100),
  }),
  /** Against the float model's own answers, and on labels where there were some. */
  accuracy: z.array(accuracy).max(10),
  /** Every convolution in the order of the graph. */
  layers: z
    .array(
      z.strictObject({
        name: text,
        float: z.boolean(),
        /** Signal to noise of its output, decibels; null: no noise. */
        sqnrDb: number.nullable(),
        /** Of the error of the outputs, the share that would be gone if it were in float. */
        gain: number.optional(),
      }),
    )
    .max(10_000),
  /** It was written although it is slower or worse than the limits: why. */
  forced: z.array(text).max(10).optional(),
});

export type Quantization = z.output<typeof quantizationSchema>;
export type Accuracy = Quantization['accuracy'][number];
