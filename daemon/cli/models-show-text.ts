// What `vedette models show` prints of a model: lines for people, one document for programs. Pure.
import type { Manifest } from '../models/manifest-schema.ts';
import type { FoundModel } from '../models/store.ts';
import type { VedetteError } from '../platform/errors.ts';
import { plainText } from '../platform/show.ts';
import type { ModelLook } from './model-trial.ts';
import { megabytes, millions, newestEvaluation, percent } from './model-words.ts';
import { quantizationFacts } from './models-quantize-report.ts';

export interface ShownFacts {
  readonly found: FoundModel;
  readonly inUse: readonly string[];
  /** Undefined where the file is damaged or does not run; `fault` says why. */
  readonly look: ModelLook | undefined;
  readonly fault: VedetteError | undefined;
}

export function showJson({ found, inUse, look, fault }: ShownFacts): object {
  const { name, where, folder, manifest } = found;
  const problem = fault === undefined ? null : { code: fault.code, message: fault.message };
  const known = { v: 1, name, where, folder, inUse, whole: fault === undefined, problem, manifest };
  if (look === undefined) return known;
  const { precision, parameters, multiplyAdds, convolutions, trial } = look;
  const { inputs, outputs, loadMs } = trial;
  return { ...known, precision, parameters, multiplyAdds, convolutions, inputs, outputs, loadMs };
}

const NAME_WIDTH = 12;
const TEXT_WIDTH = 100;
const LABELS_SHOWN = 24;

export function showText(facts: ShownFacts): string {
  const { found, inUse, look, fault } = facts;
  const { name, where, folder, manifest } = found;
  const lines: (readonly [string, string])[] = [
    ['', `${name}, version ${manifest.version}, ${where} in ${folder}`],
    ['does', doesWords(manifest)],
    ['in use', inUse.length === 0 ? 'no' : inUse.join(', ')],
    ['file', fileWords(manifest, look)],
    ...(fault === undefined ? [] : [['FAULT', fault.message] as const]),
    ...(look === undefined ? [] : lookLines(look)),
    ['labels', labelWords(manifest.labels)],
    ...(manifest.labels.length === 0 ? [] : [['thresholds', thresholdWords(manifest)] as const]),
    ['licence', manifest.licence],
    ...manifest.data.map((one) => ['trained on', `${one.name} (${one.licence}), ${one.source}`] as const),
    ['source', manifest.source],
    ['card', manifest.card],
    ...originLines(manifest),
    ...quantizationLines(manifest),
    ...evaluationLines(manifest),
  ];
  return lines.map(([title, text]) => line(title, text)).join('');
}

function line(title: string, text: string): string {
  if (title === '') return `${plainText(text)}\n`;
  const [first = '', ...rest] = wrapped(plainText(text));
  const indent = ' '.repeat(NAME_WIDTH + 2);
  return [`  ${title.padEnd(NAME_WIDTH)}${first}`, ...rest.map((more) => indent + more)]
    .join('\n')
    .concat('\n');
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  let current = '';
  for (const word of text.split(' ')) {
    if (current !== '' && current.length + 1 + word.length > TEXT_WIDTH) {
      lines.push(current);
      current = word;
    } else current = current === '' ? word : `${current} ${word}`;
  }
  return [...lines, current];
}

const TASK_WORDS: Readonly<Record<Manifest['task'], string>> = {
  detect: 'finds objects (detect)',
  classify: 'names what a picture shows (classify)',
  segment: 'names every pixel (segment)',
  features: 'turns a picture into numbers to compare (features)',
};

function doesWords({ task, input, decoder }: Manifest): string {
  const daemon = task === 'detect' ? '' : '; the daemon runs models that detect only';
  const { width, height, type, layout, colour, resize } = input;
  return `${TASK_WORDS[task]} in ${width}x${height} ${colour.toUpperCase()} (${type} ${layout}, ${resize}), decoder ${decoder.type}${daemon}`;
}

function fileWords({ file, bytes, sha256 }: Manifest, look: ModelLook | undefined): string {
  const state = look === undefined ? '' : ', whole';
  return `${file}, ${megabytes(bytes)}${look === undefined ? '' : `, ${look.precision}`}, sha256 ${sha256}${state}`;
}

function lookLines({
  parameters,
  multiplyAdds,
  convolutions,
  trial,
}: ModelLook): (readonly [string, string])[] {
  const ports = (list: ModelLook['trial']['inputs']): string =>
    list.map(({ name, type, shape }) => `${name} ${type} [${shape.join(', ')}]`).join(', ');
  const { integer, float, floatNames } = convolutions;
  const names = float === 0 || integer === 0 ? '' : ` (float: ${floatNames.join(', ')})`;
  return [
    ['inputs', ports(trial.inputs)],
    ['outputs', ports(trial.outputs)],
    ['size', `${millions(parameters)} parameters, ${millions(multiplyAdds)} multiply-adds a picture`],
    ['kernels', `${integer} of ${integer + float} convolutions run as integer ones${names}`],
  ];
}

function labelWords(labels: readonly string[]): string {
  if (labels.length === 0) return 'none';
  const more = labels.length - LABELS_SHOWN;
  const shown = labels.slice(0, LABELS_SHOWN).join(', ');
  return `${labels.length}: ${shown}${more > 0 ? `, and ${more} more` : ''}`;
}

function thresholdWords({ thresholdDefault, thresholds }: Manifest): string {
  const own = Object.entries(thresholds).map(([label, value]) => `, ${label} ${value}`);
  return `${thresholdDefault}${own.join('')}`;
}

function originLines({ origin }: Manifest): (readonly [string, string])[] {
  if (origin === undefined) return [];
  const { file, url, sha256, bytes, date, recognised } = origin;
  const from = url ?? file;
  return [
    ['imported', `${date} from ${from} (${megabytes(bytes)}, sha256 ${sha256})`],
    ...recognised.map((what) => ['found', what] as const),
  ];
}

function quantizationLines({ quantization }: Manifest): (readonly [string, string])[] {
  if (quantization === undefined) return [];
  return quantizationFacts(quantization).map(([title, text]) => ['quantized', `${title}: ${text}`]);
}

function evaluationLines(manifest: Manifest): (readonly [string, string])[] {
  const { evaluations = [] } = manifest;
  const newest = newestEvaluation(manifest);
  return evaluations.map((one) => {
    const { date, sets, photos, map50, map50to95, sha256 } = one;
    const names = sets.map(({ name }) => name).join(', ');
    const old = sha256 === manifest.sha256 ? '' : ', of an earlier file';
    const classes = one === newest ? classWords(one.perClass) : '';
    return [
      'evaluated',
      `${date.slice(0, 10)} on ${photos} photos of ${names}: AP50 ${percent(map50)}, AP50-95 ${percent(map50to95)}${classes}${old}`,
    ];
  });
}

function classWords(perClass: Readonly<Record<string, { readonly ap50: number }>>): string {
  const words = Object.entries(perClass).map(([label, { ap50 }]) => `${label} ${percent(ap50)}`);
  return words.length <= LABELS_SHOWN ? `; AP50 of ${words.join(', ')}` : '';
}
