// The name that stands for the board: it stays, it differs, and it tells nothing.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { machineHash } from '../../daemon/platform/machine-id.ts';
import type { SystemRoots } from '../../daemon/platform/system-files.ts';
import { tempDir } from '../support/temp-dir.ts';

const MACHINE_ID = '0123456789abcdef0123456789abcdef';

/** The files of another board. */
function board(files: Readonly<Record<string, string>>): SystemRoots {
  const root = tempDir();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const at = (name: string) => join(root, name);
  return { proc: at('proc'), sys: at('sys'), dev: at('dev'), run: at('run'), etc: at('etc') };
}

function hashOf(
  files: Readonly<Record<string, string>>,
  { purpose = 'test', host = 'porch-pi' } = {},
): string {
  return machineHash(purpose, board(files), host);
}

test('the same machine has the same hash, whatever it is called, and it is not the machine id', () => {
  const files = { 'etc/machine-id': `${MACHINE_ID}\n` };
  const hash = hashOf(files);
  expect(hash).toMatch(/^[0-9a-f]{16}$/);
  expect(hashOf(files, { host: 'another' })).toBe(hash);
  expect(MACHINE_ID).not.toContain(hash);
});

test('another machine and another purpose have another hash', () => {
  const hash = hashOf({ 'etc/machine-id': MACHINE_ID });
  expect(hashOf({ 'etc/machine-id': MACHINE_ID.replace('0', '1') })).not.toBe(hash);
  expect(hashOf({ 'etc/machine-id': MACHINE_ID }, { purpose: 'other' })).not.toBe(hash);
});

test.each([
  ['is not there', {}],
  ['is empty', { 'etc/machine-id': '\n' }],
  ['says uninitialized, as in a first boot', { 'etc/machine-id': 'uninitialized\n' }],
  ['has been written over', { 'etc/machine-id': `${MACHINE_ID}${MACHINE_ID}` }],
])(
  'a machine id that %s gives way to that of the running system, the serial number, the host name',
  (_what, files) => {
    const serial = { ...files, 'proc/device-tree/serial-number': '10000000abcdef01\0' };
    const running = { ...serial, 'run/machine-id': MACHINE_ID };
    const hashes = [hashOf(running), hashOf(serial), hashOf(files), hashOf(files, { host: 'other' })];
    expect(new Set(hashes).size).toBe(4);
    expect(hashOf(running)).toBe(hashOf({ 'etc/machine-id': MACHINE_ID }));
    expect(hashOf(serial, { host: 'other' })).toBe(hashOf(serial));
  },
);
