// The catalogue of public models: sound in itself, and the same as the facts it was made from.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readCatalogue } from '../../daemon/models/catalogue.ts';
import { listModels } from '../../daemon/models/manifest.ts';
import { ONNX_BYTES_MAX } from '../../daemon/models/onnx-file.ts';
import { checkName } from '../../daemon/models/store.ts';
import { sharedPath, testNeeding } from '../support/needs.ts';

test('every name is one that a model can have, and is there once', async () => {
  const names = (await readCatalogue()).map(({ name }) => name);
  for (const name of names) checkName(name);
  expect(new Set([...names, ...(await listModels())]).size).toBe(names.length + (await listModels()).length);
});

test('every address is of one commit and names the file that the source names', async () => {
  for (const { url, source, bytes } of await readCatalogue()) {
    const path = /^https:\/\/media\.githubusercontent\.com\/media\/onnx\/models\/[0-9a-f]{40}\/(.*)$/.exec(
      url,
    )?.[1];
    expect(source).toBe(`github.com/onnx/models, ${path}`);
    expect(bytes).toBeLessThan(ONNX_BYTES_MAX);
  }
});

testNeeding({ shared: ['models/upstream.json'] })(
  'hashes and sizes are those of the pointers upstream',
  async () => {
    const { models } = JSON.parse(readFileSync(sharedPath('models/upstream.json'), 'utf8')) as {
      models: { path: string; sha256: string; size: number }[];
    };
    const facts = (await readCatalogue()).map(({ url, sha256, bytes }) => [
      url.split('/vision/')[1],
      sha256,
      bytes,
    ]);
    expect(facts).toEqual(models.map(({ path, sha256, size }) => [path, sha256, size]));
  },
);
