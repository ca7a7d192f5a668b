// `vedette models eval` as an owner runs it: the real model over frames of the scene and, where they are at hand, over photos.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runToEnd, startDaemon } from '../support/daemon.ts';
import { ROOT, sharedPath, testNeeding } from '../support/needs.ts';
import { boxLine, folderWith, plainJpeg, scenePhotos } from '../support/photos.ts';
import { tempDir } from '../support/temp-dir.ts';

const BUNDLED = join(ROOT, 'models/vedette-nano');

interface Document {
  readonly [key: string]: unknown;
  readonly map50: number;
  readonly perClass: Readonly<Record<string, { readonly ap50: number; readonly objects: number }>>;
}

async function evalJson(...args: readonly string[]): Promise<Document> {
  const { code, stdout, stderr } = await runToEnd(['models', 'eval', ...args, '--json']);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Document;
}

/** The bundled model as an owner's own, in a data folder. */
function ownModel(): { readonly data: string; readonly manifest: () => Record<string, unknown> } {
  const data = tempDir();
  const folder = join(data, 'models/own');
  mkdirSync(join(data, 'models'));
  cpSync(BUNDLED, folder, { recursive: true });
  const path = join(folder, 'manifest.json');
  const manifest = (): Record<string, unknown> =>
    JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  writeFileSync(path, JSON.stringify({ ...manifest(), name: 'own', evaluations: undefined }));
  return { data, manifest };
}

test('the document of the bundled model over people of the scene has every figure, and its manifest stays as it is', async () => {
  const before = readFileSync(join(BUNDLED, 'manifest.json'), 'utf8');
  const document = await evalJson('default', scenePhotos(12), '--bootstrap', '20');
  expect(readFileSync(join(BUNDLED, 'manifest.json'), 'utf8')).toBe(before);
  expect(document).toMatchObject({
    v: 1,
    model: 'vedette-nano',
    sha256: JSON.parse(before).sha256,
    date: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    photos: 12,
    perClass: {
      person: {
        objects: expect.any(Number),
        threshold: 0.6,
        interval50: [expect.any(Number), expect.any(Number)],
        interval50to95: [expect.any(Number), expect.any(Number)],
      },
    },
    bySize: { small: {}, medium: {}, large: {} },
    suggestedThresholds: { person: { bestF1: { threshold: expect.any(Number) } } },
    recallAtThreshold: expect.any(Number),
    settings: { provider: 'cpu', threads: 1, nmsIou: 0.45, scoreLow: 0.01, precisionTarget: 0.9 },
    stored: false,
    notStored: "model 'vedette-nano' comes with vedette and stays as it is",
  });
  expect(document['notEvaluated']).toMatchObject({ dog: 'not labelled in these photos' });
  expect(document.map50).toBe(document.perClass['person']!.ap50);
  expect(document.map50).toBeGreaterThan(0.4);
  expect(document['map50to95'] as number).toBeLessThan(document.map50);
});

test('figures of an own model are kept in its manifest, one of each question, and the model still loads', async () => {
  const { data, manifest } = ownModel();
  const photos = scenePhotos(3);
  const args = ['own', photos, '--data', data, '--bootstrap', '0'];
  const { map50, stored } = await evalJson(...args);
  expect(stored).toBe(true);
  await evalJson(...args);
  await evalJson(...args, '--no-store');
  const { code, stdout } = await runToEnd([
    'models',
    'eval',
    ...args,
    '--limit',
    '2',
    '--compare',
    'default',
  ]);
  expect(code).toBe(0);
  expect(stdout).toContain(`own (${String(manifest()['sha256']).slice(0, 12)}) on `);
  expect(stdout).toMatch(/ on \S+ \(2\): 2 photos, \d+ objects$/m);
  expect(stdout).toMatch(/^person \* +\d+ +[\d.]+ +[\d.]+ +0\.6 +[\d.]+ +[\d.]+ /m);
  expect(stdout).toContain('Without a figure: dog, ');
  expect(stdout).toContain('Kept in the manifest of own.');
  expect(stdout).toMatch(/^vedette-nano: \+0\.0 points from own, mean of 1 label$/m);
  const kept = manifest()['evaluations'] as Record<string, unknown>[];
  expect(kept.map((one) => one['photos'])).toEqual([3, 2]);
  expect(kept[0]).toMatchObject({ map50, settings: { limit: null }, perClass: { person: { ap50: map50 } } });
});

test.each([
  [['default', '/nowhere'], 1, 'nothing names its classes'],
  [['no-such-model', 'PHOTOS'], 1, "model 'no-such-model'"],
  [['default'], 64, "missing required argument 'folder'"],
  [['default', 'PHOTOS', '--limit', '0'], 64, 'must be a whole number'],
])('what is missing or wrong is told in a line: %j', async (args, status, words) => {
  const photos = folderWith({ 'classes.txt': 'person' });
  const { code, stdout, stderr } = await runToEnd([
    'models',
    'eval',
    ...args.map((one) => (one === 'PHOTOS' ? photos : one)),
  ]);
  expect([code, stdout]).toEqual([status, '']);
  expect(stderr).toContain(words);
  expect(stderr).not.toContain('    at ');
});

test('Ctrl-C ends it between two photos, without a figure and without a stack', async () => {
  const jpeg = plainJpeg(640, 480);
  const line = boxLine(0, { x: 0.1, y: 0.1, width: 0.5, height: 0.5 });
  const files = Array.from({ length: 500 }, (_, at): [string, Uint8Array | string][] => [
    [`${at}.jpg`, jpeg],
    [`${at}.txt`, line],
  ]).flat();
  const folder = folderWith({ 'classes.txt': 'person', '0a.png': '', ...Object.fromEntries(files) });
  const running = startDaemon(['models', 'eval', 'default', folder]);
  // It has begun when it names the file that it passes over.
  await new Promise((resolve) => running.process.stderr!.once('data', resolve));
  running.kill('SIGINT');
  expect(await running.exited).toBe(130);
  expect(running.stdout()).toBe('');
  expect(running.stderr()).toMatch(
    /0a\.png is no JPEG; convert it to be used; passed over\nvedette: interrupted\n$/,
  );
});

testNeeding({ shared: ['training/coco/val'] })(
  'over the photos of its card the bundled model is about as good as the card says',
  async () => {
    const document = await evalJson('default', sharedPath('training/coco/val'), '--bootstrap', '0');
    expect(document['photos']).toBe(204);
    expect(document['objects']).toBe(627);
    expect(Math.abs(document.map50 - 0.476)).toBeLessThan(0.02);
    expect(Math.abs(document.perClass['person']!.ap50 - 0.465)).toBeLessThan(0.02);
  },
);
