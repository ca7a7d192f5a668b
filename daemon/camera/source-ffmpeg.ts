// The arguments that the ffmpeg of every source has in common: decode, keep the asked rate, scale, convert to I420 in
// BT.601 limited range, write to standard output. Pure.
import type { FramesConfig } from '../config/types.ts';
import type { Decoding } from './decoders.ts';

type Detect = FramesConfig;

/** How frames become as many as asked for. */
export interface Pace {
  /** Filters in front of the scaling: what they drop costs nothing more. */
  readonly early: readonly string[];
  /** Filters behind the scaling. */
  readonly late: readonly string[];
  /** Options of the output. */
  readonly output: readonly string[];
}

export interface FfmpegRun {
  readonly decoding: Decoding;
  /** From the options of the input to `-i` and its address. */
  readonly input: readonly string[];
  readonly pace: Pace;
  readonly detect: Detect;
}

export function ffmpegArgs({ decoding, input, pace, detect: { width, height } }: FfmpegRun): string[] {
  const filters = [
    ...pace.early,
    ...decoding.filters,
    ...pace.late,
    `scale=${width}:${height}:flags=area:out_range=tv:out_color_matrix=bt601`,
    'format=yuv420p',
  ];
  return [
    ...['-hide_banner', '-loglevel', 'error', '-threads', '1'],
    ...decoding.inputArgs,
    ...input,
    ...['-map', '0:v:0', '-vf', filters.join(','), ...pace.output],
    // One thread for the "encoder" too: with more it holds every frame back until the next one comes (ffmpeg 5.1, two
    // cores: 200 ms at five frames a second).
    ...['-threads', '1', '-f', 'rawvideo', 'pipe:1'],
  ];
}

/** Who writes to ffmpeg's standard input keeps the time: a frame out for each picture in. */
export const FED: Pace = { early: [], late: [], output: [] };

/**
 * A recording: frames are repeated or dropped by their timestamps, then held back to the speed of the clock. By the filter
 * `realtime` and not the option -re: that one counts from timestamp 0 and lets a video whose timestamps begin later (a cut
 * from a recorder: 17.8 s in one of our test clips) rush through its first seconds. What is more than `limit` away it takes
 * for a jump and does not wait for: two seconds unless told otherwise, less than the time between slow frames.
 */
export function recordedPace({ fps }: Detect, pace: 'realtime' | 'fast'): Pace {
  const realtime = `realtime=limit=${Math.max(2, 2 / fps)}`;
  return { early: [`fps=${fps}`], late: pace === 'fast' ? [] : [realtime], output: [] };
}

/**
 * A live camera: the first frame in each interval of 1/fps passes, nothing is repeated, and what passes gets new,
 * even timestamps. Unlike the filter `fps` this does not flood when the camera's timestamps jump (an hour ahead would be
 * 18 000 copies) and does not hold a frame back until the next one comes. The half interval keeps a camera that sends at
 * just this rate, with jitter, away from the borders. (A camera that changes its size in the middle of a stream makes ffmpeg
 * begin the filters again; its frames are then dropped as too old until stallMs starts ffmpeg anew.)
 */
export function livePace({ fps }: Detect): Pace {
  const slot = (time: string): string => `floor(${time}*${fps}+0.5)`;
  const pick = `select='isnan(prev_selected_t)+not(eq(${slot('t')},${slot('prev_selected_t')}))'`;
  return {
    early: ['setpts=PTS-STARTPTS', pick, `setpts=N/(${fps}*TB)`],
    late: [],
    output: ['-r', String(fps)],
  };
}
