// How long the built-in camera takes for a frame, and to begin: it runs beside the daemon in `npm start`, so it must
// leave the cores to the detector.

import { systemClock } from '../../daemon/platform/clock.ts';
import { Scene } from '../../daemon/scene/scene.ts';

const SIZES = [
  { width: 1280, height: 720, target: '≤ 15 ms' },
  { width: 640, height: 384, target: '≤ 5 ms' },
] as const;
const FRAMES = 260;
const WARM_UP = 40;

/** Medians over one cycle of the day script, milliseconds a frame, and the time to the first frame. */
export async function benchScene(): Promise<Array<{ what: string; value: string; target: string }>> {
  const lines: Array<{ what: string; value: string; target: string }> = [];
  for (const { width, height, target } of SIZES) {
    const startMs = systemClock.monoMs();
    const scene = new Scene({ width, height });
    const preparedMs = systemClock.monoMs() - startMs;
    const times: number[] = [];
    for (let n = 0; n < FRAMES; n++) {
      const beginMs = systemClock.monoMs();
      scene.render(n);
      if (n >= WARM_UP) times.push(systemClock.monoMs() - beginMs);
    }
    times.sort((a, b) => a - b);
    const at = (share: number): string => (times[Math.floor(share * (times.length - 1))] ?? 0).toFixed(1);
    lines.push({
      what: `scene ${width}x${height}, a frame (median; 95th percentile)`,
      value: `${at(0.5)} ms; ${at(0.95)} ms`,
      target,
    });
    lines.push({
      what: `scene ${width}x${height}, preparing the backdrop`,
      value: `${preparedMs.toFixed(0)} ms`,
      target: '≤ 1000 ms',
    });
  }
  return lines;
}
