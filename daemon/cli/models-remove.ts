// `vedette models remove`: takes one of the owner's models away; not one that the configuration names, unless it is forced.
// docs/models.md.
import { join } from 'node:path';
import { Command } from 'commander';
import { VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import type { CommandContext } from './context.ts';
import { modelUses, usesOf } from './model-uses.ts';
import { configOption, dataOption } from './options.ts';

interface RemoveFlags {
  readonly force?: true;
  readonly config?: string;
  readonly data?: string;
}

export function modelsRemoveCommand({ clock }: CommandContext): Command {
  return new Command('remove')
    .description('remove one of your models; those that come with Vedette stay')
    .argument('<model>', 'its name')
    .option('--force', 'also when the configuration names it')
    .addOption(configOption())
    .addOption(dataOption())
    .action(async (name: string, flags: RemoveFlags) => {
      const [{ ModelStore }, { installedModels }] = await Promise.all([
        import('../models/store.ts'),
        import('../models/manifest.ts'),
      ]);
      const dataDir = dataFolder(flags.data, process.env);
      const store = new ModelStore({ dataDir, clock });
      if (!flags.force) await refuseInUse(name, flags.config, join(installedModels(dataDir), name));
      const { uncovers } = await store.remove(name);
      const now = uncovers ? '; the one that comes with Vedette has the name again' : '';
      process.stdout.write(`${name} removed${now}\n`);
    });
}

async function refuseInUse(name: string, config: string | undefined, folder: string): Promise<void> {
  const uses = await modelUses(config);
  if (uses.problem !== undefined) {
    const what = `whether model '${name}' is in use is not known (${uses.problem}): mend the configuration, or --force it`;
    throw new VedetteError('MODEL_IN_USE', what, { name });
  }
  const keys = usesOf(uses, { name, folder });
  if (keys.length === 0) return;
  throw new VedetteError(
    'MODEL_IN_USE',
    `model '${name}' is in use: ${keys.join(' and ')} in ${uses.file} ${keys.length === 1 ? 'names' : 'name'} it; name another one there first, or --force it`,
    { name, keys },
  );
}
