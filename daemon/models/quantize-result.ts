// What becomes of a quantization: whether it is worth having, and the manifest of the new model. Pure.
import type { CpuFacts } from '../platform/cpu.ts';
import type { Quantization } from './manifest-quantization.ts';
import type { Manifest } from './manifest-schema.ts';
import type { Quantized } from './quantize.ts';

/** What may be lost, in percentage points. */
export interface Limits {
  /** On labelled photos. */
  readonly labelledLossPoints: number;
  /** Against the float model's own answers, which also counts what neither is sure of. */
  readonly floatLossPoints: number;
}

/** Why a quantized model is not worth having; empty when it is. Slower is what most of the rounds say, whatever the noise. */
export function shortcomings({ speed, accuracy }: Quantized, limits: Limits, cpu: CpuFacts): string[] {
  const reasons: string[] = [];
  if (speed.ratio < 1 && speed.ratioHigh < 1) {
    const why = hasIntegerInstructions(cpu) ? '' : `; ${whyIntegersAreSlow(cpu)}`;
    const { int8Ms, floatMs, ratio } = speed;
    reasons.push(
      `slower: ${int8Ms.toFixed(2)} ms a run, the float model ${floatMs.toFixed(2)} ms (ratio ${ratio.toFixed(2)}, limit 1)${why}`,
    );
  }
  for (const { measure, against, float, int8, lossPoints } of accuracy) {
    const limit = against === 'float' ? limits.floatLossPoints : limits.labelledLossPoints;
    if (lossPoints <= limit) continue;
    const where = against === 'float' ? 'with the float model for the truth' : 'on the labelled photos';
    reasons.push(
      `worse: ${MEASURES[measure]} ${where} is ${percent(int8)} instead of ${percent(float)} (${lossPoints} points lost, limit ${limit})`,
    );
  }
  return reasons;
}

export const MEASURES: Readonly<Record<Quantization['accuracy'][number]['measure'], string>> = {
  ap50: 'AP50',
  top1: 'top-1',
  miou: 'mean IoU',
  cosine: 'cosine',
};

/** Whether the processor multiplies and adds bytes in one instruction, or as good as. */
export function hasIntegerInstructions({ arch, features }: CpuFacts): boolean {
  const wanted = arch === 'arm64' ? ['dotprod', 'i8mm'] : ['avx2', 'avx_vnni', 'avx512_vnni'];
  return wanted.some((name) => features.includes(name));
}

function whyIntegersAreSlow({ arch, model }: CpuFacts): string {
  return arch === 'arm64'
    ? `this processor (${model}) has no dot-product instructions (Armv8.2 asimddp), without which products of bytes are no faster than those of floats: keep the float model here; int8 is for newer cores, such as the Cortex-A76 of the Raspberry Pi 5`
    : `this processor (${model}) has no AVX2, without which products of bytes are no faster than those of floats: keep the float model here`;
}

/** 0.4231 as '42.3 %'. */
export function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)} %`;
}

export interface NewModel {
  readonly name: string;
  readonly from: Manifest;
  readonly quantized: Pick<Quantized, 'sha256' | 'bytes'>;
  readonly quantization: Quantization;
}

/** As the float model's, with a file, a history and figures of its own. */
export function manifestOf({ name, from, quantized, quantization }: NewModel): Manifest {
  const { evaluations: _, ...rest } = from;
  return {
    ...rest,
    name,
    file: 'model-int8.onnx',
    sha256: quantized.sha256,
    bytes: quantized.bytes,
    source: `quantized by vedette from model '${from.name}': ${from.source}`.slice(0, 2000),
    card: 'CARD.md',
    quantization,
  };
}
