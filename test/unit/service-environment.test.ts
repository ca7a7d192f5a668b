// What commands take for the service's folders when they look at its configuration.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { environmentFor } from '../../daemon/cli/service-environment.ts';
import { SYSTEM_PATH } from '../../daemon/config/load.ts';
import { tempDir } from '../support/temp-dir.ts';

test("the service's configuration is looked at with the service's folders, unless others are named", () => {
  const service = { data: '/srv/data', credentials: tempDir() };
  const both = { STATE_DIRECTORY: service.data, CREDENTIALS_DIRECTORY: service.credentials };
  expect(environmentFor(SYSTEM_PATH, { HOME: '/root' }, service)).toEqual({ HOME: '/root', ...both });
  expect(environmentFor(SYSTEM_PATH, { STATE_DIRECTORY: '', CREDENTIALS_DIRECTORY: '' }, service)).toEqual(
    both,
  );
  const own = { STATE_DIRECTORY: '/own', CREDENTIALS_DIRECTORY: '/secrets' };
  expect(environmentFor(SYSTEM_PATH, own, service)).toEqual(own);
  expect(environmentFor('/home/me/vedette.yaml', {}, service)).toEqual({});
});

test('a service that does not run has no credentials', () => {
  const service = { data: '/srv/data', credentials: join(tempDir(), 'vedette.service') };
  expect(environmentFor(SYSTEM_PATH, {}, service)).toEqual({ STATE_DIRECTORY: '/srv/data' });
});
