// `vedette models eval`: how well a model detects in labelled photos. The work is in models/eval.ts; this gives it a session,
// says how far it is on standard error and keeps the figures in the model's manifest. Main thread. docs/evaluate.md.
import { join, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ProviderChoice } from '../detector/providers.ts';
import type { EvalDocument } from '../models/eval-record.ts';
import type { LabelledSet } from '../models/labelled-set.ts';
import type { FoundModel, ModelStore } from '../models/store.ts';
import { VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import type { CommandContext } from './context.ts';
import type { ReportedModel } from './models-eval-report.ts';
import { collect, dataOption, wholeNumber } from './options.ts';
import { StandardOutput } from './output.ts';
import { ProgressBar } from './progress.ts';

interface EvalFlags {
  readonly json?: true;
  readonly compare?: readonly string[];
  readonly limit?: number;
  readonly seed?: number;
  readonly precision: number;
  readonly bootstrap: number;
  readonly threads: number;
  readonly provider: ProviderChoice;
  readonly store: boolean;
  readonly data?: string;
}

const PROVIDERS = ['auto', 'tensorrt', 'cuda', 'cpu'] as const satisfies readonly ProviderChoice[];

const AFTER = `
A labelled folder has a .txt beside each photo (class, centre x, centre y, width, height in 0..1) and a dataset.json,
classes.txt, labels.txt or data.yaml that names the classes, there or above. 'default' is the model that vedette uses when
nothing else is configured. Figures are per cent, in the JSON fractions.

Examples:
  vedette models eval default photos/val
  vedette models eval ./my-model photos/val --compare default --json`;

/** The command. */
export function modelsEvalCommand({ signal, clock }: CommandContext): Command {
  return new Command('eval')
    .description('how well a model detects in labelled photos; thresholds that would suit it')
    .argument('<model>', "name or path of a model, or 'default'")
    .argument('<folder...>', 'folders of labelled photos, evaluated together')
    .option('--json', 'print one JSON document, docs/evaluate.md')
    .addOption(new Option('--compare <model>', 'another model over the same photos').argParser(collect))
    .addOption(
      new Option('--limit <photos>', 'photos of each folder at most').argParser(wholeNumber(1, 1_000_000)),
    )
    .addOption(
      new Option('--seed <number>', 'choose the photos by chance (default: by name)').argParser(
        wholeNumber(0, 2 ** 32 - 1),
      ),
    )
    .addOption(
      new Option('--precision <share>', 'share of right detections that a suggested threshold shall reach')
        .argParser(share)
        .default(0.9),
    )
    .addOption(
      new Option('--bootstrap <count>', 'resamples for the intervals, 0 for none')
        .argParser(wholeNumber(0, 10_000))
        .default(200),
    )
    .addOption(
      new Option('--threads <count>', 'threads of one inference').argParser(wholeNumber(1, 16)).default(1),
    )
    .addOption(new Option('--provider <name>', 'execution provider').choices(PROVIDERS).default('cpu'))
    .option('--no-store', "leave the model's manifest as it is")
    .addOption(dataOption())
    .addHelpText('after', AFTER)
    .action(async (model: string, folders: string[], flags: EvalFlags) => {
      const { openLabelledSet } = await import('../models/labelled-set.ts');
      const sets: LabelledSet[] = [];
      // One that is named twice would count twice.
      for (const folder of new Set(folders.map((path) => resolve(path)))) {
        sets.push(await openLabelledSet(folder));
      }
      const evaluated: ReportedModel[] = [];
      for (const name of [model, ...(flags.compare ?? [])]) {
        evaluated.push(await evaluateModel(name, sets, flags, { signal, clock }));
      }
      const { evalJson, evalText } = await import('./models-eval-report.ts');
      await new StandardOutput().write(
        flags.json ? `${JSON.stringify(evalJson(evaluated), null, 2)}\n` : evalText(evaluated),
      );
    });
}

async function evaluateModel(
  name: string,
  sets: readonly LabelledSet[],
  flags: EvalFlags,
  { signal, clock }: Pick<CommandContext, 'signal' | 'clock'>,
): Promise<ReportedModel> {
  const [{ ModelStore }, { loadModel }, { evaluate }, { evalDocument }, { openDetect }] = await Promise.all([
    import('../models/store.ts'),
    import('../models/manifest.ts'),
    import('../models/eval.ts'),
    import('../models/eval-record.ts'),
    import('./model-detect.ts'),
  ]);
  const store = new ModelStore({ dataDir: dataFolder(flags.data, process.env), clock });
  const found = await store.find(name);
  const { manifest } = found;
  if (manifest.task !== 'detect') throw cannot(manifest.name, manifest.task);
  const model = await loadModel(found.folder);
  const { provider: wanted, threads, limit, seed, precision, bootstrap } = flags;
  await using opened = await openDetect({ model, providers: [wanted], threads, clock });
  for (const { provider, reason } of opened.fallbacks) warn(`provider ${provider} is not used: ${reason}`);
  const wishes = { limit, seed, precisionTarget: precision, resamples: bootstrap };
  const bar = new ProgressBar(clock);
  const result = await evaluate({
    model,
    detect: opened.detect,
    sets,
    ...wishes,
    signal,
    onProgress: (done, of) => bar.at(done, of),
    onSkip: (set, { name: photo, reason }) => {
      bar.end();
      warn(`${join(set.photos, photo)} ${reason}; passed over`);
    },
  }).finally(() => bar.end());
  const facts = { manifest, wishes, provider: opened.provider, threads, nowMs: clock.nowMs() };
  const document = evalDocument(result, facts);
  const notStored = flags.store ? await keep(store, found, document) : '--no-store';
  return { result, document, notStored };
}

/** Into the manifest; or why not: a model that comes with the program stays as it was published. */
async function keep(
  store: ModelStore,
  { where, folder, name }: FoundModel,
  document: EvalDocument,
): Promise<string | undefined> {
  if (where === 'bundled') return `model '${name}' comes with vedette and stays as it is`;
  const { withEvaluation } = await import('../models/eval-record.ts');
  try {
    await store.changeManifest(folder, (manifest) => withEvaluation(manifest, document));
  } catch (error) {
    // The figures are there all the same.
    if (error instanceof VedetteError) return error.message;
    throw error;
  }
  return undefined;
}

function cannot(model: string, task: string): VedetteError {
  return new VedetteError(
    'MODEL_UNSUPPORTED',
    `model '${model}': its task is '${task}'; eval measures models whose task is 'detect'`,
    { model, task },
  );
}

function warn(line: string): void {
  process.stderr.write(`vedette: ${line}\n`);
}

function share(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value > 0 && value <= 1) return value;
  throw new InvalidArgumentError(`must be a number above 0, up to 1 (got '${text}')`);
}
