// The log: what is written, and that level and format can be changed for loggers that were handed out long ago.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { changeLog, createLogger, type Logger } from '../../daemon/platform/logger.ts';
import { tempDir } from '../support/temp-dir.ts';

function fileLogger(): { logger: Logger; lines: () => string[] } {
  const path = join(tempDir(), 'log');
  const fd = openSync(path, 'w');
  onTestFinished(() => closeSync(fd));
  const logger = createLogger({ level: 'info', format: 'json' }, fd);
  return {
    logger,
    lines: () =>
      readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line !== ''),
  };
}

test('a change of level reaches the loggers of the parts', () => {
  const { logger, lines } = fileLogger();
  const part = logger.child({ part: 'store' }).child({ file: 'vedette.db' });
  part.debug('not yet');
  changeLog(logger, { level: 'debug', format: 'json' });
  part.debug('now');
  changeLog(logger, { level: 'error', format: 'json' });
  part.warn('not any more');
  expect(lines().map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual(['now']);
});

test('a change of format is for the next line', () => {
  const { logger, lines } = fileLogger();
  const part = logger.child({ part: 'store' });
  part.info('one');
  changeLog(logger, { level: 'info', format: 'journal' });
  part.warn('two');
  expect(JSON.parse(lines()[0]!)).toMatchObject({ part: 'store', msg: 'one' });
  expect(lines()[1]).toBe('<4>store: two');
});

test('secrets in fields are hidden', () => {
  const { logger, lines } = fileLogger();
  logger.info({ password: 'hunter2', mqtt: { password: 'hunter2', token: 'hunter2' } }, 'connecting');
  expect(lines()[0]).not.toContain('hunter2');
});
