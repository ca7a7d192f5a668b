// What `vedette models add` and `pull` have in common: the flags that say more of a file than it does itself, and the words for what
// has been made of it. docs/import.md.
import { InvalidArgumentError, Option } from 'commander';
import type { ImportRequest } from '../models/import.ts';
import {
  HEAD_NAMES,
  type ImportWishes,
  LABEL_LISTS,
  NORMALISATION_NAMES,
  type Three,
} from '../models/import-wishes.ts';
import { TASKS } from '../models/tasks.ts';
import type { VedetteError } from '../platform/errors.ts';
import type { ImportedModel } from './model-import.ts';
import { dataOption, numberUpTo, wholeNumber } from './options.ts';

export interface ImportFlags extends Omit<ImportWishes, 'labels' | 'anchors'> {
  readonly name?: string;
  readonly labels?: string;
  readonly anchors?: string;
  readonly licence?: string;
  readonly threshold?: number;
  readonly nmsIou?: number;
  readonly replace?: true;
  readonly json?: true;
  readonly data?: string;
}

/** In the order of the help. */
export function importOptions(): Option[] {
  return [
    new Option('--name <name>', 'what it is called here (default: the name of the file)'),
    new Option(
      '--labels <list>',
      `names of its classes: a file with one a line, or ${LABEL_LISTS.join(', ')}`,
    ),
    new Option('--licence <words>', 'licence of its weights, for the manifest and the card'),
    new Option('--threshold <score>', 'median score that confirms a track').argParser(numberUpTo(1)),
    new Option('--nms-iou <share>', 'boxes of a class that overlap more are one').argParser(numberUpTo(1)),
    new Option('--replace', 'replace a model of that name, when the new one is proven'),
    new Option('--json', 'print one JSON document, docs/import.md'),
    dataOption(),
    ...wishOptions(),
  ];
}

/** What says more of a model than its file does; each overrides what would be recognised. */
function wishOptions(): Option[] {
  return [
    new Option('--task <task>', 'what it does').choices(TASKS),
    new Option(
      '--input-size <size>',
      'of the picture, where the file leaves it open: 320 or 320x256',
    ).argParser(size),
    new Option('--layout <layout>', 'order of the input').choices(['nchw', 'nhwc']),
    new Option('--normalise <name>', 'what it takes for a pixel').choices(NORMALISATION_NAMES),
    new Option('--mean <numbers>', 'taken from each pixel of 0..255: one number or three').argParser(three),
    new Option('--scale <numbers>', 'by which that is multiplied: one number or three').argParser(three),
    new Option('--colour <order>', 'order of the channels').choices(['rgb', 'bgr']),
    new Option('--resize <way>', 'how a picture becomes the input').choices(['stretch', 'letterbox']),
    new Option('--head <head>', 'which undecoded head it has').choices(HEAD_NAMES),
    new Option('--activation <name>', 'what makes probabilities of its scores').choices([
      'none',
      'softmax',
      'sigmoid',
    ]),
    new Option('--background <where>', 'the class that stands for none of them').choices([
      'first',
      'last',
      'none',
    ]),
    new Option('--box-form <form>', 'of decoded boxes').choices(['xyxy', 'yxyx', 'xywh']),
    new Option('--anchors <file>', 'JSON: default boxes of an SSD, or widths and heights by map of a YOLO'),
    new Option('--class-offset <number>', 'number of the first label, of detections').argParser(
      wholeNumber(0, 1000),
    ),
  ];
}

/** What was said, as the import takes it. Throws USAGE for files that cannot be read. */
export async function importFlags(
  flags: ImportFlags,
): Promise<Pick<ImportRequest, 'wishes' | 'licence' | 'threshold' | 'nmsIou'>> {
  const { wishedAnchors, wishedLabels } = await import('../models/import-names.ts');
  const { labels, anchors, licence, threshold, nmsIou } = flags;
  const wishes: ImportWishes = {
    ...wishesIn(flags),
    ...(labels === undefined ? {} : { labels: wishedLabels(labels) }),
    ...(anchors === undefined ? {} : { anchors: wishedAnchors(anchors) }),
  };
  return {
    wishes,
    ...(licence === undefined ? {} : { licence }),
    ...(threshold === undefined ? {} : { threshold }),
    ...(nmsIou === undefined ? {} : { nmsIou }),
  };
}

/** Without what has a form of its own, or is no wish. */
function wishesIn(flags: ImportFlags): ImportWishes {
  const { task, inputSize, layout, mean, scale, normalise, colour, resize } = flags;
  const { head, activation, background, boxForm, classOffset } = flags;
  const input = { task, inputSize, layout, mean, scale, normalise, colour, resize };
  const all = { ...input, head, activation, background, boxForm, classOffset };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as ImportWishes;
}

/** What is known already helps to answer what is asked: told before the error, which is given back. */
export function tellFindings(error: unknown): unknown {
  const { code, data } = error as Partial<VedetteError>;
  const found = code === 'MODEL_UNCLEAR' ? (data?.['found'] as readonly string[]) : [];
  if (found.length > 0)
    process.stderr.write(`Found in the file:\n${found.map((fact) => `  ${fact}\n`).join('')}`);
  return error;
}

/** What was found and what was made of it. */
export function importedText({ manifest, folder, facts }: ImportedModel): string {
  const { name, task } = manifest;
  const next =
    task === 'detect'
      ? `To run it: model: ${name} under detector: in the configuration.`
      : `The daemon runs models that detect; this one has task ${task}.`;
  const lines = [
    'Found in the file:',
    ...facts.map((fact) => `  ${fact}`),
    `Proven on a picture of the built-in scene and installed as '${name}' in ${folder}.`,
    `${next} To see what it says to a photo: vedette models try ${name} photo.jpg`,
  ];
  return `${lines.join('\n')}\n`;
}

export function importedJson({ manifest, folder, facts }: ImportedModel): unknown {
  const { name, task, input, decoder, labels, origin } = manifest;
  return { v: 1, name, folder, task, input, decoder, labels, origin, recognised: facts };
}

function size(text: string): { width: number; height: number } {
  const [, width, height] = /^(\d{1,5})(?:x(\d{1,5}))?$/.exec(text) ?? [];
  if (width === undefined) throw new InvalidArgumentError(`must be like 320 or 320x256 (got '${text}')`);
  return { width: Number(width), height: Number(height ?? width) };
}

function three(text: string): Three {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  const [a, b = a, c = a] = numbers;
  if ((numbers.length === 1 || numbers.length === 3) && numbers.every(Number.isFinite)) return [a!, b!, c!];
  throw new InvalidArgumentError(`must be one number or three with commas between them (got '${text}')`);
}
