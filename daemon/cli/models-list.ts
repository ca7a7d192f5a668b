// `vedette models list`: the models on this board, and with --all those of the catalogue. Reads manifests and graphs, runs
// nothing. docs/models.md.
import { join } from 'node:path';
import { Command } from 'commander';
import type { CatalogueEntry } from '../models/catalogue.ts';
import type { Precision } from '../models/graph-facts.ts';
import type { StoredModel } from '../models/store.ts';
import { VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import { plainText } from '../platform/show.ts';
import type { CommandContext } from './context.ts';
import { type ModelUses, modelUses, usesOf } from './model-uses.ts';
import { inputWords, megabytes, newestEvaluation, percent } from './model-words.ts';
import { configOption, dataOption } from './options.ts';
import { StandardOutput } from './output.ts';
import { textTable } from './text-table.ts';

interface ListFlags {
  readonly all?: true;
  readonly json?: true;
  readonly config?: string;
  readonly data?: string;
}

export function modelsListCommand({ clock, version }: CommandContext): Command {
  return new Command('list')
    .description('the models on this board: those that come with Vedette and your own')
    .option('--all', 'also those of the catalogue that can be pulled')
    .option('--json', 'print one JSON document, docs/models.md')
    .addOption(configOption())
    .addOption(dataOption())
    .action(async (flags: ListFlags) => {
      const [{ ModelStore }, { readCatalogue }] = await Promise.all([
        import('../models/store.ts'),
        import('../models/catalogue.ts'),
      ]);
      const uses = await modelUses(flags.config);
      const store = new ModelStore({ dataDir: dataFolder(flags.data, process.env), clock });
      const models = await Promise.all((await store.list()).map((model) => listed(model, uses)));
      const names = new Set(models.map(({ name }) => name));
      const others = flags.all ? (await readCatalogue()).filter(({ name }) => !names.has(name)) : [];
      const output = new StandardOutput();
      if (flags.json) {
        const catalogue = flags.all ? { catalogue: others } : {};
        await output.write(`${JSON.stringify({ v: 1, version, models, ...catalogue }, null, 2)}\n`);
        return;
      }
      await output.write(textOf(models, others));
      const hidden = await store.hidden();
      if (hidden !== undefined) process.stderr.write(`vedette: your own models are not shown: ${hidden}\n`);
      if (uses.problem !== undefined)
        process.stderr.write(`vedette: which are in use is not known: ${uses.problem}\n`);
    });
}

interface ListedModel {
  readonly name: string;
  readonly where: string;
  readonly folder: string;
  readonly hides: boolean;
  readonly inUse: readonly string[];
  readonly task: string | null;
  readonly input: string | null;
  readonly bytes: number | null;
  readonly precision: Precision | null;
  readonly map50: number | null;
  readonly problem: string | null;
}

async function listed(
  { name, where, folder, hides, manifest, problem }: StoredModel,
  uses: ModelUses,
): Promise<ListedModel> {
  const inUse = usesOf(uses, { name, folder });
  const known = { name, where, folder, hides, inUse };
  if (manifest === undefined) {
    const nothing = { task: null, input: null, bytes: null, precision: null, map50: null };
    return { ...known, ...nothing, problem: problem?.message ?? null };
  }
  const { precision, fault } = await precisionIn(join(folder, manifest.file));
  return {
    ...known,
    task: manifest.task,
    input: inputWords(manifest),
    bytes: manifest.bytes,
    precision: precision ?? null,
    map50: newestEvaluation(manifest)?.map50 ?? null,
    problem: fault ?? null,
  };
}

async function precisionIn(file: string): Promise<{ precision?: Precision; fault?: string }> {
  const [{ readOnnx }, { precisionOf }] = await Promise.all([
    import('../models/onnx-file.ts'),
    import('../models/graph-facts.ts'),
  ]);
  try {
    return { precision: precisionOf(readOnnx(file).graph) };
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    return { fault: error.message };
  }
}

const HEAD = ['name', 'task', 'input', 'size', 'numbers', 'AP50', 'where', 'in use'];
const RIGHT = [2, 3, 5];
const NONE = '-';

function textOf(models: readonly ListedModel[], others: readonly CatalogueEntry[]): string {
  const rows = models.map(({ name, task, input, bytes, precision, map50, where, hides, inUse }) => [
    name,
    task ?? NONE,
    input ?? NONE,
    bytes === null ? NONE : megabytes(bytes),
    precision ?? NONE,
    map50 === null ? NONE : percent(map50),
    hides ? `${where}, hides the bundled one` : where,
    inUse.join(', '),
  ]);
  const more = others.map(({ name, task, bytes, precision }) => {
    return [name, task, NONE, megabytes(bytes), precision, NONE, 'catalogue, not here', ''];
  });
  const damaged = models.flatMap(({ name, problem }) =>
    problem === null ? [] : [`damaged: ${name}: ${plainText(problem)}\n`],
  );
  const hint = others.length === 0 ? '' : '\nvedette models pull <name> brings one of the catalogue.\n';
  return textTable([HEAD, ...rows, ...more], RIGHT) + damaged.join('') + hint;
}
