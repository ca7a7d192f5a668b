// `vedette models try`: what a model says of some photos: detections, best classes, shares of segments, features; any task, also those
// that the daemon does not run. Runs it in this process. Main thread. docs/import.md.
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Command, Option } from 'commander';
import type { Detection } from '../core/types.ts';
import type { LoadedManifest } from '../models/manifest.ts';
import type { Picture } from '../models/picture.ts';
import { readProblem, VedetteError } from '../platform/errors.ts';
import { dataFolder } from '../platform/folders.ts';
import type { CommandContext } from './context.ts';
import type { Answer } from './model-answers.ts';
import { dataOption, numberUpTo, wholeNumber } from './options.ts';

interface TryFlags {
  readonly top: number;
  readonly score?: number;
  readonly draw?: string;
  readonly json?: true;
  readonly data?: string;
}

interface TriedPhoto {
  readonly photo: string;
  readonly inferenceMs: number;
  readonly answer: Answer;
}

const PHOTOS_MAX = 1000;
/** Where --score says nothing else: what the tracker wants to hear of. */
const SCORE_LOW = 0.2;
const QUALITY = 90;

/** The command. */
export function modelsTryCommand(context: CommandContext): Command {
  return new Command('try')
    .description('what a model says of photos')
    .argument('<model>', "name or path of a model, or 'default'")
    .argument('<photo...>', 'JPEG files')
    .addOption(new Option('--top <count>', 'classes that are told').argParser(wholeNumber(1, 100)).default(5))
    .addOption(new Option('--score <score>', 'detections from this score on').argParser(numberUpTo(1)))
    .option('--draw <file>', 'of a single photo: write it with its boxes, as JPEG')
    .option('--json', 'print one JSON document, docs/import.md')
    .addOption(dataOption())
    .action(async (name: string, photos: string[], flags: TryFlags) => {
      refuseMistakes(photos, flags);
      const { ModelStore } = await import('../models/store.ts');
      const store = new ModelStore({ dataDir: dataFolder(flags.data, process.env), clock: context.clock });
      const model = await store.find(name);
      const tried: TriedPhoto[] = [];
      await eachPhoto(model, { photos, flags, context }, async (one, picture) => {
        tried.push(one);
        if (!flags.json) process.stdout.write(wordsOf(one));
        if (flags.draw !== undefined && one.answer.task === 'detect') {
          await draw(flags.draw, picture, one.answer.detections);
        }
      });
      const { task } = model.manifest;
      const document = { v: 1, model: model.name, task, photos: tried.map(jsonOf) };
      if (flags.json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    });
}

function refuseMistakes(photos: readonly string[], { draw: file }: TryFlags): void {
  if (photos.length > PHOTOS_MAX) {
    throw new VedetteError('USAGE', `models try: ${photos.length} photos (limit ${PHOTOS_MAX})`);
  }
  if (file !== undefined && photos.length > 1) {
    throw new VedetteError('USAGE', `models try: --draw is for one photo (${photos.length} given)`);
  }
}

interface TryWork {
  readonly photos: readonly string[];
  readonly flags: TryFlags;
  readonly context: CommandContext;
}

async function eachPhoto(
  { manifest, folder }: LoadedManifest,
  { photos, flags, context }: TryWork,
  take: (tried: TriedPhoto, picture: Picture) => Promise<void>,
): Promise<void> {
  const [{ verifyFile }, { decodePicture }, { pictureTensor }, { openGraph }, { answerOf }] =
    await Promise.all([
      import('../models/manifest.ts'),
      import('../models/picture.ts'),
      import('../models/picture-tensor.ts'),
      import('../detector/graph-session.ts'),
      import('./model-answers.ts'),
    ]);
  const file = join(folder, manifest.file);
  await verifyFile(file, manifest);
  const { input } = manifest;
  const session = await openGraph(file).catch((error: unknown) => {
    throw new VedetteError('MODEL_UNSUPPORTED', `model '${manifest.name}': ${String(error)}`, {}, error);
  });
  try {
    for (const photo of photos) {
      context.signal.throwIfAborted();
      const picture = decodePicture(photo, readJpeg(photo));
      const feeds = { [input.name]: pictureTensor(picture, input) };
      const beganMonoMs = context.clock.monoMs();
      const results = await session.run(feeds);
      const inferenceMs = context.clock.monoMs() - beganMonoMs;
      const wishes = { scoreLow: flags.score ?? SCORE_LOW, top: flags.top };
      await take({ photo, inferenceMs, answer: answerOf(manifest, picture, results, wishes) }, picture);
    }
  } finally {
    await session.release();
  }
}

function readJpeg(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new VedetteError('PHOTO_UNREADABLE', `${path}: ${readProblem(error)}`, { path }, error);
  }
}

function wordsOf({ photo, inferenceMs, answer }: TriedPhoto): string {
  const lines = linesOf(answer);
  const shown = lines.length === 0 ? ['nothing'] : lines;
  return `${basename(photo)} (${inferenceMs.toFixed(1)} ms)\n${shown.map((line) => `  ${line}\n`).join('')}`;
}

function linesOf(answer: Answer): string[] {
  if (answer.task === 'classify')
    return answer.classes.map(({ label, share }) => `${percent(share)}  ${label}`);
  if (answer.task === 'segment')
    return answer.shares.map(({ label, share }) => `${percent(share)}  ${label}`);
  if (answer.task === 'features') {
    return [`${answer.length} numbers [${answer.dims}], length of the vector ${answer.norm.toFixed(3)}`];
  }
  return answer.detections.map(({ label, score, box }) => {
    const [x, y, width, height] = [box.x, box.y, box.width, box.height].map((side) => side.toFixed(3));
    return `${score.toFixed(2)}  ${label}  at ${x},${y}, ${width} wide, ${height} high`;
  });
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1).padStart(5)} %`;
}

function jsonOf({ photo, inferenceMs, answer: { task, ...said } }: TriedPhoto): unknown {
  return { photo, inferenceMs: Math.round(inferenceMs * 10) / 10, ...said };
}

async function draw(
  file: string,
  { width, height, rgb }: Picture,
  detections: readonly Detection[],
): Promise<void> {
  const [{ default: jpegTurbo }, { drawBox }, { writeWhole }] = await Promise.all([
    import('@julusian/jpeg-turbo'),
    import('../camera/draw.ts'),
    import('../platform/whole-file.ts'),
  ]);
  const bytes = Buffer.alloc(width * height * 4);
  for (let at = 0; at < rgb.length; at += 1) bytes[Math.floor(at / 3) * 4 + (at % 3)] = rgb[at]!;
  const pixels = new Uint32Array(bytes.buffer, bytes.byteOffset, width * height);
  for (const { label, score, box } of detections) {
    drawBox({ pixels, width, height }, box, `${label} ${score.toFixed(2)}`);
  }
  const { FORMAT_RGBX: format, SAMP_420: subsampling } = jpegTurbo;
  writeWhole(file, jpegTurbo.compressSync(bytes, { width, height, format, subsampling, quality: QUALITY }));
}
