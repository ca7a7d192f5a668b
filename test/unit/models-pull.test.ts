// What `vedette models pull` is asked for, refused before anything is fetched; the line that it draws.
import { describe, expect, test } from 'vitest';
import { downloadLine } from '../../daemon/cli/progress.ts';
import { readCatalogue } from '../../daemon/models/catalogue.ts';
import { pullSource, refuseOther } from '../../daemon/models/pull-source.ts';

const HASH = 'ab'.repeat(32);
const CATALOGUE = await readCatalogue();
const ENTRY = CATALOGUE.find(({ name }) => name === 'mobilenetv2-12')!;

describe('a source', () => {
  test('of the catalogue has its hash, by its name and by its address', () => {
    for (const wanted of [ENTRY.name, ENTRY.url]) {
      const { sha256, name, file, entry } = pullSource(wanted, undefined, CATALOGUE);
      expect({ sha256, name, file, entry }).toEqual({
        sha256: ENTRY.sha256,
        name: 'mobilenetv2-12',
        file: 'mobilenetv2-12.onnx',
        entry: ENTRY,
      });
    }
    expect(() => pullSource(ENTRY.name, HASH, CATALOGUE)).toThrow(
      `--sha256: the catalogue has ${ENTRY.sha256} for 'mobilenetv2-12' (got ${HASH})`,
    );
  });

  test('that is an address is called by its file', () => {
    const url = 'https://example.org/a%20b/My%20model.v2.onnx?token=x';
    expect(pullSource(url, HASH.toUpperCase(), CATALOGUE)).toMatchObject({
      sha256: HASH,
      name: 'My-20model.v2',
    });
    expect(pullSource('http://example.org', `sha256:${HASH}`, CATALOGUE)).toMatchObject({ name: 'model' });
  });

  test.each([
    ['https://example.org/a.onnx', undefined, /^--sha256 is needed for an address/],
    ['https://example.org/a.onnx', 'abc', /^--sha256 must be 64 hexadecimal digits \(got 'abc'\)/],
    ['https://example.org/a.tar.gz', HASH, /^'a\.tar\.gz' is an archive/],
    ['file:///home/me/a.onnx', HASH, /is a file of this board: vedette models add \/home\/me\/a\.onnx$/],
    ['ftp://example.org/a.onnx', HASH, /models are pulled over https or http \(got ftp:\/\/\)$/],
    ['javascript:alert(1)', HASH, /models are pulled over https or http/],
    ['models/a.onnx', HASH, /a file of this board: vedette models add models\/a\.onnx$/],
    ['mobilenet', HASH, /^'mobilenet' is not in the catalogue, which has mobilenetv2-7, /],
    ['https://user:secret@/a', HASH, /is neither an address/],
    ['', HASH, /is not in the catalogue/],
  ])('%s is refused with what to do', (wanted, sha256, message) => {
    expect(() => pullSource(wanted, sha256, CATALOGUE)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) as string }),
    );
    expect(() => pullSource(wanted, sha256, CATALOGUE)).not.toThrow(/secret/);
  });
});

test.each([
  ['an archive', [0x50, 0x4b, 3, 4, 20]],
  ['an archive', [0x1f, 0x8b, 8]],
  ['a TensorFlow Lite model', [0x1c, 0, 0, 0, 0x54, 0x46, 0x4c, 0x33]],
])('%s is called by its name', (what, bytes) => {
  expect(() => refuseOther(Buffer.from(bytes), 'model.onnx')).toThrow(`'model.onnx' is ${what}: `);
});

test('the first bytes of an ONNX model are let through', () => {
  refuseOther(Buffer.from([8, 8, 0x12, 4, 0x74, 0x65, 0x73, 0x74]), 'model.onnx');
});

test.each([
  [{ have: 0, had: 0, of: 14.2e6 }, 0, '[--------------------------------]   0 %  0.0 of 14.2 MB'],
  [
    { have: 7.1e6, had: 0, of: 14.2e6 },
    7100,
    '[################----------------]  50 %  7.1 of 14.2 MB  1.0 MB/s  8 s left',
  ],
  // What was here before says nothing of how fast it comes.
  [
    { have: 7.1e6, had: 6.1e6, of: 14.2e6 },
    1000,
    '[################----------------]  50 %  7.1 of 14.2 MB  1.0 MB/s  8 s left',
  ],
  [{ have: 2e6, had: 0, of: undefined }, 1000, '2.0 MB  2.0 MB/s'],
  [
    { have: 1e6, had: 0, of: 500e6 },
    1000,
    '[--------------------------------]   0 %  1.0 of 500.0 MB  1.0 MB/s  9 min left',
  ],
] as const)('%o after %i ms is %s', (at, tookMs, line) => {
  expect(downloadLine(at, tookMs)).toBe(line);
});
