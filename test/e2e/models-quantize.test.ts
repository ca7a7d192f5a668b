// `vedette models quantize` as an owner types it: what it says of itself, and of what it cannot do.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeConfig } from '../support/configurations.ts';
import { runToEnd } from '../support/daemon.ts';
import { plainJpeg } from '../support/photos.ts';
import { installSmallModel } from '../support/small-model.ts';
import { tempDir } from '../support/temp-dir.ts';

function house(): string {
  const data = tempDir();
  installSmallModel(data);
  return data;
}

/** Stands for the path of a configuration with a camera 'porch'. */
const CONFIG = 'the configuration';

describe('a refusal says what is wrong and what to do, and leaves nothing behind:', () => {
  const cases: readonly [what: string, args: readonly string[], code: number, words: RegExp][] = [
    ['no pictures named', ['small'], 64, /required option '--calibrate <pictures>' not specified/],
    ['no such model', ['smal', '--calibrate', 'scene'], 1, /model 'smal': .* there are small/],
    ['a file without a manifest', ['x.onnx', '--calibrate', 'scene'], 64, /vedette models add x\.onnx/],
    ['a quantized model', ['default', '--calibrate', 'scene'], 1, /'vedette-nano' is quantized already/],
    ['no such folder', ['small', '--calibrate', './nowhere'], 64, /there is no folder \.\/nowhere/],
    ['no such camera', ['small', '--calibrate', 'door', '-c', CONFIG], 64, /no camera \(there are porch\)/],
    ['no configuration', ['small', '--calibrate', 'door', '-c', '/nowhere'], 64, /no configuration/],
    ['no such node', ['small', '--calibrate', 'scene', '--keep-float', 'c1,c9'], 64, /has no node c9/],
    ['labels for no detector', ['small', '--calibrate', 'scene', '--eval', '.'], 64, /one for features/],
    [
      'a method of its own',
      ['small', '--calibrate', 'scene', '--method', 'best'],
      64,
      /min-max, percentile, entropy/,
    ],
    [
      'a name that is taken',
      ['small', '--calibrate', 'scene', '--name', 'small'],
      64,
      /there is a model 'small' already/,
    ],
  ];
  test.each(cases)('%s', async (_, args, code, words) => {
    const config = writeConfig({ cameras: { porch: { source: { type: 'scene' } } } });
    const given = args.map((word) => (word === CONFIG ? config : word));
    const run = await runToEnd(['models', 'quantize', ...given, '--data', house()]);
    expect(run.stderr).toMatch(words);
    expect(run.code).toBe(code);
    expect(run.stdout).toBe('');
  });
});

test('a folder with too few photos is told with their number, what is no photo by its name', async () => {
  const folder = tempDir();
  for (let number = 0; number < 3; number += 1)
    writeFileSync(join(folder, `${number}.jpg`), plainJpeg(64, 64));
  writeFileSync(join(folder, 'broken.jpg'), 'no picture');
  const run = await runToEnd(['models', 'quantize', 'small', '--calibrate', folder, '--data', house()]);
  expect(run.code).toBe(1);
  expect(run.stderr).toContain('broken.jpg is not a JPEG');
  expect(run.stderr).toContain('3 pictures are too few to calibrate with (at least 12)');
});

test('where every layer stands out one stays an integer one all the same', async () => {
  const args = ['small', '--calibrate', 'scene', '--pictures', '8', '--method', 'percentile', '--force'];
  const run = await runToEnd(['models', 'quantize', ...args, '--data', house()]);
  expect(run.code, run.stderr).toBe(0);
  expect(run.stdout).toMatch(/^convolutions 1 integer, 2 float$/m);
});

test('a camera of the configuration gives the pictures, and the report names what came of them', async () => {
  const data = house();
  const source = { type: 'scene' };
  const config = writeConfig({
    cameras: { porch: { source, detect: { width: 640, height: 384, fps: 20 } } },
  });
  const args = [
    'small',
    '--calibrate',
    'porch',
    '--pictures',
    '8',
    '--every',
    '0.1',
    '-c',
    config,
    '--force',
  ];
  const run = await runToEnd(['models', 'quantize', ...args, '--data', data]);
  expect(run.code, run.stderr).toBe(0);
  for (const words of [
    /^model {8}small 1$/m,
    /^calibration {2}8 pictures \(camera 'porch'\), 4 more for control$/m,
    /^size .* of 0\.0\d MB$/m,
    /^accuracy {5}cosine \d+\.\d %/m,
    /^convolutions \d integer, \d float$/m,
    /models\/small-int8$/m,
  ])
    expect(run.stdout).toMatch(words);
  const manifest = JSON.parse(readFileSync(join(data, 'models/small-int8/manifest.json'), 'utf8'));
  expect(manifest.quantization.layers.map(({ name }: { name: string }) => name)).toEqual(['c1', 'c2', 'c3']);
});
