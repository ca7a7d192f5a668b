// Where commands write: standard output that is cut off or slow, files, links and pipes.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileOutput } from '../../daemon/cli/output.ts';
import { writeWhole } from '../../daemon/platform/whole-file.ts';
import { writeConfig } from '../support/configurations.ts';
import { ROOT } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

/** More than a pipe and its buffers hold. */
function largeConfig(): string {
  const names = Array.from({ length: 2000 }, (_, index) => `rule-${index}`);
  const rule = {
    trigger: { type: 'absence', forS: 60 },
    message: 'nobody has been there for a minute or more',
  };
  return writeConfig({
    cameras: { yard: { source: { type: 'scene' } } },
    rules: Object.fromEntries(names.map((name) => [name, rule])),
  });
}

/** A command that prints that configuration to `stdout`. */
function printed(stdout: 'pipe' | number) {
  const args = ['daemon/main.ts', 'check', '--config', largeConfig(), '--json', '--print'];
  const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', stdout, 'pipe'] });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, stderr }));
  return { stdout: child.stdout!, ended };
}

describe('standard output', () => {
  test('of a command is whole for a reader that takes its time', async () => {
    const { stdout, ended } = printed('pipe');
    // Reading begins when more waits on this side than is taken unasked; the pipe is full then.
    stdout.setEncoding('utf8').on('readable', () => undefined);
    await waitFor('a full pipe', () => stdout.readableLength >= stdout.readableHighWaterMark);
    let text = '';
    for await (const chunk of stdout) text += chunk;
    expect(await ended).toEqual({ code: 0, stderr: '' });
    expect(text.length).toBeGreaterThan(2 ** 19);
    expect(JSON.parse(text)).toBeDefined();
  });

  test('may be left by its reader: that is no error', async () => {
    const { stdout, ended } = printed('pipe');
    await once(stdout, 'readable');
    stdout.destroy();
    expect(await ended).toEqual({ code: 0, stderr: '' });
  });

  test('that cannot be written is one', async () => {
    const full = openSync('/dev/full', 'w');
    const { code, stderr } = await printed(full).ended;
    closeSync(full);
    expect(stderr).toMatch(/^vedette: standard output cannot be written: .*no space[^\n]*\n$/i);
    expect(code).toBe(1);
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
