// How long after its frame an alert is there, by the class of the camera, while the detector is asked for more than it can do:
// without the ladder and with it. Cameras play a recorded scene out of memory, so that nearly all of the machine is the daemon's.
import { spawnSync } from 'node:child_process';
import { openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../daemon/platform/clock.ts';
import { percentile } from '../../daemon/platform/percentiles.ts';
import type { HealthReport } from '../../daemon/publish/health-message.ts';
import { benchFolder, type Daemon, MAIN, startDaemon, stopDaemon } from './daemon.ts';
import type { BenchLine } from './figures.ts';

const ROUNDS = 2;
const MEASURE_MS = 60_000;
/** Down to the last rung it may take ten seconds each. */
const SETTLE_MS = { without: 15_000, with: 45_000 };
const WIDTH = 320;
const HEIGHT = 192;
/** Of the recording; five cameras play it so fast that they ask for `DEMAND` times what the detector can do. */
const FPS = 40;
const RECORDED_S = 40;
const DEMAND = 1.5;
const CALIBRATE_MS = 15_000;
const STRIPS = 8;
const CLASSES = { alert: ['door'], normal: ['yard', 'gate'], low: ['shed', 'road'] } as const;
type Class = keyof typeof CLASSES;
const CAMERAS: readonly string[] = Object.values(CLASSES).flat();

interface Played {
  readonly folder: string;
  readonly video: string;
  readonly fps: number;
}

interface Spans {
  readonly settleMs: number;
  readonly measureMs: number;
}

interface Measured {
  readonly delaysMs: Record<Class, number[]>;
  /** Observations a second of one camera of the class. */
  readonly looksPerS: Record<Class, number>;
  readonly health: HealthReport;
}

export async function benchLadder(): Promise<BenchLine[]> {
  const folder = benchFolder();
  try {
    const video = recordScene(folder);
    const without: Measured[] = [];
    const withLadder: Measured[] = [];
    const scene = { folder, video, fps: FPS };
    const settle = { settleMs: SETTLE_MS.without, measureMs: CALIBRATE_MS };
    const { looksPerS } = await measure(scene, false, settle);
    const total = (Object.keys(CLASSES) as Class[]).reduce(
      (sum, name) => sum + looksPerS[name] * CLASSES[name].length,
      0,
    );
    const fps = Math.min(FPS, Math.round((DEMAND * total) / CAMERAS.length));
    for (let round = 0; round < ROUNDS; round += 1) {
      const measureMs = MEASURE_MS;
      without.push(await measure({ ...scene, fps }, false, { settleMs: SETTLE_MS.without, measureMs }));
      withLadder.push(await measure({ ...scene, fps }, true, { settleMs: SETTLE_MS.with, measureMs }));
    }
    return [
      {
        what: `frames a second the detector could take; asked for by ${CAMERAS.length} cameras`,
        value: `${total.toFixed(0)}; ${fps * CAMERAS.length}`,
        target: '',
      },
      ...(Object.keys(CLASSES) as Class[]).map((name) => ({
        what: `${name}-class cameras (${CLASSES[name].length}), frame complete → alert received: without the ladder; with it`,
        value: `${delays(without, name)}; ${delays(withLadder, name)}`,
        target: '',
      })),
      {
        what: 'frames a second looked at, of one alert, normal, low camera: without; with',
        value: `${looks(without)}; ${looks(withLadder)}`,
        target: '',
      },
      {
        what: 'rung at the end of each round, and why',
        value: withLadder
          .map(({ health: { ladder } }) => `${ladder?.rung} of ${ladder?.of}: ${ladder?.reason}`)
          .join('; '),
        target: '',
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Raw frames of the built-in scene. */
function recordScene(folder: string): string {
  const path = join(folder, 'scene.i420');
  const size = ['--width', `${WIDTH}`, '--height', `${HEIGHT}`, '--fps', `${FPS}`];
  const args = [MAIN, 'scene', ...size, '--frames', `${FPS * RECORDED_S}`, '--pace', 'fast'];
  const out = openSync(path, 'w');
  const { status, stderr } = spawnSync(process.execPath, args, { stdio: ['ignore', out, 'pipe'] });
  if (status !== 0) throw new Error(`vedette scene: ${stderr}`);
  return path;
}

/** Plays the recording in a loop, from another second for each camera. */
function camera({ video, fps }: Played, index: number): object {
  const bytes = (WIDTH * HEIGHT * 3) / 2;
  const from = bytes * FPS * ((index * RECORDED_S) / 5);
  const play = `$| = 1; open F, '<:raw', '${video}'; seek F, ${from}, 0; use Time::HiRes qw(time sleep); my $at = time; while (1) { read(F, $f, ${bytes}) == ${bytes} or (seek(F, 0, 0), next); syswrite STDOUT, $f; $at += ${1 / fps}; my $rest = $at - time; $rest > 0 ? sleep $rest : ($at = time) }`;
  const zones = Object.fromEntries(
    Array.from({ length: STRIPS }, (_, strip) => {
      const [left, right] = [strip / STRIPS, (strip + 1) / STRIPS];
      const points = [
        [left, 0],
        [right, 0],
        [right, 1],
        [left, 1],
      ];
      return [`strip${strip}`, { points }];
    }),
  );
  return {
    source: { type: 'command', command: ['perl', '-e', play] },
    detect: { width: WIDTH, height: HEIGHT, fps },
    // Every frame is looked at, and always as a whole: what is measured is the queue, not the scene.
    motion: { enabled: false },
    zones,
  };
}

async function measure(played: Played, enabled: boolean, spans: Spans): Promise<Measured> {
  const cameras = Object.fromEntries(
    CAMERAS.map((name, index) => [
      name,
      { ...camera(played, index), ...(isIn('low', name) ? { priority: 'low' } : {}) },
    ]),
  );
  const rules = Object.fromEntries(
    Array.from({ length: STRIPS }, (_, strip) => strip).flatMap((strip) => {
      const trigger = { type: 'enter', zone: `strip${strip}` };
      const shared = { trigger, cooldownS: 0, snapshot: false };
      return [
        [`alert-${strip}`, { ...shared, cameras: CLASSES.alert }],
        [`note-${strip}`, { ...shared, cameras: [...CLASSES.normal, ...CLASSES.low], severity: 'info' }],
      ];
    }),
  );
  const daemon = await startDaemon(played.folder, {
    ladder: { enabled },
    snapshots: { enabled: false },
    cameras,
    rules,
  });
  try {
    return await listen(daemon, spans);
  } finally {
    await stopDaemon(daemon);
  }
}

async function listen({ client }: Daemon, { settleMs, measureMs }: Spans): Promise<Measured> {
  const delaysMs: Measured['delaysMs'] = { alert: [], normal: [], low: [] };
  const reports: HealthReport[] = [];
  let listening = false;
  client.on('message', (topic, payload) => {
    if (!listening) return;
    const message = JSON.parse(payload.toString());
    if (topic.endsWith('/health')) return void reports.push(message);
    const heard: { camera: string; atMs: number; late: boolean } = message;
    const name = (Object.keys(CLASSES) as Class[]).find((one) => isIn(one, heard.camera));
    if (name !== undefined && !heard.late) delaysMs[name].push(systemClock.nowMs() - heard.atMs);
  });
  await client.subscribeAsync(['vedette/+/alert', 'vedette/+/health'], { qos: 1 });
  await systemClock.sleep(settleMs);
  listening = true;
  await systemClock.sleep(measureMs);
  listening = false;
  const [first, last] = [reports[0]!, reports.at(-1)!];
  const seconds = last.uptimeS - first.uptimeS;
  const looksOf = (name: Class): number => {
    const of = ({ cameras }: HealthReport): number =>
      CLASSES[name].reduce((sum, one) => sum + cameras[one]!.framesProcessed, 0);
    return (of(last) - of(first)) / seconds / CLASSES[name].length;
  };
  const looksPerS = { alert: looksOf('alert'), normal: looksOf('normal'), low: looksOf('low') };
  return { delaysMs, looksPerS, health: last };
}

function isIn(name: Class, one: string): boolean {
  return (CLASSES[name] as readonly string[]).includes(one);
}

function delays(rounds: readonly Measured[], name: Class): string {
  const all = rounds.flatMap(({ delaysMs }) => delaysMs[name]);
  return `p50 ${percentile(all, 0.5).toFixed(0)} ms, p99 ${percentile(all, 0.99).toFixed(0)} ms (${all.length} alerts)`;
}

function looks(rounds: readonly Measured[]): string {
  const mean = (name: Class): string =>
    (rounds.reduce((sum, { looksPerS }) => sum + looksPerS[name], 0) / rounds.length).toFixed(1);
  return (['alert', 'normal', 'low'] as const).map(mean).join(', ');
}
