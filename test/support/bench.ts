// Models and rows of a benchmark that was never run, for tests of what follows from figures.
import type { BenchModel, BenchRow, MeasuredRow } from '../../daemon/models/benchmark.ts';

export function benchModel(changes: Partial<BenchModel> = {}): BenchModel {
  return {
    name: 'nano',
    file: '/models/nano/model.onnx',
    sha256: 'a'.repeat(64),
    bytes: 900_000,
    task: 'detect',
    labels: ['person', 'car', 'dog'],
    width: 320,
    height: 320,
    precision: 'int8',
    parameters: 730_000,
    ...changes,
  };
}

export interface RowWish extends Partial<BenchRow> {
  readonly p50Ms: number;
  /** Of a frame at the cameras' pace; default `p50Ms` times the threads. */
  readonly cpuMs?: number;
}

export function benchRow({ p50Ms, cpuMs, ...changes }: RowWish): MeasuredRow {
  const { threads = 1 } = changes;
  const cost = cpuMs ?? p50Ms * threads;
  return {
    model: 'nano',
    provider: 'cpu',
    threads,
    spinning: false,
    ...changes,
    figures: {
      rounds: 3,
      runs: 300,
      loadMs: 50,
      p50Ms,
      p90Ms: p50Ms * 1.2,
      p99Ms: p50Ms * 1.5,
      worstMs: p50Ms * 2,
      cpuMs: cost,
      rssBytes: 80e6,
      paced: { perS: 5, p50Ms: p50Ms * 1.1, cpuMs: cost },
      flags: [],
    },
  };
}
