// How well a model detects in labelled photos: every photo goes the way of a frame (resized into the model's input, run, decoded
// with the manifest's suppression), what comes out is held against the labels. Takes a `detect`, opens no session itself: main
// thread of a command, or wherever there is one. docs/evaluate.md.
import { boxInPicture, placementOf } from '../core/placement.ts';
import type { Box, ModelInput, ModelSpec } from '../core/types.ts';
import { createDetections, type WireDetections } from '../detector/wire.ts';
import { VedetteError } from '../platform/errors.ts';
import type { ScoredBox } from './average-precision.ts';
import {
  type ClassEvidence,
  type Figures,
  type FiguresWithResamples,
  figuresOf,
  type PhotoEvidence,
} from './eval-figures.ts';
import { labelIndex } from './label-names.ts';
import { boxesOf, type LabelledBox, type LabelledSet } from './labelled-set.ts';
import { photoNames, readPhoto, type SkippedPhoto } from './photos.ts';
import type { Picture } from './picture.ts';
import { type PictureTensor, pictureTensor } from './picture-tensor.ts';

/** Detections below this are not asked for: average precision wants the doubtful ones too, but has nothing from pure noise. */
export const SCORE_LOW = 0.01;
/** Sizes are those of a photo with this long side, as COCO's have: 32x32 and 96x96 pixels of it part small, medium and large. */
export const LONG_SIDE = 640;
export const PRECISION_TARGET = 0.9;
export const RESAMPLES = 200;
export const RESAMPLE_SEED = 1;

/** Runs a model over one tensor and decodes: scores from SCORE_LOW, best first. */
export type Detect = (tensor: PictureTensor, into: WireDetections) => Promise<void>;

/** How it is measured; what is left out has its default. */
export interface EvalWishes {
  /** Photos of each set at most, in the order of their names, or by chance when there is a `seed`. */
  readonly limit?: number | undefined;
  readonly seed?: number | undefined;
  readonly precisionTarget?: number | undefined;
  /** 0 for no intervals. */
  readonly resamples?: number | undefined;
}

export interface EvalOptions extends EvalWishes {
  readonly model: Pick<ModelSpec, 'name' | 'input' | 'labels' | 'thresholds'>;
  readonly detect: Detect;
  readonly sets: readonly LabelledSet[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, of: number) => void;
  readonly onSkip?: (set: LabelledSet, skipped: SkippedPhoto) => void;
}

export interface EvaluatedSet {
  readonly name: string;
  readonly folder: string;
  readonly photos: number;
  /** Files that look like photos and were not used. */
  readonly skipped: number;
  readonly labelled: readonly string[];
}

export interface EvalResult extends FiguresWithResamples {
  readonly figures: Figures;
  readonly photos: number;
  readonly objects: number;
  readonly sets: readonly EvaluatedSet[];
  /** Labels of the sets that the model spells differently. */
  readonly otherNames: Readonly<Record<string, string>>;
  /** Labels of model or sets without a figure, and why. */
  readonly notEvaluated: Readonly<Record<string, string>>;
}

/**
 * Evaluates over all sets together; a class counts only in photos of sets that label it. Throws LABELS_INVALID when there is no
 * object of any label that both know, PHOTOS_NOT_FOUND, what `detect` throws, and the signal's reason.
 */
export async function evaluate(options: EvalOptions): Promise<EvalResult> {
  const { sets, model, seed, limit = Number.POSITIVE_INFINITY } = options;
  const gathering = new Gathering(model, sets);
  const skips = new Map(sets.map((set): [LabelledSet, number] => [set, 0]));
  const skip = (set: LabelledSet, skipped: SkippedPhoto): void => {
    skips.set(set, skips.get(set)! + 1);
    options.onSkip?.(set, skipped);
  };
  const listed: string[][] = [];
  for (const set of sets) {
    const onSkip = (skipped: SkippedPhoto): void => skip(set, skipped);
    listed.push(await photoNames(set.photos, { ...(seed === undefined ? {} : { seed }), onSkip }));
  }
  const of = listed.reduce((total, names) => total + Math.min(names.length, limit), 0);
  const detections = createDetections();
  const evaluated: EvaluatedSet[] = [];
  let tensor: PictureTensor | undefined;
  for (const [index, set] of sets.entries()) {
    const before = gathering.photos;
    for (const name of listed[index]!) {
      if (gathering.photos - before === limit) break;
      options.signal?.throwIfAborted();
      const photo = await labelledPhoto(set, name);
      if ('reason' in photo) {
        skip(set, photo);
        continue;
      }
      tensor = pictureTensor(photo.picture, model.input, tensor);
      await options.detect(tensor, detections);
      gathering.add(set, photo, detections);
      options.onProgress?.(gathering.photos, of);
    }
    const photos = gathering.photos - before;
    if (photos === 0) throw nothingShared(`folder ${set.photos}: none of its photos can be used (${NEEDED})`);
    const { name, photos: folder, labelled } = set;
    evaluated.push({ name, folder, photos, skipped: skips.get(set)!, labelled });
  }
  return { ...(await gathering.result(options, evaluated)), sets: evaluated };
}

const NEEDED =
  'a JPEG that can be read, with a .txt of the same name that holds its boxes, empty where there are none';

interface LabelledPhoto {
  readonly picture: Picture;
  readonly boxes: readonly LabelledBox[];
}

