// The commands in models/training/README.md exist and take the options that are written there. Nothing is trained: that needs torch.
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const FOLDER = resolve(import.meta.dirname, '../../models/training');
const README = readFileSync(resolve(FOLDER, 'README.md'), 'utf8');
const COMMANDS = [...README.matchAll(/^python (\S+\.py)([^\n#]*)/gm)].map(([, script, rest]) => ({
  script: script!,
  options: [...rest!.matchAll(/--[a-z][a-z0-9-]*/g)].map(([option]) => option),
}));

describe('the training recipe', () => {
  it('has a command for data, training, evaluation and export', () => {
    const scripts = new Set(COMMANDS.map(({ script }) => script));
    for (const script of ['data.py', 'train.py', 'evaluate.py', 'export.py'])
      expect(scripts).toContain(script);
  });

  it.each(COMMANDS)('$script exists and takes $options', ({ script, options }) => {
    const path = resolve(FOLDER, script);
    expect(existsSync(path), `${script} is named in README.md`).toBe(true);
    const text = readFileSync(path, 'utf8');
    for (const option of options) expect(text).toContain(`"${option}"`);
  });

  it('names no package without a version', () => {
    const lines = readFileSync(resolve(FOLDER, 'requirements.txt'), 'utf8').split('\n');
    const packages = lines.filter((line) => line !== '' && !line.startsWith('#'));
    expect(packages.length).toBeGreaterThan(0);
    for (const line of packages) expect(line).toMatch(/^[a-z]+==[0-9.]+$/);
  });
});
