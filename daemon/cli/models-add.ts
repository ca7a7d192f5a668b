// `vedette models add`: makes a model of an ONNX file and installs it in the data folder. Says what it found in the file and why;
// flags say what a file cannot tell. Main thread. docs/import.md.
import { basename } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { HEAD_NAMES, type ImportWishes, NORMALISATION_NAMES, type Three } from '../models/import-wishes.ts';
import { LABEL_LISTS } from '../models/labels.ts';
import { TASKS } from '../models/manifest-schema.ts';
import type { VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import type { CommandContext } from './context.ts';
import type { ImportedModel } from './model-import.ts';
import { dataOption, numberUpTo, wholeNumber } from './options.ts';

interface AddFlags extends Omit<ImportWishes, 'labels' | 'anchors'> {
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

const AFTER = `
What the file tells is found out and printed with the reason; a flag overrides it. What cannot be known is asked for by the
names of the flags. The model is tried in a process of its own on a picture of the built-in scene before it is installed.

Examples:
  vedette models add mobilenet_v2.onnx
  vedette models add ssdlite.onnx --name street --labels street.txt --licence Apache-2.0`;

/** The command. */
export function modelsAddCommand(context: CommandContext): Command {
  const add = new Command('add')
    .description('make a model of an ONNX file and install it')
    .argument('<file>', 'the ONNX file')
    .option('--name <name>', 'what it is called here (default: the name of the file)')
    .option('--labels <list>', `names of its classes: a file with one a line, or ${LABEL_LISTS.join(', ')}`)
    .option('--licence <words>', 'licence of its weights, for the manifest and the card')
    .addOption(
      new Option('--threshold <score>', 'median score that confirms a track').argParser(numberUpTo(1)),
    )
    .addOption(
      new Option('--nms-iou <share>', 'boxes of a class that overlap more are one').argParser(numberUpTo(1)),
    )
    .option('--replace', 'replace a model of that name, when the new one is proven')
    .option('--json', 'print one JSON document, docs/import.md')
    .addOption(dataOption())
    .addHelpText('after', AFTER);
  for (const option of wishOptions()) add.addOption(option);
  return add.action(async (file: string, flags: AddFlags) => {
    const [{ ModelStore }, { importIntoStore }] = await Promise.all([
      import('../models/store.ts'),
      import('./model-import.ts'),
    ]);
    const store = new ModelStore({ dataDir: dataFolder(flags.data, process.env), clock: context.clock });
    const { licence, threshold, nmsIou } = flags;
    const imported = await importIntoStore(
      store,
      {
        file,
        name: flags.name ?? nameOf(file),
        wishes: await wishesOf(flags),
        replace: flags.replace ?? false,
        ...(licence === undefined ? {} : { licence }),
        ...(threshold === undefined ? {} : { threshold }),
        ...(nmsIou === undefined ? {} : { nmsIou }),
      },
      context,
    ).catch((error: unknown) => {
      throw withFindings(error);
    });
    process.stdout.write(flags.json ? `${JSON.stringify(jsonOf(imported), null, 2)}\n` : wordsOf(imported));
  });
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

async function wishesOf(flags: AddFlags): Promise<ImportWishes> {
  const { wishedAnchors, wishedLabels } = await import('../models/import-names.ts');
  const { name, labels, anchors, licence, threshold, nmsIou, replace, json, data, ...wishes } = flags;
  return {
    ...wishes,
    ...(labels === undefined ? {} : { labels: wishedLabels(labels) }),
    ...(anchors === undefined ? {} : { anchors: wishedAnchors(anchors) }),
  };
}

/** The file's name without its ending, in letters that a model's name may have. */
function nameOf(file: string): string {
  return basename(file)
    .replace(/\.onnx$/i, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '');
}

/** What is known already helps to answer what is asked. */
function withFindings(error: unknown): unknown {
  const { code, data } = error as Partial<VedetteError>;
  const found = code === 'MODEL_UNCLEAR' ? (data?.['found'] as readonly string[]) : [];
  if (found.length > 0)
    process.stderr.write(`Found in the file:\n${found.map((fact) => `  ${fact}\n`).join('')}`);
  return error;
}

function wordsOf({ manifest, folder, facts }: ImportedModel): string {
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

function jsonOf({ manifest, folder, facts }: ImportedModel): unknown {
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
