// Manifests: what is accepted, and that everything wrong is named at once. Real files in a temporary folder.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listModels, loadModel, readManifest } from '../../daemon/models/manifest.ts';
import { LIGHTER_MODEL, modelFolder, SHIPPED_MODEL, TOYS } from '../support/detector.ts';
import { errorOf } from '../support/errors.ts';
import { tempDir } from '../support/temp-dir.ts';

/** A copy of a toy model whose manifest is changed. */
function changed(changes: Record<string, unknown>): string {
  return modelFolder(tempDir(), { onnx: TOYS.ssd.onnx, manifest: { ...TOYS.ssd.manifest, ...changes } });
}

test('the shipped model is verified and fits its card', async () => {
  const spec = await loadModel('vedette-nano');
  expect(spec).toMatchObject({
    name: 'vedette-nano',
    task: 'detect',
    file: join(SHIPPED_MODEL, 'model-int8.onnx'),
  });
  expect(spec.labels).toEqual([
    'person',
    'bicycle',
    'car',
    'motorcycle',
    'bus',
    'truck',
    'bird',
    'cat',
    'dog',
  ]);
  expect(spec.thresholds).toMatchObject({ person: 0.6, car: 0.5, dog: 0.5 });
  const { manifest } = await readManifest('vedette-nano');
  const card = readFileSync(join(SHIPPED_MODEL, manifest.card), 'utf8');
  expect(card).toContain(manifest.sha256);
  for (const label of spec.labels) expect(card).toContain(label);
});

test('the lighter model is verified, fits its card and its larger sibling', async () => {
  const [full, lighter] = await Promise.all([loadModel('vedette-nano'), loadModel('vedette-nano-224')]);
  expect(lighter.labels).toEqual(full.labels);
  expect(lighter.thresholds).toEqual(full.thresholds);
  expect(lighter.input).toEqual({ ...full.input, width: 224, height: 224 });
  const { manifest } = await readManifest('vedette-nano-224');
  const card = readFileSync(join(LIGHTER_MODEL, manifest.card), 'utf8');
  expect(card).toContain(manifest.sha256);
  for (const label of lighter.labels) expect(card).toContain(label);
});

test('a name, a folder and the path of a manifest lead to the same model', async () => {
  const byName = await loadModel('vedette-nano');
  expect(await loadModel(SHIPPED_MODEL)).toEqual(byName);
  expect(await loadModel(join(SHIPPED_MODEL, 'manifest.json'))).toEqual(byName);
});

test('defaults are filled in: mean, scale, class offset, thresholds', async () => {
  const folder = modelFolder(tempDir(), {
    ...TOYS.ssd,
    manifest: { ...TOYS.ssd.manifest, thresholds: { car: 0.7 } },
  });
  const spec = await loadModel(folder);
  expect(spec.input).toMatchObject({ mean: [0, 0, 0], scale: [1, 1, 1] });
  expect(spec.thresholds).toEqual({ person: 0.5, car: 0.7, dog: 0.5 });
});

