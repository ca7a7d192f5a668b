// `vedette models add`: makes a model of an ONNX file and installs it in the data folder. Says what it found in the file and why;
// flags say what a file cannot tell. Main thread. docs/import.md.
import { Command } from 'commander';
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

const AFTER = `
What the file tells is found out and printed with the reason; a flag overrides it. What cannot be known is asked for by the
names of the flags. The model is tried in a process of its own on a picture of the built-in scene before it is installed.

Examples:
  vedette models add mobilenet_v2.onnx
  vedette models add ssdlite.onnx --name street --labels street.txt --licence Apache-2.0`;

/** The command. */
export function modelsAddCommand(context: CommandContext): Command {
  const add = new Command('add')
    .description('make a model of an ONNX file and install it')
    .argument('<file>', 'the ONNX file')
    .addHelpText('after', AFTER);
  for (const option of importOptions()) add.addOption(option);
  return add.action(async (file: string, flags: ImportFlags) => {
    const [{ ModelStore, nameOfFile }, { importIntoStore }] = await Promise.all([
      import('../models/store.ts'),
      import('./model-import.ts'),
    ]);
    const store = new ModelStore({ dataDir: dataFolder(flags.data, process.env), clock: context.clock });
    const name = flags.name ?? nameOfFile(file);
    const said = await importFlags(flags);
    const work = { file, name, replace: flags.replace ?? false, ...said };
    const imported = await importIntoStore(store, work, context).catch((error: unknown) => {
      throw tellFindings(error);
    });
    process.stdout.write(
      flags.json ? `${JSON.stringify(importedJson(imported), null, 2)}\n` : importedText(imported),
    );
  });
}
