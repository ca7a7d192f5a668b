// A model from an ONNX file: recognised, brought into the form that Vedette runs, and described in a manifest and a card. Nothing
// is written here but into a folder that is given; who installs it is models/store.ts. Models run only in trials, in another process
// that the caller brings. Main thread of a command.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { TensorData } from '../core/infer.ts';
import { VedetteError } from '../platform/errors.ts';
import { Findings } from './findings.ts';
import { GraphIndex } from './graph.ts';
import { buildImported, type Imported } from './import-build.ts';
import { cardOf } from './import-card.ts';
import { checkImportable } from './import-check.ts';
import { normaliseInput, trialPicture } from './import-input.ts';
import { proveImported } from './import-proof.ts';
import { sizeOtherwise } from './import-size.ts';
import { type ImportWishes, NORMALISATIONS } from './import-wishes.ts';
import type { Manifest } from './manifest-schema.ts';
import { decodeModel, type OnnxModel } from './onnx.ts';
import { readModelBytes } from './onnx-file.ts';
import { encodeModel } from './onnx-write.ts';
import type { Picture } from './picture.ts';
import { recogniseHead } from './recognise-head.ts';
import { type InputFacts, recogniseInput } from './recognise-input.ts';
import { recogniseSource } from './recognise-source.ts';
import { isLinear, tailOf } from './recognise-tail.ts';

/** Runs a model, its bytes or a file, once, somewhere that it can do no harm; rejects with MODEL_UNSUPPORTED and the bare reason. */
export type TryModel = (
  model: Uint8Array | string,
  feeds: Readonly<Record<string, TensorData>>,
) => Promise<Readonly<Record<string, TensorData>>>;

export interface ImportRequest {
  /** Path of the ONNX file. */
  readonly file: string;
  readonly name: string;
  readonly wishes: ImportWishes;
  readonly licence?: string;
  /** Median score that confirms a track; default 0.5. */
  readonly threshold?: number;
  readonly nmsIou?: number;
  readonly trial: TryModel;
  /** Where it comes from, where it was fetched. */
  readonly url?: string;
  /** What it was trained on, where that is known. */
  readonly data?: Manifest['data'];
  readonly nowMs: number;
}

/** A model that can be installed. */
export interface PreparedModel {
  readonly manifest: Manifest;
  /** What was found, with reasons. */
  readonly facts: readonly string[];
  /** Puts manifest.json, the model and its card into a folder. */
  fill(folder: string): Promise<void>;
  /** Runs the model of that file over a picture; throws MODEL_UNSUPPORTED when what comes out is not what the manifest says. */
  prove(file: string, picture: Picture): Promise<void>;
}

const MODEL_FILE = 'model.onnx';
const CARD_FILE = 'CARD.md';
/** The first that wants constants not to be inputs too. */
const IR_VERSION_MIN = 4;

/**
 * Reads and recognises a file, and makes a model of it. Throws MODEL_NOT_FOUND, MODEL_UNSUPPORTED with the reason, MODEL_UNCLEAR with
 * everything that is to be said by flags.
 */
export async function prepareImport(request: ImportRequest): Promise<PreparedModel> {
  const { file, wishes, trial } = request;
  const bytes = readModelBytes(file);
  return named(file, async () => {
    const findings = new Findings();
    const imported = await recognise(bytes, { wishes, trial, file, findings });
    return prepared(request, bytes, imported, findings.facts);
  });
}

/** Lets errors begin with the file. */
async function named<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof VedetteError) || error.message.startsWith(file)) throw error;
    throw new VedetteError(error.code, `${file}: ${error.message}`, { file, ...error.data }, error);
  }
}

interface Recognising {
  readonly wishes: ImportWishes;
  readonly trial: TryModel;
  readonly file: string;
  readonly findings: Findings;
}

