// `vedette scene`: the built-in camera as a camera program, raw I420 on descriptor 1, truth on descriptor 3. Only reads
// the command line and connects the parts; the scene is loaded when the command runs.
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Clock } from '../platform/clock.ts';
import { reasonOf } from '../platform/errors.ts';
import { type Happening, parseHappening } from '../scene/happenings.ts';
import type { SceneLens, SceneTime } from '../scene/options.ts';

interface SceneFlags {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly seed: number;
  readonly time: SceneTime;
  readonly lens: SceneLens;
  readonly frames: number;
  readonly pace: 'realtime' | 'fast';
  readonly noise: boolean;
  readonly leaves: boolean;
  readonly flicker: boolean;
  readonly rain: boolean;
  readonly happening: readonly Happening[];
}

const EXAMPLES = `
Writes raw frames (I420, BT.601 limited range, stride = width) to standard output and, when descriptor 3 is open, one
JSON line per frame with the exact place of every person, dog and car to descriptor 3.

Examples:
  vedette scene --frames 50 | ffplay -f rawvideo -pixel_format yuv420p -video_size 1280x720 -
  vedette scene --time night --frames 260 --pace fast 3> truth.jsonl > night.yuv`;

/** The command; `context.signal` ends the program after the frame being written, quietly. */
export function sceneCommand(context: { readonly signal: AbortSignal; readonly clock: Clock }): Command {
  return new Command('scene')
    .description(
      'the built-in camera: a drawn front yard with people, cars and a dog, and the truth about them',
    )
    .option('--width <pixels>', 'width of the picture, a multiple of 64, 320 to 1920', numberOf, 1280)
    .option('--height <pixels>', 'height of the picture, even, 192 to 1080', numberOf, 720)
    .option('--fps <rate>', 'frames per second, 0.1 to 60', numberOf, 5)
    .option('--seed <number>', 'who walks by, and when: the same seed gives the same bytes', numberOf, 1)
    .addOption(new Option('--time <time>', 'time of day').choices(['day', 'dusk', 'night']).default('day'))
    .addOption(
      new Option('--lens <lens>', 'wide: more of the street, and everybody smaller')
        .choices(['normal', 'wide'])
        .default('normal'),
    )
    .option('--frames <count>', 'stop after so many frames; 0 never stops', countOf, 0)
    .addOption(
      new Option('--pace <pace>', 'realtime, or as fast as the reader takes')
        .choices(['realtime', 'fast'])
        .default('realtime'),
    )
    .option('--noise', 'sensor noise', true)
    .option('--no-noise', 'no sensor noise')
    .option('--leaves', 'leaves sway', true)
    .option('--no-leaves', 'leaves stand still')
    .option('--flicker', 'exposure wavers', false)
    .option('--rain', 'it rains', false)
    .option(
      '--happening <kind@from-until>',
      'what befalls the camera or its light, in seconds of the scene, such as cover@20-40; as often as you like',
      happeningsOf,
      [],
    )
    .addHelpText('after', EXAMPLES)
    .action(async (flags: SceneFlags) => {
      const { runScene, streamWriter } = await import('../scene/program.ts');
      const { truthStream, videoStream } = await import('../scene/descriptors.ts');
      const { signal, clock } = context;
      const write = streamWriter(videoStream(), truthStream(), signal);
      await runScene({ ...flags, happenings: flags.happening }, { clock, signal, write });
    });
}

function numberOf(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError(`'${text}' is not a number`);
  return value;
}

function happeningsOf(text: string, before: readonly Happening[]): readonly Happening[] {
  try {
    return [...before, parseHappening(text)];
  } catch (error) {
    throw new InvalidArgumentError(reasonOf(error));
  }
}

function countOf(text: string): number {
  const value = numberOf(text);
  if (!Number.isInteger(value) || value < 0) {
    throw new InvalidArgumentError(`'${text}' is not a whole number from 0`);
  }
  return value;
}
