// Where data, caches and runtime files go: options and variables that are empty, or several folders.
import { dirname, join, resolve } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cacheFolder, dataFolder, makeRuntimeFolder, removeFolder } from '../../daemon/platform/folders.ts';
import { tempDir } from '../support/temp-dir.ts';

test('the data folder is the option, else that of systemd, else one here', () => {
  expect(dataFolder('data', { STATE_DIRECTORY: '/var/lib/vedette' })).toBe(resolve('data'));
  expect(dataFolder(undefined, { STATE_DIRECTORY: '/var/lib/vedette:/var/lib/other' })).toBe(
    '/var/lib/vedette',
  );
  expect(dataFolder(undefined, {})).toBe(resolve('.vedette'));
});

test('an empty variable is as good as none', () => {
  expect(dataFolder(undefined, { STATE_DIRECTORY: '' })).toBe(resolve('.vedette'));
  expect(cacheFolder({ CACHE_DIRECTORY: '', XDG_CACHE_HOME: '/caches', HOME: '/home/me' })).toBe(
    '/caches/vedette',
  );
  expect(cacheFolder({ CACHE_DIRECTORY: '', XDG_CACHE_HOME: '', HOME: '/home/me' })).toBe(
    '/home/me/.cache/vedette',
  );
  const folder = makeRuntimeFolder({ RUNTIME_DIRECTORY: '' });
  onTestFinished(() => removeFolder(folder));
  expect(folder).toMatch(/^\//);
});

test('a runtime folder is made below that of systemd', () => {
  const parent = tempDir();
  const folder = makeRuntimeFolder({ RUNTIME_DIRECTORY: `${parent}:${join(parent, 'other')}` });
  expect(dirname(folder)).toBe(parent);
});

test('an empty --data is refused, not taken for the folder one is in', () => {
  expect(() => dataFolder('', { STATE_DIRECTORY: '/var/lib/vedette' })).toThrow(
    expect.objectContaining({ code: 'USAGE', message: "--data: must name a folder (got '')" }),
  );
});
