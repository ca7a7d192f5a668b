// What `vedette models quantize` says of its result: for people, as the card of the new model, as JSON. Pure.
import type { Accuracy, Quantization } from '../models/manifest-quantization.ts';
import type { Manifest } from '../models/manifest-schema.ts';
import { MEASURES, percent } from '../models/quantize-result.ts';

export interface Report {
  readonly manifest: Manifest;
  readonly quantization: Quantization;
  /** Why it is not worth having. */
  readonly refused: readonly string[];
}

const VERSION = 1;
const FACT_WIDTH = 'convolutions'.length;
/** Layers shown to people: those with most noise. */
const LAYERS_SHOWN = 10;

/** `folder`: where the model is now; undefined when it was refused. */
export function quantizeJson(
  { manifest, quantization, refused }: Report,
  folder: string | undefined,
): object {
  return {
    v: VERSION,
    model: manifest.name,
    folder: folder ?? null,
    file: manifest.file,
    sha256: manifest.sha256,
    written: folder !== undefined,
    refused,
    quantization,
  };
}

export function quantizeText({ manifest, quantization }: Report, folder: string | undefined): string {
  const use = manifest.task === 'detect' ? [`to use it: detector.model: ${manifest.name}`] : [];
  const end = folder === undefined ? [] : ['', folder, ...use];
  return `${[...factLines(quantization), '', ...layerLines(quantization), ...end].join('\n')}\n`;
}

function factLines(quantization: Quantization): string[] {
  return quantizationFacts(quantization).map(([title, text]) => `${title.padEnd(FACT_WIDTH)} ${text}`);
}

/** What it is and what came of it, by title. */
export function quantizationFacts(quantization: Quantization): readonly (readonly [string, string])[] {
  const { from, size, speed, convolutions, calibration, floatNodes } = quantization;
  const { pictures, controlPictures, source } = calibration;
  const share = percent(size.bytes / size.floatBytes);
  const cpu = [speed.cpu, ...speed.features].join(', ');
  return [
    ['model', `${from.name} ${from.version}`],
    ['calibration', `${pictures} pictures (${source}), ${controlPictures} more for control`],
    ['method', methodWords(quantization)],
    ['size', `${megabytes(size.bytes)}, ${share} of ${megabytes(size.floatBytes)}`],
    [
      'speed',
      `${speed.int8Ms.toFixed(2)} ms a run, float ${speed.floatMs.toFixed(2)} ms: ${speed.ratio.toFixed(2)} times as fast (${speed.threads} ${speed.threads === 1 ? 'thread' : 'threads'}; ${cpu})`,
    ],
    ...quantization.accuracy.map((one) => ['accuracy', accuracyWords(one)] as const),
    ['convolutions', `${convolutions.integer} integer, ${convolutions.float} float`],
    ...floatNodes.map(({ name, reason }) => ['in float', `${name}: ${reason}`] as const),
  ];
}

function methodWords({ method, percentile, equalised, biasCorrected, rounding }: Quantization): string {
  const words = [percentile === undefined ? method : `${method} ${percentile}`];
  if (equalised) words.push('channels equalised');
  if (rounding === 'together') words.push('weights rounded together');
  else if (biasCorrected) words.push('biases corrected');
  return words.join(', ');
}

function accuracyWords({ measure, against, truth, pictures, float, int8, lossPoints }: Accuracy): string {
  const what = `${MEASURES[measure]} ${percent(int8)}`;
  return against === 'float'
    ? `${what} with ${truth} for the truth, ${pictures} pictures`
    : `${what}, float ${percent(float)}: ${lossPoints.toFixed(2)} points lost (${truth}, ${pictures} pictures)`;
}

function layerLines({ layers }: Quantization): string[] {
  const noisy = layers
    .filter(({ sqnrDb, float }) => sqnrDb !== null && !float)
    .sort((a, b) => a.sqnrDb! - b.sqnrDb!)
    .slice(0, LAYERS_SHOWN);
  const width = Math.max(...noisy.map(({ name }) => name.length), 0);
  return [
    `most noise of ${layers.length} convolutions (signal to noise of the output; what the outputs would gain with it in float)`,
    ...noisy.map(({ name, sqnrDb, gain }) => {
      const gained = gain === undefined ? '' : `  ${percent(gain)}`;
      return `  ${name.padEnd(width)}  ${sqnrDb!.toFixed(1).padStart(5)} dB${gained}`;
    }),
  ];
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}

/** The new model's card; the float model's follows, because what is said there holds here too. */
export function quantizeCard({ manifest, quantization }: Report, floatCard: string | undefined): string {
  const { from, date, layers } = quantization;
  const rows = layers.map(({ name, float, sqnrDb, gain }) => {
    const noise = sqnrDb === null ? 'none' : `${sqnrDb.toFixed(1)} dB`;
    return `| ${name} | ${float ? 'float' : 'int8'} | ${noise} | ${gain === undefined ? '' : percent(gain)} |`;
  });
  const parts = [
    `# ${manifest.name}`,
    `Made by \`vedette models quantize\` from model \`${from.name}\` (${from.version}, sha256 ${from.sha256}) on ${date.slice(0, 10)}. Licence: ${manifest.licence}.`,
    `\`\`\`\n${factLines(quantization).join('\n')}\n\`\`\``,
    'Every convolution: signal to noise of its output, and the share of the error of the outputs that would be gone with it in float.',
    ['| layer | runs in | signal to noise | gain in float |', '| --- | --- | --- | --- |', ...rows].join(
      '\n',
    ),
    ...(floatCard === undefined ? [] : [`## Card of \`${from.name}\``, floatCard.trim()]),
  ];
  return `${parts.join('\n\n')}\n`;
}
