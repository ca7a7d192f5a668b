#!/usr/bin/env node
// Repeats the figures of models/vedette-nano/CARD.md as tables: the bundled model, its float parent and the models it is held
// against, all over the same photos in one run, and the time of each in turn. Needs the shared material ($VEDETTE_SHARED, else
// `shared` beside the repository). Another model than the bundled one: npm run models:eval -- <model folder> [its float folder]
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openDetect } from '../daemon/cli/model-detect.ts';
import { ProgressBar } from '../daemon/cli/progress.ts';
import type { ModelSpec } from '../daemon/core/types.ts';
import { createDetections } from '../daemon/detector/wire.ts';
import { type EvalResult, evaluate } from '../daemon/models/eval.ts';
import type { ClassFigures, Figures } from '../daemon/models/eval-figures.ts';
import { type LabelledSet, openLabelledSet } from '../daemon/models/labelled-set.ts';
import { loadModel } from '../daemon/models/manifest.ts';
import { photoNames, readPhoto } from '../daemon/models/photos.ts';
import { pictureTensor } from '../daemon/models/picture-tensor.ts';
import { systemClock } from '../daemon/platform/clock.ts';
import { median } from '../daemon/platform/percentiles.ts';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const SHARED = process.env['VEDETTE_SHARED'] ?? resolve(ROOT, '../shared');
const SETS = ['coco/val', 'person-tracker/val', 'highway/val'];
/** Mean luma below which a photo counts as one of the night, 0..255. */
const DARK = 70;
const TIMED_ROUNDS = 150;

if (!existsSync(join(SHARED, 'training'))) {
  process.stderr.write(`models:eval: there is no ${join(SHARED, 'training')}; set VEDETTE_SHARED\n`);
  process.exit(1);
}

const [folder = 'vedette-nano', floatFolder] = process.argv.slice(2);
const measured = await loadModel(folder);
const older = await loadModel('vedette-nano');
const yoloFolder = join(SHARED, 'models/mobilenetv2-yolo-nano-coco-320');
const yoloLabels = readFileSync(join(yoloFolder, 'labels.txt'), 'utf8').trim().split(/\r?\n/);
const square320: ModelSpec = {
  ...older,
  saturationFree: false,
  input: { ...older.input, width: 320, height: 320 },
  decoder: { type: 'boxes-scores', boxes: 'boxes', scores: 'scores', nmsIou: 0.5 },
};
const v0 = {
  ...square320,
  name: 'vedette-nano-v0',
  file: join(SHARED, 'models/vedette-nano-v0/model-int8.onnx'),
};
const v0Float = { ...v0, name: 'vedette-nano-v0 float', file: join(dirname(v0.file), 'model.onnx') };
const yolo = { ...square320, labels: yoloLabels, thresholds: {} };
const models: readonly ModelSpec[] = [
  measured,
  ...(await floatParent()),
  v0,
  v0Float,
  { ...yolo, name: 'YOLO-Nano int8', file: join(yoloFolder, 'model-int8.onnx') },
  { ...yolo, name: 'YOLO-Nano float', file: join(yoloFolder, 'model.onnx') },
];

const sets = await Promise.all(SETS.map((name) => openLabelledSet(join(SHARED, 'training', name))));
const results = new Map<ModelSpec, ReadonlyMap<LabelledSet, EvalResult>>();
for (const model of models) results.set(model, await evaluated(model, sets));

printAgainst();
printSizes();
printThresholds();
await printLight();
await printTimes();

/** Of the bundled model it is known; of another it is asked for. */
async function floatParent(): Promise<ModelSpec[]> {
  const name = 'float parent';
  if (floatFolder !== undefined) return [{ ...(await loadModel(floatFolder)), name }];
  const file = join(ROOT, 'models/training/vedette-nano.onnx');
  return folder === 'vedette-nano' ? [{ ...measured, name, file }] : [];
}

async function evaluated(
  model: ModelSpec,
  over: readonly LabelledSet[],
): Promise<ReadonlyMap<LabelledSet, EvalResult>> {
  await using opened = await openDetect({ model, providers: ['cpu'], threads: 1, clock: systemClock });
  const found = new Map<LabelledSet, EvalResult>();
  for (const set of over) {
    const bar = new ProgressBar(systemClock);
    const options = { model, detect: opened.detect, sets: [set] };
    found.set(
      set,
      await evaluate({ ...options, onProgress: (done, of) => bar.at(done, of) }).finally(() => bar.end()),
    );
  }
  return found;
}

function resultOf(model: ModelSpec, set: LabelledSet): EvalResult {
  return results.get(model)!.get(set)!;
}

/** Average precision of each set and of each class in it, all models side by side. */
function printAgainst(): void {
  title('AP50, per cent [95 % of resamples]');
  printTable(
    ({ map50, interval50 }) => spread(map50, interval50),
    (one) => spread(one?.ap50, one?.interval50),
  );
  title('AP50-95, per cent [95 % of resamples]');
  printTable(
    ({ map50to95, interval50to95 }) => spread(map50to95, interval50to95),
    (one) => spread(one?.ap50to95, one?.interval50to95),
  );
}

function printTable(
  ofSet: (set: Figures) => string,
  ofClass: (one: ClassFigures | undefined) => string,
): void {
  head(['set', ...models.map(({ name }) => name)]);
  for (const set of sets) {
    const all = models.map((model) => resultOf(model, set).figures);
    const { photos, figures } = resultOf(measured, set);
    const labels = Object.keys(figures.perClass);
    row([`**${set.name}**, ${photos} photos`, ...all.map(ofSet)]);
    if (labels.length === 1) continue;
    for (const label of labels) {
      const cells = all.map(({ perClass }) => ofClass(perClass[label]));
      row([`${label} (${figures.perClass[label]!.objects})`, ...cells]);
    }
  }
}

