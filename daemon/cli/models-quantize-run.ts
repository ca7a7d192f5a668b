// The work of `vedette models quantize`: finds the model, gathers pictures into the work folder, quantizes, judges, installs, and
// prints the report. Main thread of the command.
import { createHash } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config/types.ts';
import { openGraph } from '../detector/graph-session.ts';
import { defaultThreads } from '../detector/threads.ts';
import { Trials } from '../detector/trial.ts';
import type { CalibrationMethod } from '../models/calibrate-range.ts';
import { prepare } from '../models/fold.ts';
import { installedModels, verifyFile } from '../models/manifest.ts';
import type { Quantization } from '../models/manifest-quantization.ts';
import type { Manifest } from '../models/manifest-schema.ts';
import type { OnnxModel } from '../models/onnx.ts';
import { readOnnx } from '../models/onnx-file.ts';
import type { Picture } from '../models/picture.ts';
import { type Quantized, quantize, refuseQuantized } from '../models/quantize.ts';
import { keep, keptBytes, PICTURES_MIN, picturesToGather, splitFeeds } from '../models/quantize-feeds.ts';
import { manifestOf, shortcomings } from '../models/quantize-result.ts';
import { type KeptPictures, sweepWork, WorkFolder } from '../models/quantize-work.ts';
import { checkName, type FoundModel, ModelStore } from '../models/store.ts';
import type { Clock } from '../platform/clock.ts';
import { readCpu } from '../platform/cpu.ts';
import { VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import { type PictureSource, pictureSource } from './calibration-pictures.ts';
import type { CommandContext } from './context.ts';
import { quantizeCard, quantizeJson, quantizeText, type Report } from './models-quantize-report.ts';
import { StandardOutput } from './output.ts';
import { Steps } from './progress.ts';
import { labelledOn, openPair } from './quantize-pair.ts';

export interface QuantizeFlags {
  readonly calibrate: string;
  readonly method?: CalibrationMethod;
  readonly pictures: number;
  readonly every: number;
  readonly name?: string;
  readonly keepFloat?: readonly string[];
  readonly eval?: string;
  readonly lossMax: number;
  readonly disagreementMax: number;
  readonly force?: true;
  readonly json?: true;
  readonly config?: string;
  readonly data?: string;
}

/** Another number when the same pictures would give another model than before: what older versions have begun is begun anew. */
const WORK_VERSION = 1;

export async function runQuantize(
  name: string,
  flags: QuantizeFlags,
  context: CommandContext,
): Promise<void> {
  const { clock } = context;
  const dataDir = dataFolder(flags.data, process.env);
  const store = new ModelStore({ dataDir, clock });
  const found = await findModel(store, name);
  const { manifest } = found;
  const newName = flags.name ?? `${found.name}-int8`;
  const replace = await mayReplace(store, newName, manifest.name);
  if (flags.eval !== undefined && manifest.task !== 'detect') {
    const what = `--eval: labelled photos are for models that detect, '${manifest.name}' is one for ${manifest.task}`;
    throw new VedetteError('USAGE', what, { task: manifest.task });
  }
  const file = join(found.folder, manifest.file);
  await verifyFile(file, manifest);
  const model = readOnnx(file);
  refuseQuantized(manifest.name, model);
  refuseUnknownNodes(model, flags.keepFloat ?? []);
  const source = await pictureSource(flags.calibrate, {
    clock,
    everyS: flags.every,
    config: () => loadConfiguration(flags.config),
    onSkip: ({ name: photo, reason }) => warn(`${join(flags.calibrate, photo)} ${reason}; passed over`),
  });
  const works = join(installedModels(dataDir), '.work');
  sweepWork(works, clock.nowMs());
  using work = new WorkFolder(join(works, workKey(manifest, flags, source)));
  const steps = new Steps(clock);
  const asked: Asked = { found, model, flags, source, steps, context };
  const finished = await quantizeIn(work, asked).finally(() => steps.end());
  const report = reportOf({ asked, finished, newName });
  const isWritten = await deliver(report, { store, asked, finished, replace });
  // After a refusal --force needs nothing of it done again but the labelled photos, yet other pictures of a camera may do better.
  if (isWritten || source.fingerprint === undefined) work.remove();
  if (!isWritten) throw refusal(report);
}

/** Throws MODEL_NOT_FOUND; USAGE for a file that no manifest tells of. */
async function findModel(store: ModelStore, name: string): Promise<FoundModel> {
  if (name.endsWith('.onnx')) {
    const what = `'${name}' is a file without a manifest: bring it into the store first (vedette models add ${name}), then give its name`;
    throw new VedetteError('USAGE', what, { name });
  }
  return store.find(name);
}

/** An older result for the same model is replaced; anything else of that name is not. */
async function mayReplace(store: ModelStore, newName: string, from: string): Promise<boolean> {
  checkName(newName);
  const there = (await store.list()).find((model) => model.name === newName);
  if (there?.where !== 'installed' || there.manifest?.quantization?.from.name !== from) {
    await store.checkFree(newName);
    return false;
  }
  return true;
}

async function loadConfiguration(named: string | undefined): Promise<Config> {
  const [{ checkConfig }, { defaultConfigPaths, findConfig, loadConfig }] = await Promise.all([
    import('../core/checks.ts'),
    import('../config/load.ts'),
  ]);
  const file = findConfig(named === undefined ? defaultConfigPaths(process.env) : [named]);
  return loadConfig(file, { env: process.env, semanticChecks: checkConfig }).config;
}

/** The same for everything that leads to the same model; labelled photos do not. */
function workKey(manifest: Manifest, flags: QuantizeFlags, source: PictureSource): string {
  const { sha256, input, decoder } = manifest;
  const { method, pictures, keepFloat } = flags;
  const { description, fingerprint } = source;
  const asked = { sha256, input, decoder, method, pictures, keepFloat, description, fingerprint };
  const text = JSON.stringify({ version: WORK_VERSION, ...asked });
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

interface Asked {
  readonly found: FoundModel;
  readonly model: OnnxModel;
  readonly flags: QuantizeFlags;
  readonly source: PictureSource;
  readonly steps: Steps;
  readonly context: CommandContext;
}

async function quantizeIn(work: WorkFolder, asked: Asked): Promise<Finished> {
  const { found, model, flags, steps, context } = asked;
  const { manifest, folder } = found;
  const file = join(folder, manifest.file);
  const { signal, clock } = context;
  const onProgress = (done: number, of: number): void => steps.at('running over labelled photos', done, of);
  const labelled =
    flags.eval === undefined
      ? {}
      : { labelled: await labelledOn(flags.eval, manifest, { clock, signal, onProgress }) };
  // What lies in the store has been run when it came; anything else could take this process with it.
  if (found.where === 'elsewhere') await tryOnce(file, clock);
  using kept = work.pictures(keptBytes(manifest.input));
  await gather(kept, asked);
  const feeds = splitFeeds(kept, manifest.input);
  const quantized = await quantize({
    manifest,
    model,
    file,
    options: { method: flags.method, keepFloat: flags.keepFloat ?? [] },
    feeds,
    runtime: { open: openGraph, threads: availableParallelism(), signal },
    speedThreads: defaultThreads(),
    work,
    clock,
    onProgress: (what, done, of) => steps.at(what, done, of),
    openPair: (float, int8) => openPair(manifest, { float, int8 }, clock),
    ...labelled,
  });
  return { quantized, pictures: feeds.calibration.count, controlPictures: feeds.control.count };
}

interface Finished {
  readonly quantized: Quantized;
  readonly pictures: number;
  readonly controlPictures: number;
}

/** Fills up what a run before has left. Throws PHOTOS_NOT_FOUND when there are too few to say anything. */
async function gather(kept: KeptPictures, { found, flags, source, steps, context }: Asked): Promise<void> {
  const { input } = found.manifest;
  const wanted = picturesToGather(flags.pictures);
  const what = `taking pictures: ${source.description}`;
  if (kept.count < wanted) {
    const take = (picture: Picture): void => {
      keep(kept, picture, input);
      steps.at(what, kept.count, wanted);
    };
    steps.at(what, kept.count, wanted);
    await source.gather({ wanted, taken: kept.count, take }, context.signal);
    kept.sync();
  }
  if (kept.count >= picturesToGather(PICTURES_MIN)) return;
  throw new VedetteError(
    'PHOTOS_NOT_FOUND',
    `${source.description}: ${kept.count} pictures are too few to calibrate with (at least ${picturesToGather(PICTURES_MIN)})`,
    { pictures: kept.count },
  );
}

/** Throws MODEL_UNSUPPORTED with what a process of its own has found out. */
async function tryOnce(file: string, clock: Clock): Promise<void> {
  await using trials = new Trials({ clock });
  await trials.try(file);
}

function refuseUnknownNodes(model: OnnxModel, names: readonly string[]): void {
  const known = new Set(prepare(model).graph.nodes.map((node) => node.name));
  const unknown = names.filter((name) => !known.has(name));
  if (unknown.length === 0) return;
  throw new VedetteError('USAGE', `--keep-float: the graph has no node ${unknown.join(', ')}`, { unknown });
}

function reportOf({
  asked,
  finished,
  newName,
}: {
  readonly asked: Asked;
  readonly finished: Finished;
  readonly newName: string;
}): Report {
  const { found, flags, source, context } = asked;
  const { quantized, pictures, controlPictures } = finished;
  const { manifest } = found;
  const cpu = readCpu();
  const limits = { labelledLossPoints: flags.lossMax, floatLossPoints: flags.disagreementMax };
  const refused = shortcomings(quantized, limits, cpu);
  const { method, equalised, rounding, floatNodes, convolutions, accuracy, layers, speed } = quantized;
  const quantization: Quantization = {
    from: { name: manifest.name, version: manifest.version, sha256: manifest.sha256, bytes: manifest.bytes },
    date: new Date(context.clock.nowMs()).toISOString(),
    method,
    ...(quantized.percentile === undefined ? {} : { percentile: quantized.percentile }),
    calibration: { source: source.description, pictures, controlPictures },
    saturationFree: true,
    equalised,
    biasCorrected: rounding === 'together',
    rounding,
    floatNodes,
    convolutions,
    size: { floatBytes: manifest.bytes, bytes: quantized.bytes },
    speed: {
      floatMs: speed.floatMs,
      int8Ms: speed.int8Ms,
      ratio: speed.ratio,
      threads: defaultThreads(),
      cpu: cpu.model,
      features: [...cpu.features],
    },
    accuracy: [...accuracy],
    layers,
    ...(refused.length > 0 && flags.force ? { forced: refused } : {}),
  };
  return {
    manifest: manifestOf({ name: newName, from: manifest, quantized, quantization }),
    quantization,
    refused,
  };
}

/** Into the store and onto standard output; false when it is worse than it may be. */
async function deliver(
  report: Report,
  {
    store,
    asked,
    finished,
    replace,
  }: { store: ModelStore; asked: Asked; finished: Finished; replace: boolean },
): Promise<boolean> {
  const { flags, found } = asked;
  const isWritten = report.refused.length === 0 || flags.force === true;
  const { manifest } = report;
  let folder: string | undefined;
  if (isWritten) {
    const floatCard = await readFile(join(found.folder, found.manifest.card), 'utf8').catch(() => undefined);
    const fill = async (into: string): Promise<void> => {
      await copyFile(finished.quantized.file, join(into, manifest.file));
      await writeFile(join(into, manifest.card), quantizeCard(report, floatCard));
      await writeFile(join(into, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    };
    ({ folder } = await store.install(manifest.name, fill, { replace }));
  }
  const text = flags.json
    ? `${JSON.stringify(quantizeJson(report, folder), null, 2)}\n`
    : quantizeText(report, folder);
  await new StandardOutput().write(text);
  for (const reason of report.refused) warn(isWritten ? `written all the same (--force): ${reason}` : reason);
  return isWritten;
}

function refusal({ manifest, refused }: Report): VedetteError {
  const what = refused.map((reason) => reason.split(':')[0]).join(' and ');
  return new VedetteError(
    'QUANTIZE_REFUSED',
    `model '${manifest.name}' is not written: it is ${what}; other pictures or another --method may help, --force writes it all the same`,
    { refused },
  );
}

function warn(line: string): void {
  process.stderr.write(`vedette: ${line}\n`);
}
