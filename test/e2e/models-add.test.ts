// `vedette models add` and `try` as an owner uses them: a file is recognised, proven, installed, tried on a photo; what is unknown,
// there already or no model is said, and nothing changes.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import jpegTurbo from '@julusian/jpeg-turbo';
import { expect, test } from 'vitest';
import { encodeModel } from '../../daemon/models/onnx-write.ts';
import { runToEnd } from '../support/daemon.ts';
import { bodyNet, rawHead } from '../support/heads.ts';
import { pixelsOf } from '../support/importing.ts';
import { tempDir } from '../support/temp-dir.ts';

const SIDE = 64;

/** An SSD head as tf2onnx writes it, of four classes with the background, in a file. */
function ssdFile(folder: string, producer = 'tf2onnx'): string {
  const sides = [4, 2, 1, 1, 1, 1];
  const net = bodyNet({ side: SIDE, layout: 'nhwc', sides, producer });
  const anchors = [3, 6, 6, 6, 6, 6];
  const file = join(folder, 'street.onnx');
  writeFileSync(file, encodeModel(rawHead(net, anchors, 4)));
  return file;
}

function photoFile(folder: string): string {
  const [width, height] = [96, 64];
  const { FORMAT_RGB: format, SAMP_420: subsampling } = jpegTurbo;
  const file = join(folder, 'photo.jpg');
  const pixels = Buffer.from(pixelsOf(width * height * 3));
  writeFileSync(file, jpegTurbo.compressSync(pixels, { width, height, format, subsampling, quality: 90 }));
  return file;
}

test('a detector is brought, tried on a photo, and replaced only when it is said', async () => {
  const folder = tempDir();
  const data = join(folder, 'data');
  const labels = join(folder, 'labels.txt');
  writeFileSync(labels, 'person\ncar\ndog\n');
  const file = ssdFile(folder);
  const args = ['models', 'add', file, '--labels', labels, '--licence', 'CC0-1.0', '--data', data];
  const added = await runToEnd(args);
  expect(added.stderr).toBe('');
  expect(added.code).toBe(0);
  expect(added.stdout).toContain("  layout is NHWC: input 'given' has shape [1,64,64,3]\n");
  expect(added.stdout).toContain("default boxes are TensorFlow's");
  expect(added.stdout).toContain("installed as 'street'");
  const installed = join(data, 'models', 'street');
  const manifest = JSON.parse(readFileSync(join(installed, 'manifest.json'), 'utf8'));
  expect(manifest).toMatchObject({
    name: 'street',
    task: 'detect',
    labels: ['person', 'car', 'dog'],
    licence: 'CC0-1.0',
  });
  expect(manifest.origin).toMatchObject({ file: 'street.onnx', bytes: readFileSync(file).length });
  expect(readFileSync(join(installed, 'CARD.md'), 'utf8')).toContain('CC0-1.0');

  const again = await runToEnd(args);
  expect(again.code).toBe(64);
  expect(again.stderr).toContain("there is a model 'street' already");
  const replaced = await runToEnd([...args, '--replace', '--threshold', '0.6', '--json']);
  expect(JSON.parse(replaced.stdout)).toMatchObject({
    v: 1,
    name: 'street',
    folder: installed,
    task: 'detect',
  });
  expect(JSON.parse(readFileSync(join(installed, 'manifest.json'), 'utf8')).thresholdDefault).toBe(0.6);

  const drawn = join(folder, 'drawn.jpg');
  const tried = await runToEnd([
    'models',
    'try',
    'street',
    photoFile(folder),
    '--score',
    '0',
    '--draw',
    drawn,
    '--json',
    '--data',
    data,
  ]);
  expect(tried.stderr).toBe('');
  const document = JSON.parse(tried.stdout);
  expect(document).toMatchObject({ v: 1, model: 'street', task: 'detect' });
  expect(document.photos[0].detections[0]).toMatchObject({ label: expect.stringMatching(/person|car|dog/) });
  expect(existsSync(drawn)).toBe(true);
}, 30_000);

test('what a file does not tell is asked for by every flag at once, and nothing is installed', async () => {
  const folder = tempDir();
  const data = join(folder, 'data');
  const asked = await runToEnd(['models', 'add', ssdFile(folder, 'unheard of'), '--data', data]);
  expect(asked.code).toBe(1);
  expect(asked.stderr).toContain(
    'street.onnx: the file alone does not tell; say --labels <file | coco | coco91 | imagenet | voc>',
  );
  expect(asked.stderr).toContain('--normalise <imagenet | -1..1 | 0..1 | 0..255>, or --mean and --scale');
  expect(existsSync(join(data, 'models')) ? readdirSync(join(data, 'models')) : []).toEqual([]);
}, 30_000);

test('files that are no model are refused with the reason, the flags that are no flags with theirs', async () => {
  const folder = tempDir();
  const text = join(folder, 'notes.onnx');
  writeFileSync(text, 'these are notes');
  const refused = await runToEnd(['models', 'add', text, '--data', folder]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(`${text}: no ONNX model`);
  const missing = await runToEnd(['models', 'add', join(folder, 'none.onnx'), '--data', folder]);
  expect(missing.stderr).toContain('none.onnx: does not exist');
  const odd = await runToEnd(['models', 'add', text, '--input-size', 'large', '--data', folder]);
  expect(odd.code).toBe(64);
  expect(odd.stderr).toContain("must be like 320 or 320x256 (got 'large')");
  const labels = await runToEnd([
    'models',
    'add',
    text,
    '--labels',
    join(folder, 'none.txt'),
    '--data',
    folder,
  ]);
  expect(labels.code).toBe(64);
  expect(labels.stderr).toContain('none.txt does not exist; there are the lists coco, coco91, imagenet, voc');
}, 30_000);
