// A video file read back by ffmpeg, for tests of what was written.
import { execFileSync } from 'node:child_process';

export interface Video {
  readonly codec: string;
  readonly width: number;
  readonly height: number;
  readonly fps: number;
  readonly frames: readonly Grey[];
}

export interface Grey {
  /** Brightness of pixel x, y. */
  at(x: number, y: number): number;
}

/** All of it; needs ffmpeg and ffprobe, and memory for every frame. */
export function videoOf(path: string): Video {
  const shown = ['stream=codec_name,width,height,r_frame_rate', '-of', 'json', path];
  const told = execFileSync('ffprobe', ['-v', 'error', '-show_entries', ...shown], { encoding: 'utf8' });
  const [stream] = (JSON.parse(told) as { streams: Record<string, string | number>[] }).streams;
  const [width, height] = [Number(stream!['width']), Number(stream!['height'])];
  const [over, under] = String(stream!['r_frame_rate']).split('/').map(Number) as [number, number];
  const raw = execFileSync(
    'ffmpeg',
    ['-v', 'error', '-i', path, '-f', 'rawvideo', '-pix_fmt', 'gray', 'pipe:1'],
    { maxBuffer: 1e9 },
  );
  const size = width * height;
  const frames = Array.from({ length: raw.length / size }, (_, index) => ({
    at: (x: number, y: number) => raw[index * size + y * width + x]!,
  }));
  return { codec: String(stream!['codec_name']), width, height, fps: over / under, frames };
}