async function recognise(
  bytes: Uint8Array,
  { wishes, trial, file, findings }: Recognising,
): Promise<Imported & { readonly model: OnnxModel }> {
  const model = decodeModel(bytes);
  checkImportable(model);
  model.irVersion = Math.max(model.irVersion, IR_VERSION_MIN);
  const source = recogniseSource(model, findings);
  const input = recogniseInput(model, wishes, findings, sizeOtherwise(model, source));
  const values = await firstRun(model, input, trial);
  const index = new GraphIndex(model.graph);
  const context = { model, index, input, source, wishes, findings, values };
  const head = recogniseHead(context);
  return { model, ...buildImported(context, head, file) };
}

/** The outputs and the values before them of one run: their sizes are evidence. */
async function firstRun(
  model: OnnxModel,
  input: InputFacts,
  trial: TryModel,
): Promise<ReadonlyMap<string, TensorData>> {
  const { graph } = model;
  const index = new GraphIndex(graph);
  const names = new Set(graph.outputs.map(({ name }) => name));
  for (const { name } of graph.outputs) {
    for (const { value, node } of tailOf(graph, index, name)) {
      if (isLinear(graph, index, node)) names.add(value);
      // What the best is taken of: as many as there are classes.
      if (node.opType === 'ArgMax') names.add(node.inputs[0]!);
    }
  }
  const outputs = [...names].map(
    (name) =>
      graph.outputs.find((output) => output.name === name) ?? {
        name,
        type: 'other' as const,
        dims: undefined,
      },
  );
  const nodes = graph.nodes.map((node) => ({
    ...node,
    inputs: [...node.inputs],
    attributes: new Map(node.attributes),
  }));
  const watched: OnnxModel = {
    ...model,
    graph: { ...graph, nodes, inputs: [...graph.inputs], initializers: new Map(graph.initializers), outputs },
  };
  const isInside = input.chain.steps.length > 0;
  const normalisation = NORMALISATIONS[isInside ? '0..255' : '-1..1'];
  const { name } = normaliseInput(watched, { input, normalisation, colour: 'rgb', resize: 'stretch' });
  const results = await trial(encodeModel(watched), { [name]: trialPicture(input) });
  return new Map(Object.entries(results));
}

function prepared(
  request: ImportRequest,
  original: Uint8Array,
  imported: Imported & { readonly model: OnnxModel },
  facts: readonly string[],
): PreparedModel {
  const { file, name, licence = 'unknown', threshold = 0.5, url, nowMs } = request;
  const bytes = encodeModel(imported.model);
  const source = url ?? basename(file);
  const manifest: Manifest = {
    v: 1,
    name,
    version: '1',
    task: imported.task,
    file: MODEL_FILE,
    sha256: hashOf(bytes),
    bytes: bytes.length,
    input: { ...imported.input, mean: [0, 0, 0], scale: [1, 1, 1] },
    decoder:
      imported.decoder.type === 'boxes-scores' && request.nmsIou !== undefined
        ? { ...imported.decoder, nmsIou: request.nmsIou }
        : imported.decoder,
    labels: [...imported.labels],
    thresholdDefault: threshold,
    thresholds: {},
    licence,
    data: request.data ?? [{ name: 'unknown', licence: 'unknown', source }],
    source,
    card: CARD_FILE,
    origin: {
      ...(url === undefined ? {} : { url }),
      file: basename(file),
      sha256: hashOf(original),
      bytes: original.length,
      recognised: [...facts],
      date: new Date(nowMs).toISOString().slice(0, 10),
    },
  };
  return {
    manifest,
    facts,
    fill: async (folder) => {
      writeFileSync(join(folder, MODEL_FILE), bytes);
      writeFileSync(join(folder, CARD_FILE), cardOf(manifest));
      writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    },
    prove: (path, picture) =>
      named(file, () =>
        proveImported(manifest, imported.sumsToOne, { file: path, picture, trial: request.trial }),
      ),
  };
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
