// `vedette models`: the models on this board. Each of its commands has a file of its own, models-<command>.ts.
import { Command } from 'commander';
import type { CommandContext } from './context.ts';
import { modelsAddCommand } from './models-add.ts';
import { modelsEvalCommand } from './models-eval.ts';
import { modelsListCommand } from './models-list.ts';
import { modelsPullCommand } from './models-pull.ts';
import { modelsQuantizeCommand } from './models-quantize.ts';
import { modelsRemoveCommand } from './models-remove.ts';
import { modelsShowCommand } from './models-show.ts';
import { modelsTryCommand } from './models-try.ts';
import { modelsVerifyCommand } from './models-verify.ts';

export function modelsCommand(context: CommandContext): Command {
  return new Command('models')
    .description('the models on this board: what there is, bring, prepare and measure')
    .addCommand(modelsListCommand(context))
    .addCommand(modelsShowCommand(context))
    .addCommand(modelsPullCommand(context))
    .addCommand(modelsAddCommand(context))
    .addCommand(modelsTryCommand(context))
    .addCommand(modelsVerifyCommand(context))
    .addCommand(modelsRemoveCommand(context))
    .addCommand(modelsEvalCommand(context))
    .addCommand(modelsQuantizeCommand(context));
}
