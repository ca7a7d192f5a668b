// A camera program for tests, a real child: writes I420 frames to standard output as told. Frame n is filled with the
// byte n, so that a reader can tell frames apart and see a torn one.
// Arguments: --bytes <frame bytes> --frames <n> --interval <ms> --then <what it does after the frames>:
//   exit0, exit1, stall; half: half a frame and exit; stubborn: stalls and ignores TERM; noise: random bytes and exit;
//   flood: frames as fast as it can; resize: frames of 4/9 of the size for ever; lose: some bytes are lost, then frames
//   for ever; echo: copies its input; environment: exit 1 with the names of its variables as last words;
//   leave: exit with a child left behind; secret: exit 1 with last words that hold a password
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    bytes: { type: 'string', default: '6144' },
    frames: { type: 'string', default: '3' },
    interval: { type: 'string', default: '5' },
    // biome-ignore lint/suspicious/noThenProperty: an option's name, nothing awaits it
    then: { type: 'string', default: 'exit0' },
  },
});

const bytes = Number(values.bytes);

function writeAll(buffer: Uint8Array): void {
  let at = 0;
  while (at < buffer.length) at += writeSync(1, buffer, at);
}

if (values.then === 'stubborn') {
  process.on('SIGTERM', () => undefined);
  process.stderr.write('ignoring TERM\n');
}
for (let frame = 1; frame <= Number(values.frames); frame += 1) {
  writeAll(new Uint8Array(bytes).fill(frame % 256));
  await delay(Number(values.interval));
}
if (values.then === 'half') writeAll(new Uint8Array(bytes >> 1).fill(255));
if (values.then === 'echo') for await (const chunk of process.stdin) writeAll(chunk);
if (values.then === 'environment') {
  process.stderr.write(`${Object.keys(process.env).sort().join(' ')}\n`);
  process.exit(1);
}
if (values.then === 'leave') {
  const args = [import.meta.filename, '--frames', '0', '--then', 'stubborn'];
  const left = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'pipe'] });
  await new Promise((resolve) => left.stderr.once('data', resolve));
  process.exit(1);
}
if (values.then === 'noise') writeAll(randomBytes(bytes * 2 + 1234));
if (values.then === 'flood')
  for (let frame = 1; ; frame += 1) writeAll(new Uint8Array(bytes).fill(frame % 256));
if (values.then === 'lose') writeAll(new Uint8Array(bytes >> 1));
if (values.then === 'resize' || values.then === 'lose') {
  const size = values.then === 'resize' ? Math.round((bytes * 4) / 9) : bytes;
  for (let frame = 1; ; frame += 1) {
    writeAll(new Uint8Array(size).fill(frame % 256));
    await delay(Number(values.interval));
  }
}
if (values.then === 'secret') {
  process.stderr.write('connecting to rtsp://owner:hunter2@camera/1\nrtsp://owner:hunter2@camera/1: 401\n');
  process.exit(1);
}
if (values.then === 'exit1') {
  process.stderr.write('fake camera: sensor not found\n');
  process.exit(1);
}
if (values.then === 'stall' || values.then === 'stubborn') await delay(600_000);
