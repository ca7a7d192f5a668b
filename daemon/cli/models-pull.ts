// `vedette models pull`: fetches a model by its address or its name in the catalogue, and installs it as `vedette models add` does.
// What has come stays for another try until the model is installed. Main thread. docs/models.md.
import { link, mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import type { CatalogueEntry } from '../models/catalogue.ts';
import type { Fetched } from '../models/fetch.ts';
import type { PullSource } from '../models/pull-source.ts';
import type { ModelStore } from '../models/store.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import type { CommandContext } from './context.ts';
import {
  type ImportFlags,
  importedJson,
  importedText,
  importFlags,
  importOptions,
  tellFindings,
} from './import-flags.ts';
import type { ImportedModel } from './model-import.ts';
import { megabytes } from './model-words.ts';
import { DownloadBar } from './progress.ts';

interface PullFlags extends ImportFlags {
  readonly sha256?: string;
}

const AFTER = `
A download that was broken off, stopped or killed goes on with the same command. An address needs the hash of the file; names
of the catalogue (vedette models list --all) have theirs. The model is recognised, tried and installed as by vedette models
add; the flags are the same. HTTPS_PROXY, HTTP_PROXY and NO_PROXY are followed.

Examples:
  vedette models pull mobilenetv2-12
  vedette models pull https://example.org/street.onnx --sha256 1fbcf476... --labels street.txt`;

/** The command. */
export function modelsPullCommand(context: CommandContext): Command {
  const pull = new Command('pull')
    .description('fetch a model by its address or its name in the catalogue, and install it')
    .argument('<source>', 'name in the catalogue, or an address: https://…')
    .option('--sha256 <hash>', 'SHA-256 of the file, needed for an address')
    .addHelpText('after', AFTER);
  for (const option of importOptions()) pull.addOption(option);
  return pull.action(async (wanted: string, flags: PullFlags) => {
    const [{ ModelStore }, { readCatalogue }, { pullSource }, { discardPartial }] = await Promise.all([
      import('../models/store.ts'),
      import('../models/catalogue.ts'),
      import('../models/pull-source.ts'),
      import('../models/partial-file.ts'),
    ]);
    const source = pullSource(wanted, flags.sha256, await readCatalogue());
    const store = new ModelStore({ dataDir: dataFolder(flags.data, process.env), clock: context.clock });
    const name = flags.name ?? source.name;
    // Before anything is fetched.
    if (!flags.replace) await store.checkFree(name);
    const said = await importFlags(withCatalogue(flags, source.entry));
    const fetched = await fetchIt(source, store, context);
    const imported = await bringIn(fetched, { source, store, name, said, flags, context });
    await discardPartial(fetched.path);
    process.stdout.write(
      flags.json ? `${JSON.stringify(importedJson(imported), null, 2)}\n` : importedText(imported),
    );
  });
}

/** What the catalogue says of the model; flags come before it. */
function withCatalogue(flags: PullFlags, entry: CatalogueEntry | undefined): PullFlags {
  if (entry === undefined) return flags;
  const { inputSize, ...wishes } = entry.import;
  const own = { ...wishes, ...(inputSize === undefined ? {} : { inputSize }), licence: entry.licence };
  return { ...own, ...flags };
}

async function fetchIt(
  { url, sha256, entry }: PullSource,
  store: ModelStore,
  { clock, signal }: CommandContext,
): Promise<Fetched> {
  const [{ fetchFile }, { ONNX_BYTES_MAX }, { shown }] = await Promise.all([
    import('../models/fetch.ts'),
    import('../models/onnx-file.ts'),
    import('../models/http-source.ts'),
  ]);
  const bar = new DownloadBar(clock);
  try {
    const fetched = await fetchFile(
      { url, sha256, bytes: entry?.bytes, folder: store.partials },
      {
        clock,
        signal,
        bytesMax: ONNX_BYTES_MAX,
        onProgress: (progress) => bar.at(progress),
        onPause: (reason, pauseMs) => bar.say(`${reason}; again in ${Math.ceil(pauseMs / 1000)} s`),
      },
    );
    const how = fetched.wasHere ? 'was fetched before' : `fetched from ${shown(url)}`;
    bar.say(`${megabytes(fetched.bytes)} ${how}, the hash is right`);
    return fetched;
  } catch (error) {
    // Told with how far it came, then as everything that is interrupted.
    if (!signal.aborted) throw error;
    bar.say(`vedette: ${reasonOf(error)}`);
    throw signal.reason;
  } finally {
    bar.end();
  }
}

interface BringIn {
  readonly source: PullSource;
  readonly store: ModelStore;
  readonly name: string;
  readonly said: Awaited<ReturnType<typeof importFlags>>;
  readonly flags: PullFlags;
  readonly context: CommandContext;
}

/** Under the file's own name, by which it is spoken of. */
async function bringIn(
  { path }: Fetched,
  { source, store, name, said, flags, context }: BringIn,
): Promise<ImportedModel> {
  const [{ importIntoStore }, { IMPORTING }, { refuseOther }, { shown }] = await Promise.all([
    import('./model-import.ts'),
    import('../models/partial-file.ts'),
    import('../models/pull-source.ts'),
    import('../models/http-source.ts'),
  ]);
  refuseOther(await headOf(path), source.file);
  const folder = await mkdtemp(join(store.partials, IMPORTING));
  try {
    const file = join(folder, source.file);
    await link(path, file);
    const { entry } = source;
    const data = entry === undefined ? {} : { data: entry.data };
    const request = { file, name, replace: flags.replace ?? false, url: shown(source.url), ...data, ...said };
    return await importIntoStore(store, request, context);
  } catch (error) {
    if (error instanceof VedetteError) process.stderr.write(KEPT);
    throw tellFindings(error);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const KEPT = 'the file that was fetched is kept: the same command with other flags does not fetch it again\n';

async function headOf(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(16);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
