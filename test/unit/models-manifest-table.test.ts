// The table of manifest.json in docs/models.md has the keys of the schema, each once.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { manifestSchema } from '../../daemon/models/manifest-schema.ts';
import { ROOT } from '../support/needs.ts';

test('docs/models.md explains every key of a manifest and no other', () => {
  const text = readFileSync(join(ROOT, 'docs/models.md'), 'utf8');
  const section = text.slice(text.indexOf('\n## manifest.json\n'), text.indexOf('\n## Decoders\n'));
  const cells = [...section.matchAll(/^\| (`[^|]+`) \|/gm)].map(([, cell]) => cell!);
  const explained = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, key]) => key!));
  const { input, ...others } = manifestSchema.shape;
  const keys = [...Object.keys(others), ...Object.keys(input.shape).map((key) => `input.${key}`)];
  expect(explained.sort()).toEqual(keys.sort());
});