test('a missing model names what was looked for and what is there', async () => {
  const modelsDir = tempDir();
  const empty = await errorOf(loadModel('nope', { folders: [modelsDir] }));
  expect(empty.code).toBe('MODEL_NOT_FOUND');
  expect(empty.message).toContain(`there are none in ${modelsDir}`);
  mkdirSync(join(modelsDir, 'not-a-model'));
  modelFolder(modelsDir, TOYS.ssd);
  expect(await listModels([modelsDir])).toEqual(['model']);
  const error = await errorOf(loadModel('nope', { folders: [modelsDir] }));
  expect(error.message).toMatch(
    /model 'nope': .*nope\/manifest\.json cannot be read \(ENOENT.*; there are model$/,
  );
});

test('a missing model file is MODEL_NOT_FOUND', async () => {
  const folder = modelFolder(tempDir(), TOYS.ssd);
  rmSync(join(folder, 'model.onnx'));
  const error = await errorOf(loadModel(folder));
  expect(error.code).toBe('MODEL_NOT_FOUND');
  expect(error.message).toContain(join(folder, 'model.onnx'));
});

test('one flipped bit is MODEL_CORRUPT, with both hashes', async () => {
  const folder = modelFolder(tempDir(), TOYS.ssd);
  const content = readFileSync(join(folder, 'model.onnx'));
  const wanted = createHash('sha256').update(content).digest('hex');
  content[100]! ^= 1;
  writeFileSync(join(folder, 'model.onnx'), content);
  const error = await errorOf(loadModel(folder));
  expect(error.code).toBe('MODEL_CORRUPT');
  expect(error.message).toContain(wanted);
  expect(error.message).toContain(createHash('sha256').update(content).digest('hex'));
});

test('a wrong size is MODEL_CORRUPT even where the hash is right', async () => {
  const error = await errorOf(loadModel(changed({ bytes: 5 })));
  expect(error.code).toBe('MODEL_CORRUPT');
  expect(error.message).toMatch(/its manifest says 5 bytes/);
});

test('every problem is named at once, with path, limit and value', async () => {
  const error = await errorOf(
    loadModel(
      changed({
        v: 2,
        sha256: 'abc',
        input: { ...TOYS.ssd.manifest.input, width: 0, mean: [1, 2, 3], size: 3 },
        decoder: { ...TOYS.ssd.manifest.decoder, classOffset: -1 },
        labels: ['person', 'person'],
        thresholds: { persn: 0.5, person: 2 },
        licence: undefined,
      }),
    ),
  );
  expect(error.code).toBe('MODEL_MANIFEST_INVALID');
  const wanted = [
    /manifest\.json: v: .*expected 1 \(got 2\)/,
    /sha256: must be 64 lower-case hexadecimal digits \(got "abc"\)/,
    /input\.width: .*>=16 \(got 0\)/,
    /input: .*"size"/,
    /input\.mean: mean and scale are for float32 inputs/,
    /decoder\.classOffset: .*>=0 \(got -1\)/,
    /labels\.1: is there twice \(got "person"\)/,
    /thresholds\.person: .*<=1 \(got 2\)/,
    /thresholds\.persn: is not one of the labels \(person, person\)/,
    /licence: /,
  ];
  for (const message of wanted) expect(error.message).toMatch(message);
});

test('two labels that are one in topics are refused, both named, of a model that detects', async () => {
  const labels = ['person', 'stop sign', 'Stop-Sign', 'Stop_Sign', '行人', '汽车'];
  const error = await errorOf(loadModel(changed({ labels, thresholds: {} })));
  expect(error.code).toBe('MODEL_MANIFEST_INVALID');
  expect(error.message).toMatch(
    /manifest\.json: labels\.3: has the name 'stop_sign' in topics, as has "stop sign"; rename one of them \(got "Stop_Sign"\)$/,
  );
});

test.each(['../model.onnx', '/etc/passwd', 'a/b.onnx', '..', '.hidden', 'a\\b', ''])(
  'the file %j cannot leave the folder',
  async (file) => {
    const error = await errorOf(loadModel(changed({ file })));
    expect(error.code).toBe('MODEL_MANIFEST_INVALID');
    expect(error.message).toContain('file: must be the plain name of a file in the same folder');
  },
);

test('a task or decoder of another version is MODEL_UNSUPPORTED and says what is known', async () => {
  const error = await errorOf(loadModel(changed({ task: 'caption', decoder: { type: 'yolo-v9' } })));
  expect(error.code).toBe('MODEL_UNSUPPORTED');
  expect(error.message).toMatch(
    /task 'caption' \(known: detect, classify, segment, features\) and decoder 'yolo-v9' \(known: boxes-scores, tf-ssd, classes, mask, features\)/,
  );
});

test.each(['', '{', '[]', 'null', '3', '"x"'])(
  'a manifest that is %j is MODEL_MANIFEST_INVALID',
  async (content) => {
    const folder = modelFolder(tempDir(), TOYS.ssd);
    writeFileSync(join(folder, 'manifest.json'), content);
    expect((await errorOf(loadModel(folder))).code).toBe('MODEL_MANIFEST_INVALID');
  },
);
