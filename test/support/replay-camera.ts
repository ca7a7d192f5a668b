// A camera program for tests, a real child: plays a file of raw frames over and over at a steady rate.
// Arguments: --file <path> --bytes <frame bytes> --fps <rate>
import { readFileSync, writeSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { file: { type: 'string' }, bytes: { type: 'string' }, fps: { type: 'string' } },
});
const frames = readFileSync(values.file ?? '');
const bytes = Number(values.bytes);
const intervalMs = 1000 / Number(values.fps);

const startMs = performance.now();
for (let n = 0; ; n += 1) {
  const begin = (n % Math.floor(frames.length / bytes)) * bytes;
  for (let at = begin; at < begin + bytes; ) at += writeSync(1, frames, at, begin + bytes - at);
  // From the start and not from frame to frame: what one sleep is late must not add up.
  await delay(Math.max(0, startMs + (n + 1) * intervalMs - performance.now()));
}
