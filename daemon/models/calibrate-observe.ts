// Runs a model over pictures and shows the values inside it: they become outputs of the graph, so many at a time that what one
// run brings stays within a limit of memory. Runs what it is given to run with; main thread of a command.
import type { GraphSession, OpenGraph, TensorData } from '../core/infer.ts';
import { VedetteError } from '../platform/errors.ts';
import { removeDead } from './graph.ts';
import type { Graph, OnnxModel } from './onnx.ts';
import { encodeModel } from './onnx-write.ts';

/** Inputs of a model, one set per picture; the same again whenever it is asked. */
export interface Feeds {
  readonly count: number;
  at(index: number): Readonly<Record<string, TensorData>>;
}

export interface ObserveJob {
  readonly model: OnnxModel;
  /** Names of float32 values of the graph. */
  readonly values: readonly string[];
  readonly feeds: Feeds;
  readonly open: OpenGraph;
  readonly threads: number;
  readonly signal: AbortSignal;
}

/**
 * Of the values that one run brings out. The runtime holds them once and copies them once, and the copy of the run before may
 * not have been collected: a 2 GB board has room for four times this.
 */
const CHUNK_BYTES = 32 * 2 ** 20;
/** Values looked at together when only their sizes are wanted. */
const SIZING = 8;

/** The values in groups that are run together, in the order in which they were given. */
export async function chunksOf(job: ObserveJob, chunkBytes = CHUNK_BYTES): Promise<string[][]> {
  const chunks: string[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (let at = 0; at < job.values.length; at += SIZING) {
    const names = job.values.slice(at, at + SIZING);
    const found = await withSession(job, names, (run) => run(0));
    for (const name of names) {
      const size = found[name]!.data.byteLength;
      if (bytes + size > chunkBytes) {
        chunks.push([]);
        bytes = 0;
      }
      chunks.at(-1)!.push(name);
      bytes += size;
    }
  }
  return chunks;
}

/** Runs one picture: all values of a chunk by name. */
export type RunPicture = (picture: number) => Promise<Readonly<Record<string, TensorData>>>;

/** Opens the part of the model that makes these values, lets `work` run pictures through it, and closes it. */
export async function withSession<T>(
  { model, feeds, open, threads, signal }: Omit<ObserveJob, 'values'>,
  values: readonly string[],
  work: (run: RunPicture) => Promise<T>,
): Promise<T> {
  const inputs = new Set(model.graph.inputs.map(({ name }) => name));
  const inside = values.filter((name) => !inputs.has(name));
  const session = inside.length === 0 ? undefined : await openPart(model, inside, open, threads);
  try {
    return await work(async (picture) => {
      signal.throwIfAborted();
      const given = feeds.at(picture);
      const found = session === undefined ? {} : await session.run(onlyWanted(given, session));
      // What goes in is a value too; a graph cannot give it out.
      return Object.fromEntries(values.map((name) => [name, float(name, found[name] ?? given[name])]));
    });
  } finally {
    await session?.release();
  }
}

/** A part of the graph may need fewer inputs than all of it. */
function onlyWanted(
  given: Readonly<Record<string, TensorData>>,
  session: GraphSession,
): Record<string, TensorData> {
  return Object.fromEntries(session.inputs.map(({ name }) => [name, given[name]!]));
}

function float(name: string, found: TensorData | undefined): TensorData {
  if (found?.type === 'float32') return found;
  throw new VedetteError(
    'MODEL_UNSUPPORTED',
    `value '${name}' of the graph is ${found?.type ?? 'not there'}, float32 is expected`,
  );
}

/** A graph that makes these values and nothing else. */
async function openPart(
  model: OnnxModel,
  values: readonly string[],
  open: OpenGraph,
  threads: number,
): Promise<GraphSession> {
  return open(encodeModel(partOf(model, values)), { threads });
}

export function partOf(model: OnnxModel, values: readonly string[]): OnnxModel {
  const { graph } = model;
  const part: Graph = {
    ...graph,
    nodes: [...graph.nodes],
    initializers: new Map(graph.initializers),
    outputs: values.map((name) => ({ name, type: 'float32', dims: undefined })),
    valueInfo: graph.valueInfo.filter(({ name }) => !values.includes(name)),
  };
  removeDead(part);
  const needed = new Set(part.nodes.flatMap(({ inputs }) => inputs));
  part.inputs = graph.inputs.filter(({ name }) => needed.has(name));
  return { ...model, graph: part };
}