/** AP50 by size of the objects. */
function printSizes(): void {
  title('AP50 by size of the object, per cent');
  head(['set', 'size', 'objects', ...models.map(({ name }) => name)]);
  for (const set of sets) {
    for (const size of ['small', 'medium', 'large'] as const) {
      const all = models.map((model) => resultOf(model, set).figures.bySize[size]);
      row([set.name, size, String(all[0]!.objects), ...all.map(({ map50 }) => percent(map50))]);
    }
  }
}

/** What the manifest's thresholds let through, and those that would be right nine times in ten. */
function printThresholds(): void {
  title(`Thresholds of ${measured.name}`);
  head(['set', 'label', 'threshold', 'right', 'found', '90 % right from', 'found there', 'best F1 from']);
  for (const set of sets) {
    const { perClass, suggestedThresholds } = resultOf(measured, set).figures;
    for (const [label, one] of Object.entries(perClass)) {
      const { forPrecision, bestF1 } = suggestedThresholds[label]!;
      const passing = [
        one.threshold.toFixed(2),
        percent(one.precisionAtThreshold),
        percent(one.recallAtThreshold),
      ];
      const wanted = [forPrecision?.threshold.toFixed(2) ?? '-', percent(forPrecision?.recall)];
      row([set.name, label, ...passing, ...wanted, bestF1?.threshold.toFixed(2) ?? '-']);
    }
  }
}

/** AP50 of dark photos and of the others, where both hold enough. */
async function printLight(): Promise<void> {
  title(`Dark photos (mean luma below ${DARK}) and the others: AP50, per cent`);
  head(['set', 'photos', ...models.map(({ name }) => name)]);
  const scratch = mkdtempSync(join(tmpdir(), 'vedette-models-eval-'));
  try {
    for (const set of sets) {
      for (const part of await byLight(set, scratch)) {
        const cells: string[] = [];
        for (const model of models) {
          const figures = (await evaluated(model, [part.set])).get(part.set)!.figures;
          cells.push(spread(figures.map50, figures.interval50));
        }
        row([part.set.name, String(part.photos), ...cells]);
      }
    }
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

interface Part {
  readonly set: LabelledSet;
  readonly photos: number;
}

/** The set in two, as folders of links; a part without an object is left out. */
async function byLight(set: LabelledSet, scratch: string): Promise<Part[]> {
  const parts = { dark: [] as string[], light: [] as string[] };
  for (const name of await photoNames(set.photos, { onSkip: () => {} })) {
    const { rgb } = await readPhoto(set.photos, name);
    let sum = 0;
    for (const value of rgb) sum += value;
    parts[sum / rgb.length < DARK ? 'dark' : 'light'].push(name);
  }
  const made: Part[] = [];
  for (const [light, names] of Object.entries(parts)) {
    const place = mkdtempSync(join(scratch, 'part-'));
    let hasObjects = false;
    for (const name of names) {
      const labels = name.replace(/\.[^.]+$/, '.txt');
      symlinkSync(join(set.photos, name), join(place, name));
      symlinkSync(join(set.boxes, labels), join(place, labels));
      const lines = readFileSync(join(set.boxes, labels), 'utf8').trim().split('\n');
      hasObjects ||= lines.some((line) => line !== '' && isLabelled(set, Number(line.split(' ')[0])));
    }
    if (hasObjects)
      made.push({
        set: { ...set, name: `${set.name}, ${light}`, photos: place, boxes: place },
        photos: names.length,
      });
  }
  return made;
}

function isLabelled(set: LabelledSet, label: number): boolean {
  return set.labelled.includes(set.classes[label]!);
}

/** Medians of session.run with what comes after it, one thread, the models in turn over the same photo. */
async function printTimes(): Promise<void> {
  title('Time of one inference, one thread, in turn');
  const [set] = sets;
  const [name] = await photoNames(set!.photos, { onSkip: () => {} });
  const photo = await readPhoto(set!.photos, name!);
  const detections = createDetections();
  await using closing = new AsyncDisposableStack();
  const runs: { model: ModelSpec; run: () => Promise<void>; times: number[] }[] = [];
  for (const model of models) {
    const options = { model, providers: ['cpu'] as const, threads: 1, clock: systemClock };
    const { detect } = closing.use(await openDetect(options));
    const tensor = pictureTensor(photo, model.input);
    runs.push({ model, run: () => detect(tensor, detections), times: [] });
  }
  for (let round = -5; round < TIMED_ROUNDS; round += 1) {
    for (const { run, times } of runs) {
      const from = performance.now();
      await run();
      if (round >= 0) times.push(performance.now() - from);
    }
  }
  const reference = runs.find(({ model }) => model === v0)!.times;
  head(['model', 'ms, median', `ratio to ${v0.name}, median of rounds`]);
  for (const { model, times } of runs) {
    const ratios = times.map((ms, round) => ms / reference[round]!);
    row([model.name, median(times).toFixed(2), median(ratios).toFixed(3)]);
  }
}

function percent(value: number | null | undefined): string {
  return typeof value === 'number' ? (value * 100).toFixed(1) : '-';
}

function spread(value: number | undefined, interval: readonly [number, number] | undefined): string {
  if (value === undefined || interval === undefined) return '-';
  return `${percent(value)} [${percent(interval[0])}, ${percent(interval[1])}]`;
}

function title(text: string): void {
  process.stdout.write(`\n${text}\n\n`);
}

function head(cells: readonly string[]): void {
  row(cells);
  row(cells.map(() => '---'));
}

function row(cells: readonly string[]): void {
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}
