// `vedette models verify`: whether the models on this board are whole and run: manifest, size, hash, and one run of each in a child
// process. docs/models.md.
import { Command } from 'commander';
import { VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import { plainText } from '../platform/show.ts';
import type { CommandContext } from './context.ts';
import { megabytes } from './model-words.ts';
import { dataOption } from './options.ts';

interface VerifyFlags {
  readonly json?: true;
  readonly data?: string;
}

interface Verified {
  readonly name: string;
  readonly folder: string;
  readonly ok: boolean;
  /** Of the file, where it is whole. */
  readonly bytes?: number;
  readonly loadMs?: number;
  readonly runMs?: number;
  readonly code?: string;
  readonly message?: string;
}

/** The command. Ends with VERIFY_FAULT (exit 1) when a model is damaged. */
export function modelsVerifyCommand({ signal, clock, version }: CommandContext): Command {
  return new Command('verify')
    .description('check that models are whole and run: manifest, size, hash, a run in a process of its own')
    .argument('[model...]', "names or paths of models, or 'default' (default: all)")
    .option('--json', 'print one JSON document: {v, version, ok, models}')
    .addOption(dataOption())
    .action(async (names: string[], flags: VerifyFlags) => {
      const [{ ModelStore }, { Trials }, { tryModel }] = await Promise.all([
        import('../models/store.ts'),
        import('../detector/trial.ts'),
        import('./model-trial.ts'),
      ]);
      const store = new ModelStore({ dataDir: dataFolder(flags.data, process.env), clock });
      const wanted = names.length > 0 ? names : (await store.list()).map(({ name }) => name);
      await using trials = new Trials({ clock, signal });
      const models: Verified[] = [];
      for (const name of wanted) {
        const verified = await verify(name);
        models.push(verified);
        if (!flags.json) process.stdout.write(lineOf(verified));
      }
      const ok = models.every((one) => one.ok);
      if (flags.json) process.stdout.write(`${JSON.stringify({ v: 1, version, ok, models }, null, 2)}\n`);
      if (!ok) throw faultOf(models);

      async function verify(name: string): Promise<Verified> {
        try {
          const found = await store.find(name);
          const { loadMs, runsMs } = await tryModel(found, trials);
          const { folder, manifest } = found;
          return { name, folder, ok: true, bytes: manifest.bytes, loadMs, runMs: runsMs[0] ?? 0 };
        } catch (error) {
          if (!(error instanceof VedetteError)) throw error;
          const { code, message } = error;
          return { name, folder: String(error.data['path'] ?? ''), ok: false, code, message };
        }
      }
    });
}

function lineOf({ name, ok, bytes = 0, loadMs = 0, runMs = 0, message = '' }: Verified): string {
  if (!ok) return `fault  ${name}  ${plainText(message)}\n`;
  return `ok     ${name}  ${megabytes(bytes)}, whole; opened in ${Math.round(loadMs)} ms, ran in ${runMs.toFixed(1)} ms\n`;
}

function faultOf(models: readonly Verified[]): VedetteError {
  const bad = models.filter(({ ok }) => !ok);
  const [{ name } = { name: '' }] = bad;
  const others = bad.length === 1 ? '' : ` and ${bad.length - 1} more`;
  return new VedetteError('VERIFY_FAULT', `model '${name}'${others} is not as it should be`, { models: bad });
}
