// Where commands write: standard output that is cut off or slow, files, links and pipes.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileOutput } from '../../daemon/cli/output.ts';
import { writeWhole } from '../../daemon/models/whole-file.ts';
import { writeConfig } from '../support/configurations.ts';
import { ROOT } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';

/** More than a pipe holds. */
function largeConfig(): string {
  const names = Array.from({ length: 400 }, (_, index) => `rule-${index}`);
  const rule = {
    trigger: { type: 'absence', forS: 60 },
    message: 'nobody has been there for a minute or more',
  };
  return writeConfig({
    cameras: { yard: { source: { type: 'scene' } } },
    rules: Object.fromEntries(names.map((name) => [name, rule])),
  });
}

/** A command behind a pipe, by a shell: what came out of the pipe, what the command said, and its exit code. */
function piped(args: readonly string[], reader: string) {
  const command = [process.execPath, join(ROOT, 'daemon/main.ts'), ...args]
    .map((word) => `'${word}'`)
    .join(' ');
  const script = `set -o pipefail; ${command} | ${reader}`;
  const { stdout, stderr, status } = spawnSync('bash', ['-c', script], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return { stdout, stderr, status };
}

describe('standard output', () => {
  const asked = (): string[] => ['check', '--config', largeConfig(), '--json', '--print'];

  test('of a command is whole for a reader that takes its time', () => {
    const { stdout, status } = piped(asked(), '{ sleep 1; cat; }');
    expect(stdout.length).toBeGreaterThan(2 ** 17);
    expect(JSON.parse(stdout)).toBeDefined();
    expect(status).toBe(0);
  });

  test('may be left by its reader: that is no error', () => {
    const { stderr, status } = piped(asked(), 'head -c 10');
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  test('that cannot be written is one', () => {
    const script = `'${process.execPath}' '${join(ROOT, 'daemon/main.ts')}' ${asked().join(' ')} > /dev/full`;
    const { stderr, status } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect(stderr).toMatch(/^vedette: standard output cannot be written: .*no space/i);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(status).toBe(1);
  });
});

const WRITERS = [
  [
    'an export',
    async (path: string, text: string) => {
      const output = new FileOutput(path);
      await output.write(text);
      output.finish();
    },
  ],
  ['a file of a model', async (path: string, text: string) => writeWhole(path, Buffer.from(text))],
] as const;

describe.each(WRITERS)('%s', (_, write) => {
  test('goes through a symbolic link, which stays one', async () => {
    const folder = tempDir();
    const [target, link] = [join(folder, 'target'), join(folder, 'link')];
    writeFileSync(target, 'old');
    symlinkSync(target, link);
    await write(link, 'new');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(target, 'utf8')).toBe('new');
    expect(readdirSync(folder).sort()).toEqual(['link', 'target']);
  });

  test('goes into a pipe, which stays one', async () => {
    const path = join(tempDir(), 'pipe');
    execFileSync('mkfifo', [path]);
    const reader = spawn('cat', [path], { stdio: ['ignore', 'pipe', 'ignore'] });
    const text = once(reader.stdout, 'data');
    await write(path, 'what was asked for');
    expect(String((await text)[0])).toBe('what was asked for');
    expect(lstatSync(path).isFIFO()).toBe(true);
  });
});
