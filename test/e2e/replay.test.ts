// `vedette replay` as an owner runs it: a video of the built-in scene through a configuration, and what is drawn of it.
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { writeConfig } from '../support/configurations.ts';
import { runToEnd } from '../support/daemon.ts';
import { ROOT, testNeeding } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';

const FPS = 5;
const FRAMES = 60;
const testVideo = testNeeding({ programs: ['ffmpeg', 'ffprobe'] });
/** The flagstones before the door of the scene. */
const PORCH = [
  [0.5, 0.84],
  [0.9, 0.84],
  [0.9, 1],
  [0.5, 1],
];
/** Upper left corner: sky. */
const CORNER = [
  [0, 0],
  [0.1, 0],
  [0.1, 0.1],
  [0, 0.1],
];

let video: string;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vedette-replay-'));
  video = join(folder, 'yard.mkv');
  const raw = join(folder, 'yard.yuv');
  const fd = openSync(raw, 'w');
  const args = ['daemon/main.ts', 'scene', '--frames', String(FRAMES), '--pace', 'fast'];
  execFileSync(process.execPath, args, { cwd: ROOT, stdio: ['ignore', fd, 'ignore'] });
  closeSync(fd);
  const input = [
    '-f',
    'rawvideo',
    '-pix_fmt',
    'yuv420p',
    '-s',
    '1280x720',
    '-framerate',
    String(FPS),
    '-i',
    raw,
  ];
  const output = ['-c:v', 'mpeg4', '-q:v', '2', video];
  execFileSync('ffmpeg', ['-loglevel', 'error', ...input, ...output]);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function configFile(more: object = {}): string {
  const camera = { source: { type: 'file', path: video }, zones: { porch: { points: PORCH } } };
  return writeConfig({
    cameras: { yard: { ...camera, masks: { corner: { points: CORNER } } }, lane: camera },
    rules: {
      'person-at-porch': { trigger: { type: 'enter', zone: 'porch' }, labels: ['person'] },
      'car-at-porch': { trigger: { type: 'enter', zone: 'porch' }, labels: ['car'] },
      'dog-in-lane': { trigger: { type: 'enter', zone: 'porch' }, labels: ['dog'], cameras: ['lane'] },
    },
    ...more,
  });
}

interface Line {
  readonly kind: 'event' | 'alert' | 'summary';
  readonly videoMs: number;
  readonly [field: string]: unknown;
}

