import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { VedetteError } from '../../daemon/platform/errors.ts';
import { isDamage, isMisfit, openingError } from '../../daemon/store/failures.ts';
import { readBootId } from '../../daemon/store/ledger.ts';

const coded = (code: string): Error => Object.assign(new Error(`text of ${code}`), { code });

test.each([
  ['SQLITE_CORRUPT', true],
  ['SQLITE_CORRUPT_INDEX', true],
  ['SQLITE_NOTADB', true],
  ['SQLITE_IOERR_READ', true],
  ['SQLITE_IOERR_SHORT_READ', true],
  ['STORE_DAMAGED', true],
  ['SQLITE_IOERR_WRITE', false],
  ['SQLITE_IOERR_FSYNC', false],
  ['SQLITE_FULL', false],
  ['SQLITE_BUSY', false],
  ['ENOSPC', false],
  ['SQLITE_ERROR', false],
])('%s counts as damage of the file: %s', (code, expected) => {
  expect(isDamage(coded(code))).toBe(expected);
});

test('a stored text that is no JSON any more counts as damage: SQLite has no other code for it than of a bug', () => {
  const db = new Database(':memory:');
  let raised: unknown;
  try {
    db.prepare("SELECT '[\"id\":1}' ->> '$.id'").get();
  } catch (error) {
    raised = error;
  }
  db.close();
  expect(raised).toMatchObject({ code: 'SQLITE_ERROR' });
  expect(isDamage(raised)).toBe(true);
});

test.each([
  [coded('SQLITE_CONSTRAINT_CHECK'), true],
  [coded('SQLITE_CONSTRAINT_PRIMARYKEY'), true],
  [coded('SQLITE_TOOBIG'), true],
  [new TypeError('cannot bind'), true],
  [coded('SQLITE_FULL'), false],
  [coded('SQLITE_IOERR_WRITE'), false],
  [coded('SQLITE_READONLY'), false],
  [new Error('plain'), false],
])('%s is the fault of the record itself: %s', (error, expected) => {
  expect(isMisfit(error)).toBe(expected);
});

test.each([
  ['EROFS', 'DATA_DIR_UNUSABLE', 'read-only file system'],
  ['EACCES', 'DATA_DIR_UNUSABLE', 'permission denied'],
  ['SQLITE_READONLY_DIRECTORY', 'DATA_DIR_UNUSABLE', 'the database is not writable'],
  ['ENOSPC', 'STORE_COMMIT', 'trying again'],
  ['SQLITE_FULL', 'STORE_COMMIT', 'trying again'],
  ['SQLITE_IOERR_SHMSIZE', 'STORE_COMMIT', 'trying again'],
])('an opening that ends with %s is %s', (code, expected, words) => {
  const error = openingError(coded(code), '/data');
  expect(error.code).toBe(expected);
  expect(error.message).toContain(words);
  expect(error.message).toContain("'/data'");
  expect(error.cause).toBeDefined();
});

test('an error that has its code already is passed on', () => {
  const error = new VedetteError('STORE_LOCKED', 'in use');
  expect(openingError(error, '/data')).toBe(error);
});

test('a boot id that cannot be read is called unknown', () => {
  expect(readBootId('/nonexistent/boot_id')).toBe('unknown');
  expect(readBootId()).toMatch(/^[0-9a-f-]{36}$/);
});
