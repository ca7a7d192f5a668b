// What a quantization on this board gives: time, memory and speed, the float model and the one that others have quantized beside it.
// Needs the shared material. Ratios come from runs in turn.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openGraph } from '../../daemon/detector/graph-session.ts';
import type { Quantization } from '../../daemon/models/manifest-quantization.ts';
import { compareSpeed } from '../../daemon/models/quantize-speed.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { median } from '../../daemon/platform/percentiles.ts';
import { drawnFigure } from '../support/detector.ts';
import { ROOT, sharedPath } from '../support/needs.ts';
import { COCO_DETECTOR, installCocoDetector } from '../support/shared-models.ts';
import type { BenchLine } from './figures.ts';

const TIMES = 5;
const SAMPLE_MS = 50;

export async function benchQuantize(): Promise<BenchLine[]> {
  const data = mkdtempSync(join(tmpdir(), 'vedette-bench-'));
  try {
    installCocoDetector(data, 'nano', 'model.onnx');
    const { tookS, peakMb } = await quantizeIn(data);
    const folder = join(data, 'models/nano-int8');
    const { quantization } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as {
      quantization: Quantization;
    };
    const ours = join(folder, readdirSync(folder).find((name) => name.endsWith('.onnx'))!);
    const upstream = await ratioOf(sharedPath(COCO_DETECTOR, 'model-int8.onnx'), ours);
    const float = await ratioOf(sharedPath(COCO_DETECTOR, 'model.onnx'), ours);
    const [againstFloat, onLabels] = quantization.accuracy;
    return [
      { what: 'models quantize, 128 photos, 320x320', value: `${tookS.toFixed(0)} s`, target: '' },
      { what: 'its peak resident memory', value: `${peakMb.toFixed(0)} MB`, target: '<= 2000 MB' },
      { what: 'file', value: `${(quantization.size.bytes / 1e6).toFixed(2)} MB`, target: '<= 1.15 MB' },
      { what: 'AP50 lost on coco/val', value: `${onLabels?.lossPoints.toFixed(2)} points`, target: '<= 0.6' },
      { what: 'AP50 against the float model', value: (againstFloat?.int8 ?? 0).toFixed(3), target: '' },
      { what: 'speed over the float model', value: float.toFixed(2), target: '>= 1' },
      {
        what: 'speed over model-int8.onnx of the shared material',
        value: upstream.toFixed(2),
        target: '>= 0.97',
      },
    ];
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
}

async function quantizeIn(data: string): Promise<{ readonly tookS: number; readonly peakMb: number }> {
  const photos = sharedPath('training/coco/train');
  const labelled = sharedPath('training/coco/val');
  const args = [
    'models',
    'quantize',
    'nano',
    '--calibrate',
    photos,
    '--eval',
    labelled,
    '--data',
    data,
    '--force',
  ];
  const beganMonoMs = systemClock.monoMs();
  const child = spawn(process.execPath, [join(ROOT, 'daemon/main.ts'), ...args], { stdio: 'ignore' });
  let peakMb = 0;
  const timer = systemClock.every(SAMPLE_MS, () => {
    peakMb = Math.max(peakMb, peakMbOf(child.pid!) ?? 0);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  timer.stop();
  if (code !== 0) throw new Error(`models quantize ended with ${code}`);
  return { tookS: (systemClock.monoMs() - beganMonoMs) / 1000, peakMb };
}

/** Undefined once the process is gone. */
function peakMbOf(pid: number): number | undefined {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) / 1000;
  } catch {
    return undefined;
  }
}

/** Time of `other` over that of `ours`, the median of so many comparisons, each of runs in turn. */
async function ratioOf(other: string, ours: string): Promise<number> {
  const [a, b] = [await openGraph(other), await openGraph(ours)];
  const image = { type: 'uint8', dims: [1, 320, 320, 3], data: drawnFigure(320) } as const;
  const feeds = { count: 1, at: () => ({ image }) };
  const { signal } = new AbortController();
  const ratios: number[] = [];
  for (let time = 0; time < TIMES; time += 1) {
    ratios.push((await compareSpeed(a, b, { feeds, clock: systemClock, signal })).ratio);
  }
  await a.release();
  await b.release();
  return median(ratios);
}
