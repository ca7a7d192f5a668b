// `vedette models list`: the models that detector.model can name.
import { Command } from 'commander';
import type { CommandContext } from './context.ts';

export function modelsListCommand(_: CommandContext): Command {
  return new Command('list').description('the models on this board').action(async () => {
    const { listModels } = await import('../models/manifest.ts');
    for (const name of await listModels()) process.stdout.write(`${name}\n`);
  });
}
