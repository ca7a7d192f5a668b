// What was measured on this board, kept in the data folder: an owner who asks again is told at once. A row is found again by the
// processor, the version of the runtime and the hash of the model, so that nothing old is shown for something new. Knows no
// process; any thread.
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import type { CpuFacts } from '../platform/cpu.ts';
import { readProblem } from '../platform/errors.ts';
import { writeWhole } from '../platform/whole-file.ts';
import type { BenchRow, BenchSetting } from './benchmark.ts';

const VERSION = 1;
/** The oldest go first. */
const ROWS_MAX = 1000;

const ms = z.number().min(0);
const pair = z.tuple([z.number(), z.number()]).readonly();

const rowSchema = z.strictObject({
  /** Processor and runtime in words: what `boardKey` gives. */
  board: z.string(),
  sha256: z.string(),
  provider: z.string(),
  threads: z.int().min(1),
  spinning: z.boolean(),
  /** Seconds of measuring that stand behind it. */
  seconds: z.number().min(0),
  atMs: z.number(),
  figures: z.strictObject({
    rounds: z.int().min(1),
    runs: z.int().min(1),
    loadMs: ms,
    p50Ms: ms,
    p90Ms: ms,
    p99Ms: ms,
    worstMs: ms,
    cpuMs: ms,
    rssBytes: z.number(),
    paced: z.strictObject({ perS: z.number(), p50Ms: ms, cpuMs: ms }).exactOptional(),
    celsius: pair.exactOptional(),
    flags: z.array(z.string()).readonly(),
  }),
  golden: z.strictObject({ found: z.int(), expected: z.int(), false: z.int() }).exactOptional(),
});
const fileSchema = z.strictObject({ v: z.literal(VERSION), rows: z.array(rowSchema) });

export type KeptRow = z.output<typeof rowSchema>;

/** What a figure holds for, beside the model and the way it is run. */
export function boardKey({ arch, model, cores, features }: CpuFacts, runtimeVersion: string): string {
  const instructions = features.length === 0 ? 'no known features' : features.join(', ');
  return `${cores} x ${model} (${arch}): ${instructions}; onnxruntime ${runtimeVersion}`;
}

/** What the row must at least have, to be as good as measured now. */
export interface KeptWish {
  readonly board: string;
  readonly sha256: string;
  readonly seconds: number;
  /** Frames a second at which CPU time is wanted. */
  readonly perS: number | undefined;
}

/** The kept row of that setting, or undefined where it has to be measured. */
export function keptRow(
  rows: readonly KeptRow[],
  setting: BenchSetting,
  wish: KeptWish,
): BenchRow | undefined {
  const found = rows.findLast(
    (row) =>
      isSame(row, { ...setting, ...wish }) &&
      row.seconds >= wish.seconds &&
      (wish.perS === undefined || row.figures.paced?.perS === wish.perS),
  );
  if (found === undefined) return undefined;
  const { figures, golden, atMs } = found;
  return { ...setting, figures, keptAtMs: atMs, ...(golden === undefined ? {} : { golden }) };
}

type RowKey = Pick<KeptRow, 'board' | 'sha256' | 'provider' | 'threads' | 'spinning'>;

function isSame(a: RowKey, b: RowKey): boolean {
  return (
    a.board === b.board &&
    a.sha256 === b.sha256 &&
    a.provider === b.provider &&
    a.threads === b.threads &&
    a.spinning === b.spinning
  );
}

/** New rows take the place of old ones of the same key. */
export function mergeKept(old: readonly KeptRow[], rows: readonly KeptRow[]): KeptRow[] {
  const rest = old.filter((one) => !rows.some((row) => isSame(one, row)));
  return [...rest, ...rows].slice(-ROWS_MAX);
}

export function benchPath(dataDir: string): string {
  return join(dataDir, 'bench.json');
}

export interface KeptFile {
  readonly rows: readonly KeptRow[];
  /** Why a file that is there says nothing. */
  readonly problem?: string;
}

export function readKept(path: string): KeptFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return isMissing ? { rows: [] } : { rows: [], problem: `${path} ${readProblem(error)}` };
  }
  try {
    return { rows: fileSchema.parse(JSON.parse(text)).rows };
  } catch {
    return { rows: [], problem: `${path} is damaged or of another version; it is set aside and made anew` };
  }
}

/** Whole or not at all; a file that could not be read is set aside. Throws what stands in the way. */
export function writeKept(path: string, rows: readonly KeptRow[], { problem }: KeptFile): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (problem !== undefined) renameSync(path, `${path}.damaged`);
  writeWhole(path, Buffer.from(`${JSON.stringify({ v: VERSION, rows }, null, 1)}\n`));
}
