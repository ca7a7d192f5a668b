// `vedette models show`: everything that is known of one model, from its manifest, its graph and a run of it in a child process.
// docs/models.md.
import { Command } from 'commander';
import { VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import type { CommandContext } from './context.ts';
import type { ModelLook } from './model-trial.ts';
import { modelUses, usesOf } from './model-uses.ts';
import { configOption, dataOption } from './options.ts';
import { StandardOutput } from './output.ts';

interface ShowFlags {
  readonly json?: true;
  readonly config?: string;
  readonly data?: string;
}

const AFTER = `
The file's hash is checked and the model is run once, in a process of its own. Exit code 1 when the file is damaged or does not
run; what the manifest says is printed all the same.`;

export function modelsShowCommand({ signal, clock }: CommandContext): Command {
  return new Command('show')
    .description('everything that is known of one model, its file checked and run once')
    .argument('<model>', "name or path of a model, or 'default'")
    .option('--json', 'print one JSON document, docs/models.md')
    .addOption(configOption())
    .addOption(dataOption())
    .addHelpText('after', AFTER)
    .action(async (name: string, flags: ShowFlags) => {
      const [{ ModelStore }, { Trials }, { lookInto }, { showJson, showText }] = await Promise.all([
        import('../models/store.ts'),
        import('../detector/trial.ts'),
        import('./model-trial.ts'),
        import('./models-show-text.ts'),
      ]);
      const found = await new ModelStore({ dataDir: dataFolder(flags.data, process.env), clock }).find(name);
      const inUse = usesOf(await modelUses(flags.config), found);
      await using trials = new Trials({ clock, signal });
      let look: ModelLook | undefined;
      let fault: VedetteError | undefined;
      try {
        look = await lookInto(found, trials);
      } catch (error) {
        if (!(error instanceof VedetteError)) throw error;
        fault = error;
      }
      const facts = { found, inUse, look, fault };
      await new StandardOutput().write(
        flags.json ? `${JSON.stringify(showJson(facts), null, 2)}\n` : showText(facts),
      );
      if (fault !== undefined) throw fault;
    });
}
