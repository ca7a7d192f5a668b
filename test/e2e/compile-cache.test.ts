// The daemon's code comes from a cache after the first start, and from its source where there can be none.
import { spawnSync } from 'node:child_process';
import { readdirSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runToEnd } from '../support/daemon.ts';
import { ROOT } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';

test('compiled code is kept in the cache folder', async () => {
  const cache = tempDir();
  const { code } = await runToEnd(['check', '--help'], {
    env: { NODE_COMPILE_CACHE: undefined, XDG_CACHE_HOME: cache },
  });
  expect(code).toBe(0);
  expect(readdirSync(join(cache, 'vedette', 'compile')).length).toBeGreaterThan(0);
});

test('a folder given in few words, as the scripts of the package give it, is the same for children elsewhere', () => {
  const cwd = realpathSync(tempDir());
  const code = [
    `import { keepCompiledCode } from '${join(ROOT, 'daemon/platform/compile-cache.ts')}';`,
    `const env = { NODE_COMPILE_CACHE: 'kept' };`,
    'keepCompiledCode(env);',
    'process.stdout.write(env.NODE_COMPILE_CACHE);',
  ].join('\n');
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', code], { cwd });
  expect(stdout.toString()).toBe(join(cwd, 'kept'));
});

test('a cache folder that cannot be made is no obstacle', async () => {
  const file = join(tempDir(), 'a-file');
  writeFileSync(file, '');
  const { code, stdout, stderr } = await runToEnd(['check', '--help'], {
    env: { NODE_COMPILE_CACHE: undefined, XDG_CACHE_HOME: file },
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('vedette check');
});
