#!/usr/bin/env node
// Repeats the figures of models/vedette-nano/CARD.md: the bundled model, its float parent and the model it was started from, over
// the first 250 photos of each validation set. Needs the shared material ($VEDETTE_SHARED, else `shared` beside the repository).
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDetect } from '../daemon/cli/model-detect.ts';
import { ProgressBar } from '../daemon/cli/progress.ts';
import type { ModelSpec } from '../daemon/core/types.ts';
import { type EvalResult, evaluate } from '../daemon/models/eval.ts';
import { openLabelledSet } from '../daemon/models/labelled-set.ts';
import { loadModel } from '../daemon/models/manifest.ts';
import { systemClock } from '../daemon/platform/clock.ts';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const SHARED = process.env['VEDETTE_SHARED'] ?? resolve(ROOT, '../shared');
const PHOTOS_MAX = 250;

/** Rows of the card: a set and the labels whose mean is meant; all of them where none is named. */
const ROWS = [
  { title: 'COCO, mean of the nine classes', set: 'coco/val' },
  { title: 'COCO, person', set: 'coco/val', label: 'person' },
  { title: 'capston2, person', set: 'person-tracker/val' },
  { title: 'highway, mean of car, motorcycle, bus, truck', set: 'highway/val' },
] as const;

if (!existsSync(join(SHARED, 'training'))) {
  process.stderr.write(`models:eval: there is no ${join(SHARED, 'training')}; set VEDETTE_SHARED\n`);
  process.exit(1);
}

const bundled = await loadModel('vedette-nano');
const models: readonly ModelSpec[] = [
  bundled,
  { ...bundled, name: 'vedette-nano float', file: join(SHARED, 'models/vedette-nano-v0/model.onnx') },
  yoloNano('YOLO-Nano float', 'model.onnx'),
  yoloNano('YOLO-Nano int8', 'model-int8.onnx'),
];

/** Same inputs and outputs, other labels. */
function yoloNano(name: string, file: string): ModelSpec {
  const folder = join(SHARED, 'models/mobilenetv2-yolo-nano-coco-320');
  const labels = readFileSync(join(folder, 'labels.txt'), 'utf8').trim().split(/\r?\n/);
  return { ...bundled, name, file: join(folder, file), labels, thresholds: {} };
}

const sets = [...new Set(ROWS.map(({ set }) => set))];
const results = new Map<string, EvalResult>();
for (const model of models) {
  await using opened = await openDetect({ model, providers: ['cpu'], threads: 1, clock: systemClock });
  for (const set of sets) {
    const bar = new ProgressBar(systemClock);
    const result = await evaluate({
      model,
      detect: opened.detect,
      sets: [await openLabelledSet(join(SHARED, 'training', set))],
      limit: PHOTOS_MAX,
      onProgress: (done, of) => bar.at(done, of),
    }).finally(() => bar.end());
    results.set(`${model.name} ${set}`, result);
  }
}

const percent = (value: number): string => (value * 100).toFixed(1);
const line = (cells: readonly string[]): void => void process.stdout.write(`| ${cells.join(' | ')} |\n`);
line(['AP50, per cent [95 % of resamples]', ...models.map(({ name }) => name)]);
line(['---', ...models.map(() => '---')]);
for (const row of ROWS) {
  const photos = results.get(`${bundled.name} ${row.set}`)!.photos;
  const cells = models.map(({ name }) => {
    const { map50, interval50, perClass } = results.get(`${name} ${row.set}`)!.figures;
    const one = 'label' in row ? perClass[row.label]! : { ap50: map50, interval50 };
    const [low, high] = one.interval50!;
    return `${percent(one.ap50)} [${percent(low)}, ${percent(high)}]`;
  });
  line([`${row.title} (${photos} photos)`, ...cells]);
}
