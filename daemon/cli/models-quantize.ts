// `vedette models quantize`: a float model of the store becomes an int8 one on this board, without Python. Reads the command line,
// brings pictures, runtime and store together, prints the report; the work is in models/quantize.ts. docs/quantize.md.
import { Command, Option } from 'commander';
import { METHODS } from '../models/calibrate-range.ts';
import type { CommandContext } from './context.ts';
import type { QuantizeFlags } from './models-quantize-run.ts';
import { configOption, dataOption, numberUpTo, wholeNumber } from './options.ts';

const AFTER = `
The model runs over the pictures, the range of every value in it is measured, and weights and values become integers of one
byte where ONNX Runtime has integer kernels. Take pictures of what the model is to see: photos of this camera are best, any
photos of the same kind of things will do, the built-in scene is a last resort.

Nothing is written when the result is slower than the float model, or loses more than --loss-max (on the labelled photos of
--eval) or --disagreement-max (against the float model's own answers) allow; --force writes it all the same.
A command that was ended, even by a power cut, goes on where it was when it is given again.

Examples:
  vedette models quantize my-model --calibrate ./photos
  vedette models quantize my-model --calibrate porch --pictures 200
  vedette models quantize my-model --calibrate ./photos/train --eval ./photos/val --json`;

export function modelsQuantizeCommand(context: CommandContext): Command {
  return new Command('quantize')
    .description('make a model smaller and faster: integers in place of floats, measured on pictures')
    .argument('<model>', 'name of a float model, or the path of its folder')
    .requiredOption(
      '--calibrate <pictures>',
      "a folder of JPEG photos, the name of a camera of the configuration, or 'scene' for the built-in one",
    )
    .addOption(
      new Option(
        '--method <method>',
        'how ranges are found: min-max takes everything, percentile 99.99 % of it, entropy clips where least is lost (default: all three are tried, the best is taken)',
      ).choices(METHODS),
    )
    .addOption(
      new Option('--pictures <count>', 'pictures to calibrate with; half as many more are taken for control')
        .argParser(wholeNumber(8, 4096))
        .default(128),
    )
    .addOption(
      new Option(
        '--every <seconds>',
        'between two pictures of a camera while something moves; four times that else',
      )
        .argParser(numberUpTo(3600, 0.1))
        .default(5),
    )
    .option('--name <name>', 'name of the new model (default: <model>-int8)')
    .addOption(
      new Option('--keep-float <node,…>', 'names of nodes of the graph that stay in float').argParser(
        namesIn,
      ),
    )
    .option('--eval <folder>', 'labelled photos: accuracy of both models on them as well (docs/evaluate.md)')
    .addOption(
      new Option('--loss-max <points>', 'what may be lost on the labelled photos')
        .argParser(numberUpTo(100))
        .default(1),
    )
    .addOption(
      new Option('--disagreement-max <points>', "what may differ from the float model's own answers")
        .argParser(numberUpTo(100))
        .default(15),
    )
    .option('--force', 'write the model even when it is slower or worse')
    .option('--json', 'print one JSON document, docs/quantize.md')
    .addOption(configOption())
    .addOption(dataOption())
    .addHelpText('after', AFTER)
    .action(async (model: string, flags: QuantizeFlags) => {
      const { runQuantize } = await import('./models-quantize-run.ts');
      await runQuantize(model, flags, context);
    });
}

/** Separated by commas, the option as often as one likes. */
function namesIn(text: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), ...text.split(',').map((name) => name.trim())].filter((name) => name !== '');
}