/** Or why it cannot be used. */
async function labelledPhoto(set: LabelledSet, name: string): Promise<LabelledPhoto | SkippedPhoto> {
  const boxes = await boxesOf(set, name);
  if (boxes === undefined) return { name, reason: 'has no .txt: nobody has said what is in it' };
  try {
    return { picture: await readPhoto(set.photos, name), boxes };
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    return { name, reason: String(error.data['reason']) };
  }
}

/** A label that the model and at least one set know. */
interface SharedLabel {
  /** As the sets call it. */
  readonly name: string;
  readonly modelIndex: number;
  readonly photos: PhotoEvidence[];
}

class Gathering {
  readonly #model: EvalOptions['model'];
  readonly #labels: readonly SharedLabel[];
  readonly #sets: readonly LabelledSet[];
  photos = 0;

  constructor(model: EvalOptions['model'], sets: readonly LabelledSet[]) {
    this.#model = model;
    this.#sets = sets;
    const names = [...new Set(sets.flatMap(({ labelled }) => labelled))];
    this.#labels = names
      .map((name) => ({ name, modelIndex: labelIndex(model.labels, name), photos: [] }))
      .filter(({ modelIndex }) => modelIndex >= 0);
    if (this.#labels.length === 0) {
      throw nothingShared(
        `model '${model.name}' has none of the labels ${shown(names)} (it has ${shown(model.labels)})`,
      );
    }
  }

  add(set: LabelledSet, { picture, boxes }: LabelledPhoto, detections: WireDetections): void {
    const scale = LONG_SIDE / Math.max(picture.width, picture.height);
    const inPixels = ({ x, y, width, height }: Box): Box => ({
      x: x * picture.width * scale,
      y: y * picture.height * scale,
      width: width * picture.width * scale,
      height: height * picture.height * scale,
    });
    for (const { name, modelIndex, photos } of this.#labels) {
      if (!set.labelled.includes(name)) continue;
      const label = set.classes.indexOf(name);
      photos.push({
        photo: this.photos,
        objects: boxes.filter((one) => one.label === label).map(({ box }) => inPixels(box)),
        detections: detectionsOf(detections, modelIndex, this.#model.input, picture).map(
          ({ box, score }) => ({
            box: inPixels(box),
            score,
          }),
        ),
      });
    }
    this.photos += 1;
  }

  async result(
    { precisionTarget = PRECISION_TARGET, resamples = RESAMPLES, signal }: EvalOptions,
    sets: readonly EvaluatedSet[],
  ): Promise<Omit<EvalResult, 'sets'>> {
    const { labels, thresholds, name } = this.#model;
    const classes = this.#labels
      .filter(({ photos }) => photos.some(({ objects }) => objects.length > 0))
      .map(({ name: label, modelIndex, photos }): ClassEvidence => {
        return { label, threshold: thresholds[labels[modelIndex]!] ?? 0, photos };
      });
    if (classes.length === 0) {
      const wanted = shown(this.#labels.map((label) => label.name));
      throw nothingShared(`${this.photos} photos hold no object that model '${name}' knows (${wanted})`);
    }
    const figures = await figuresOf(classes, {
      precisionTarget,
      bootstrap: { resamples, seed: RESAMPLE_SEED },
      setSizes: sets.map(({ photos }) => photos),
      signal,
    });
    return {
      ...figures,
      photos: this.photos,
      objects: Object.values(figures.figures.perClass).reduce((sum, { objects }) => sum + objects, 0),
      otherNames: Object.fromEntries(
        this.#labels
          .filter((label) => labels[label.modelIndex] !== label.name)
          .map((label) => [label.name, labels[label.modelIndex]!]),
      ),
      notEvaluated: this.#without(classes),
    };
  }

  #without(classes: readonly ClassEvidence[]): Record<string, string> {
    const reasons: [string, string][] = [];
    for (const label of new Set(this.#sets.flatMap(({ classes: all }) => all))) {
      if (classes.some((one) => one.label === label)) continue;
      const shared = this.#labels.find(({ name }) => name === label);
      const isLabelled = this.#sets.some(({ labelled }) => labelled.includes(label));
      const why =
        shared === undefined ? 'the model has no such label' : `no object in ${shared.photos.length} photos`;
      reasons.push([label, isLabelled ? why : 'not labelled in these photos']);
    }
    const used = new Set(this.#labels.map(({ modelIndex }) => modelIndex));
    for (const [index, label] of this.#model.labels.entries()) {
      if (!used.has(index)) reasons.push([label, 'not labelled in these photos']);
    }
    return Object.fromEntries(reasons);
  }
}

/** Boxes in 0..1 of the picture. */
function detectionsOf(
  { count, classes, scores, boxes }: WireDetections,
  label: number,
  input: ModelInput,
  picture: Picture,
): ScoredBox[] {
  const placement = placementOf(input, picture.width, picture.height);
  const found: ScoredBox[] = [];
  for (let index = 0; index < count; index += 1) {
    if (classes[index] !== label) continue;
    const [x1, y1, x2, y2] = boxes.subarray(index * 4, index * 4 + 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    found.push({ box: boxInPicture({ x1, y1, x2, y2 }, input, placement), score: scores[index]! });
  }
  return found;
}

function shown(names: readonly string[]): string {
  return `${names.slice(0, 12).join(', ')}${names.length > 12 ? ', …' : ''}`;
}

function nothingShared(what: string): VedetteError {
  return new VedetteError('LABELS_INVALID', what);
}