async function replayed(...args: readonly string[]): Promise<Line[]> {
  const { code, stdout, stderr } = await runToEnd([
    'replay',
    video,
    '--config',
    configFile(),
    '--json',
    ...args,
  ]);
  expect([code, stderr]).toEqual([0, '']);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

describe('a replay', () => {
  testVideo(
    'prints events and alerts in the time of the video, and counts every rule of the camera',
    async () => {
      const { code, stdout, stderr } = await runToEnd(['replay', video, '--config', configFile()]);
      expect([code, stderr]).toEqual([0, '']);
      const lines = stdout.trimEnd().split('\n');
      expect(lines[0]).toBe("yard.mkv as camera 'yard', 1280x720 at 5 frames a second");
      expect(
        lines.filter((line) => /^ {2}0:\d\d\.\d {2}new {5}event \d+: person [01]\.\d\d/.test(line)),
      ).not.toEqual([]);
      expect(
        lines.filter((line) => /^ {2}0:0\d\.\d {2}ALERT {3}person-at-porch \(warning\): /.test(line)),
      ).toHaveLength(1);
      expect(lines.at(-1)).toMatch(
        /^60 frames, 0:11\.8 of video, in \d+\.\d s: \d+ events?, 1 alert \(person-at-porch 1, car-at-porch 0\)$/,
      );
    },
  );

  testVideo('looks at every frame and comes to the same each time, whatever the clock says', async () => {
    const at = (line: Line) => ({ ...line, monoMs: 0, stages: 0, tookMs: 0 });
    const first = await replayed('--start', '2026-06-01T22:00Z');
    const second = await replayed('--start', '2026-06-01T22:00Z');
    expect(second.map(at)).toEqual(first.map(at));
    expect(first.at(-1)).toMatchObject({ kind: 'summary', frames: FRAMES, alerts: { 'person-at-porch': 1 } });
    const alert = first.find(({ kind }) => kind === 'alert')!;
    expect(alert['atMs']).toBeCloseTo(Date.UTC(2026, 5, 1, 22) + alert.videoMs, 3);
    const events = first.filter(({ kind }) => kind === 'event');
    const ids = (type: string) => events.filter((event) => event['type'] === type).map(({ id }) => id);
    expect(ids('end').sort()).toEqual(ids('new').sort());
  });

  testVideo('takes the rate and the camera it is told', async () => {
    const lines = await replayed('--camera', 'lane', '--fps', '2');
    expect(lines.at(-1)).toMatchObject({ frames: 24 });
    expect(Object.keys(lines.at(-1)!['alerts'] as object)).toContain('dog-in-lane');
  });
});

describe('a drawn replay', () => {
  testVideo('has every frame, with zones drawn and masks painted', async () => {
    const output = join(tempDir(), 'seen.mp4');
    const run = await runToEnd(['replay', video, '--config', configFile(), '--draw', output]);
    expect([run.code, run.stderr]).toEqual([0, `${output}: ${FRAMES} frames\n`]);
    const count = ['-count_frames', '-show_entries', 'stream=nb_read_frames', '-of', 'csv=p=0'];
    const counted = execFileSync('ffprobe', ['-v', 'error', ...count, output], { encoding: 'utf8' });
    expect(counted.trim()).toBe(String(FRAMES));
    // Between two corners of the zone, on its upper edge, and in the middle of the mask.
    expect(distance(pixel(output, 0.6, 0.84), [0x40, 0xc0, 0xe0])).toBeLessThan(90);
    expect(distance(pixel(video, 0.6, 0.84), [0x40, 0xc0, 0xe0])).toBeGreaterThan(90);
    expect(distance(pixel(output, 0.05, 0.08), [0, 0, 0])).toBeLessThan(40);
  });

  testVideo('that cannot be written says so and leaves nothing', async () => {
    const empty = tempDir();
    const output = join(empty, 'seen.nonsense');
    const { code, stderr } = await runToEnd(['replay', video, '--config', configFile(), '--draw', output]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^vedette: '.*seen\.nonsense' cannot be written: .*ffmpeg exited with code \d+/);
    expect(readdirSync(empty)).toEqual([]);
  });
});

describe('what cannot be replayed', () => {
  testVideo('is refused in one line: no such file, no video, no such camera, no configuration', async () => {
    const text = join(tempDir(), 'text.mp4');
    writeFileSync(text, 'no video\n');
    const refused = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await runToEnd(['replay', ...args]);
      expect(stderr.trimEnd().split('\n')).toHaveLength(1);
      return [code, stdout === '', stderr.trimEnd()];
    };
    expect(await refused('gone.mp4', '--config', configFile())).toEqual([
      1,
      true,
      expect.stringMatching(/^vedette: 'gone\.mp4' cannot be read: .*no such file/i),
    ]);
    expect((await refused(text, '--config', configFile()))[2]).toMatch(
      /^vedette: '.*text\.mp4' cannot be played: .*Invalid data found/,
    );
    expect(await refused(video, '--config', configFile(), '--camera', 'roof')).toEqual([
      64,
      true,
      "vedette: --camera: there is no camera 'roof' (there are yard, lane)",
    ]);
    expect((await refused(video, '--config', 'gone.yaml'))[0]).toBe(78);
  });

  testVideo('a model that is missing ends it', async () => {
    const config = configFile({ detector: { model: 'no-such-model' } });
    const { code, stderr } = await runToEnd(['replay', video, '--config', config]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^vedette: the detector does not run: .*no-such-model/);
  });
});

/** Red, green and blue of the pixel at fractions of the frame, in the twentieth frame. */
function pixel(file: string, x: number, y: number): number[] {
  const crop = `crop=1:1:${Math.round(x * 1280)}:${Math.round(y * 720)}`;
  const args = ['-loglevel', 'error', '-i', file, '-vf', `select=eq(n\\,20),format=rgb24,${crop}`];
  return [...execFileSync('ffmpeg', [...args, '-frames:v', '1', '-f', 'rawvideo', 'pipe:1'])];
}

function distance(a: readonly number[], b: readonly number[]): number {
  return Math.hypot(...a.map((value, index) => value - b[index]!));
}

testVideo('a video is not drawn into itself, whatever it is called', async () => {
  const before = readFileSync(video);
  const link = join(folder, 'link.mkv');
  symlinkSync(video, link);
  for (const output of [video, link]) {
    const { code, stderr } = await runToEnd(['replay', video, '--config', configFile(), '--draw', output]);
    expect(stderr).toMatch(/^vedette: --draw: '.*' is the video itself; name another file$/m);
    expect(code).toBe(64);
  }
  expect(readFileSync(video).equals(before)).toBe(true);
});
