// What a camera costs that sees nothing new: processor time of daemon and detector (the camera program is not counted)
// for one still 1280x720 picture at five frames a second, with the detector and without one, after a minute.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../daemon/platform/clock.ts';
import { benchFolder, type Daemon, detectorPid, MAIN, reports, startDaemon, stopDaemon } from './daemon.ts';
import type { BenchLine } from './figures.ts';

/** A minute: by then the code that a still camera runs is compiled. */
const WARM_FRAMES = 300;
const MEASURE_MS = 20_000;
/** USER_HZ of Linux on all its architectures that we run on (proc_pid_stat(5), sysconf(3)). */
const TICKS_PER_S = 100;

export async function benchIdle(): Promise<BenchLine[]> {
  const folder = benchFolder();
  try {
    const source = { type: 'file', path: stillVideo(folder) };
    const gated = await usage(folder, { cameras: { still: { source } } });
    const whole = await usage(folder, { cameras: { still: { source, motion: { enabled: false } } } });
    const alone = await usage(folder, { cameras: { still: { source } }, detector: { model: './none' } });
    return [
      {
        what: '4. one still 1280x720 camera at 5 fps, motion gate closed: daemon + detector',
        value: `${percent(gated.daemon)} + ${percent(gated.detector)} of a core`,
        target: '<= 3 %',
      },
      {
        what: 'the same with the gate switched off: inference on each frame',
        value: `${percent(whole.daemon)} + ${percent(whole.detector)} of a core`,
        target: '',
      },
      {
        what: 'the same without a detector: frames are taken in and replaced',
        value: `${percent(alone.daemon)} of a core`,
        target: '',
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One frame of the built-in camera, over and over, as raw video. */
function stillVideo(folder: string): string {
  const [raw, path] = [join(folder, 'still.yuv'), join(folder, 'still.nut')];
  const options = { maxBuffer: 2 ** 24 };
  const { stdout } = spawnSync(process.execPath, [MAIN, 'scene', '--frames', '1', '--pace', 'fast'], options);
  writeFileSync(raw, Buffer.concat(Array.from({ length: 25 }, () => stdout)));
  const args = '-loglevel error -y -f rawvideo -pixel_format yuv420p -video_size 1280x720 -framerate 5 -i';
  const { status, stderr } = spawnSync('ffmpeg', [...args.split(' '), raw, '-c', 'copy', path]);
  if (status !== 0) throw new Error(`ffmpeg: ${stderr.toString()}`);
  return path;
}

interface Usage {
  /** Processor seconds per second. */
  readonly daemon: number;
  readonly detector: number;
}

async function usage(folder: string, document: object): Promise<Usage> {
  const daemon = await startDaemon(folder, document);
  await framesArrived(daemon, WARM_FRAMES);
  const pid = daemon.process.pid!;
  const detector = detectorPid(daemon);
  const before = { atMs: systemClock.monoMs(), daemon: ticks(pid), detector: ticks(detector) };
  await systemClock.sleep(MEASURE_MS);
  const seconds = (systemClock.monoMs() - before.atMs) / 1000;
  const share = (after: number, ticksBefore: number): number => (after - ticksBefore) / TICKS_PER_S / seconds;
  const used = {
    daemon: share(ticks(pid), before.daemon),
    detector: share(ticks(detector), before.detector),
  };
  await stopDaemon(daemon);
  return used;
}

async function framesArrived({ client }: Daemon, count: number): Promise<void> {
  for await (const { health } of reports(client)) {
    if (Object.values(health.cameras).every(({ framesTotal }) => framesTotal >= count)) return;
  }
}

/** Processor time of a process so far, user and system; 0 for none. */
function ticks(pid: number | undefined): number {
  if (pid === undefined) return 0;
  // utime and stime are fields 14 and 15; the second, in brackets, may hold blanks.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
