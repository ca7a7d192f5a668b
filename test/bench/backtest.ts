// A week of observations tried on other rules: the whole command as an owner starts it, from the start of its process to its end,
// with the most memory it ever had resident. The files are made before and are not in the figure.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { systemClock } from '../../daemon/platform/clock.ts';
import { median } from '../../daemon/platform/percentiles.ts';
import { CAMERAS, writeWeek } from '../fixtures/store/history-week.ts';
import { ROOT } from '../support/needs.ts';
import { COMPILE_CACHE } from './daemon.ts';
import type { BenchLine } from './figures.ts';

const ROWS = 1_000_000;
const WEEK_MS = 7 * 86_400_000;
const RUNS = 3;
/** sysconf(_SC_CLK_TCK) of Linux on every board. */
const TICKS_PER_S = 100;
/** All that there is: the visits of the week end at chance. */
const WHEN = ['--since', '30d', '--until', '2100-01-01'];

/** Five rules of five kinds over four cameras. */
function configuration(): object {
  const zones = {
    door: {
      points: [
        [0.1, 0.3],
        [0.5, 0.3],
        [0.5, 0.9],
        [0.1, 0.9],
      ],
    },
    drive: {
      points: [
        [0.4, 0.2],
        [1, 0.2],
        [1, 1],
        [0.4, 1],
      ],
    },
  };
  const lines = {
    kerb: {
      points: [
        [0.5, 0],
        [0.5, 1],
      ],
      sides: ['street', 'garden'],
    },
  };
  return {
    cameras: Object.fromEntries(CAMERAS.map((name) => [name, { source: { type: 'scene' }, zones, lines }])),
    rules: {
      'door-person': {
        trigger: { type: 'dwell', zone: 'door', forS: 2 },
        labels: ['person'],
        schedule: [{ from: '20:00', to: '07:00' }],
      },
      'door-cat': { trigger: { type: 'enter', zone: 'door' }, labels: ['cat'], scoreMin: 0.75, groupS: 30 },
      'drive-car': { trigger: { type: 'cross', line: 'kerb', to: 'garden' }, labels: ['car'] },
      crowd: { trigger: { type: 'count', zone: 'drive', atLeast: 2, forS: 3 }, cooldownS: 300 },
      'nobody-in-yard': { trigger: { type: 'absence', forS: 1800 }, cameras: ['yard'] },
    },
  };
}

/** Row 7 of the figures to reach, to the letter. */
export async function benchBacktest(): Promise<BenchLine[]> {
  const folder = mkdtempSync(join(ROOT, '.vedette-bench-'));
  try {
    await writeWeek(folder, { rows: ROWS, untilMs: systemClock.nowMs(), lengthMs: WEEK_MS });
    const config = join(folder, 'new.yaml');
    writeFileSync(config, stringify(configuration()));
    const runs: Run[] = [];
    // Once more than is counted: the first compiles, and the file comes from the disk.
    for (let run = 0; run <= RUNS; run += 1) runs.push(await measure(config, folder));
    const counted = runs.slice(1);
    const seconds = median(counted.map((run) => run.seconds));
    const megabytes = median(counted.map((run) => run.megabytes));
    const cpuSeconds = median(counted.map((run) => run.cpuSeconds));
    const size = Math.round(statSync(join(folder, 'history.db')).size / 1e6);
    return [
      {
        what: `backtest of a week, ${ROWS} observations (${size} MB) on five rules, the whole command (medians of ${RUNS} runs)`,
        value: `${seconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of the processor), ${megabytes.toFixed(0)} MB resident at most; ${runs[0]!.summary}`,
        target: '<= 5 s, <= 200 MB',
      },
    ];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Run extends Used {
  readonly seconds: number;
  readonly summary: string;
}

async function measure(config: string, data: string): Promise<Run> {
  const args = ['backtest', '--config', config, '--data', data, ...WHEN, '--json'];
  const startMs = systemClock.monoMs();
  const child = spawn(join(ROOT, 'scripts/vedette'), args, {
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  let used: Used = { megabytes: 0, cpuSeconds: 0 };
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const watch = systemClock.every(50, () => {
    used = usedBy(child.pid!) ?? used;
  });
  await once(child, 'close');
  watch.stop();
  const seconds = (systemClock.monoMs() - startMs) / 1000;
  if (output === '') throw new Error('the backtest failed');
  const { observations, totals } = JSON.parse(output) as {
    observations: number;
    totals: { added: number };
  };
  if (observations !== ROWS) throw new Error(`only ${observations} observations were read`);
  return { seconds, ...used, summary: `${totals.added} alerts` };
}

interface Used {
  /** The most that it has had resident. */
  readonly megabytes: number;
  readonly cpuSeconds: number;
}

/** What a process has taken so far (proc_pid_status(5), VmHWM; proc_pid_stat(5), utime and stime); undefined when it has ended. */
function usedBy(pid: number): Used | undefined {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    if (kilobytes === undefined) return undefined;
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return { megabytes: (Number(kilobytes) * 1024) / 1e6, cpuSeconds: ticks / TICKS_PER_S };
  } catch {
    return undefined;
  }
}
