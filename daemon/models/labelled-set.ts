// A folder of labelled photos: which classes there are, which of them are labelled in it, and the boxes of a photo. Photos have a
// .txt each in YOLO form (class number, centre x, centre y, width, height in 0..1); what a set does not label is unknown, not
// empty. Reads text only, never a picture. docs/evaluate.md. Any thread.
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Box } from '../core/types.ts';
import { readProblem, reasonOf, VedetteError } from '../platform/errors.ts';

export interface LabelledSet {
  /** As its dataset.json calls it, 'coco/val': the path from what names the classes, else the last two parts of its own. */
  readonly name: string;
  /** Where the photos are. */
  readonly photos: string;
  /** Where their .txt files are. */
  readonly boxes: string;
  /** By the numbers in the .txt files. */
  readonly classes: readonly string[];
  /** Those that are labelled on every photo of the set. */
  readonly labelled: readonly string[];
}

export interface LabelledBox {
  /** Index into the set's classes. */
  readonly label: number;
  /** In 0..1 of the photo. */
  readonly box: Box;
}

/** Files that name the classes, in the order in which they are looked for. */
const NAMING = ['dataset.json', 'classes.txt', 'labels.txt', 'data.yaml'] as const;
/** The folder itself and so many above it are looked through. */
const LEVELS = 3;
const BYTES_MAX = 1_000_000;
const CLASSES_MAX = 10_000;
/** Labelling programs round: a box may stick out of the picture by so much. */
const SLACK = 0.01;

const names = z.array(z.string().trim().min(1)).min(1).max(CLASSES_MAX);
const datasetSchema = z.looseObject({
  classes: names,
  labelled: names.optional(),
  sets: z.record(z.string(), z.looseObject({ labelled: names.optional() })).optional(),
});
const yamlSchema = z.looseObject({ names: z.union([names, z.record(z.string(), z.string().min(1))]) });

/**
 * Looks at a folder: photos with their .txt beside them, or in `images` and `labels` below it. Throws LABELS_INVALID when nothing
 * there or above it names the classes, or what does is wrong.
 */
export async function openLabelledSet(path: string): Promise<LabelledSet> {
  const folder = resolve(path);
  const places = await placesIn(folder);
  let place = folder;
  for (let level = 0; level < LEVELS; level += 1) {
    for (const file of NAMING) {
      const found = await textOf(join(place, file));
      if (found === undefined) continue;
      const key = relative(place, folder);
      const named = file === 'dataset.json' ? fromDataset(found, join(place, file), key) : undefined;
      const classes = named?.classes ?? classesIn(found, join(place, file));
      checkClasses(classes, join(place, file));
      return { name: key || lastParts(folder), ...places, classes, labelled: named?.labelled ?? classes };
    }
    place = dirname(place);
  }
  throw new VedetteError(
    'LABELS_INVALID',
    `folder ${folder}: nothing names its classes; put a classes.txt (one name a line, in the order of the numbers) or a dataset.json there or in a folder above it`,
    { folder },
  );
}

/** The boxes of a photo; undefined when it has no .txt. Throws LABELS_INVALID with file and line. */
export async function boxesOf(set: LabelledSet, photo: string): Promise<LabelledBox[] | undefined> {
  const file = join(set.boxes, photo.replace(/\.[^.]+$/, '.txt'));
  const text = await textOf(file);
  return text
    ?.split('\n')
    .flatMap((line, index) => (line.trim() === '' ? [] : [boxIn(line, set.classes, `${file}:${index + 1}`)]));
}

/** A folder that is called 'val' says little. */
function lastParts(folder: string): string {
  return folder.split(sep).filter(Boolean).slice(-2).join('/');
}

async function placesIn(folder: string): Promise<{ photos: string; boxes: string }> {
  const inside = { photos: join(folder, 'images'), boxes: join(folder, 'labels') };
  const isFolder = (path: string): Promise<boolean> =>
    stat(path).then(
      (found) => found.isDirectory(),
      () => false,
    );
  const both = (await isFolder(inside.photos)) && (await isFolder(inside.boxes));
  return both ? inside : { photos: folder, boxes: folder };
}

/** Undefined when there is no such file. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > BYTES_MAX) throw invalid(path, `has ${size} bytes (limit ${BYTES_MAX})`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof VedetteError) throw error;
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw invalid(path, readProblem(error), error);
  }
}

function fromDataset(
  text: string,
  path: string,
  key: string,
): { classes: readonly string[]; labelled: readonly string[] } {
  const { classes, labelled, sets } = parsed(path, datasetSchema, () => JSON.parse(text));
  const set = sets?.[key];
  if (set === undefined && sets !== undefined && key !== '') {
    const there = Object.keys(sets).slice(0, 12).join(', ');
    throw invalid(path, `has no set '${key}' (it has ${there}); add it with the classes that it labels`);
  }
  const wanted = set?.labelled ?? labelled ?? classes;
  const stranger = wanted.find((name) => !classes.includes(name));
  if (stranger !== undefined) {
    throw invalid(
      path,
      `says that '${stranger}' is labelled, which is none of its classes (${classes.join(', ')})`,
    );
  }
  return { classes, labelled: wanted };
}

function classesIn(text: string, path: string): readonly string[] {
  if (!path.endsWith('.yaml')) {
    const lines = text.trimEnd().split('\n');
    return parsed(path, names, () => lines);
  }
  const { names: found } = parsed(path, yamlSchema, () => parse(text));
  if (Array.isArray(found)) return found;
  const numbers = Object.keys(found).map(Number);
  if (numbers.some((number, index) => number !== index)) {
    throw invalid(path, 'names: numbers must go from 0 on without a gap');
  }
  return Object.values(found);
}

function checkClasses(classes: readonly string[], path: string): void {
  const twice = classes.find((name, index) => classes.indexOf(name) < index);
  if (twice !== undefined) throw invalid(path, `names '${twice}' twice`);
}

function parsed<T>(path: string, schema: z.ZodType<T>, read: () => unknown): T {
  let value: unknown;
  try {
    value = read();
  } catch (error) {
    throw invalid(path, `cannot be read (${reasonOf(error).split('\n')[0]})`, error);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(path, `${issue?.path.join('.') || 'it'}: ${issue?.message}`);
}

function boxIn(line: string, classes: readonly string[], where: string): LabelledBox {
  const values = line.trim().split(/\s+/).map(Number);
  if (values.length !== 5 || values.some((value) => !Number.isFinite(value))) {
    throw invalid(where, `'${line.trim().slice(0, 60)}' is not class, centre x, centre y, width and height`);
  }
  const [label, x, y, width, height] = values as [number, number, number, number, number];
  if (classes[label] === undefined) {
    throw invalid(where, `class ${label} is none of the ${classes.length} (0 to ${classes.length - 1})`);
  }
  const low = -SLACK;
  const high = 1 + SLACK;
  const [left, top] = [x - width / 2, y - height / 2];
  if (width < 0 || height < 0 || left < low || top < low || left + width > high || top + height > high) {
    throw invalid(where, `box ${values.slice(1).join(' ')} is not within the photo (0..1)`);
  }
  return { label, box: cut({ left, top, right: left + width, bottom: top + height }) };
}

function cut(edges: { left: number; top: number; right: number; bottom: number }): Box {
  const [x, y] = [Math.max(0, edges.left), Math.max(0, edges.top)];
  return { x, y, width: Math.min(1, edges.right) - x, height: Math.min(1, edges.bottom) - y };
}

function invalid(where: string, what: string, cause?: unknown): VedetteError {
  return new VedetteError('LABELS_INVALID', `${where}: ${what}`, { where }, cause);
}
