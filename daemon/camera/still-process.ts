// The process in which node-libcamera runs: options as JSON in its one argument, checked here, right before the library
// hands them to a shell (still.ts says why). Writes to standard output why there is no picture; nothing when there is one.
import libcamera from 'node-libcamera';
import { reasonOf } from '../platform/errors.ts';
import { shellSafe } from './still.ts';

try {
  await libcamera.still(shellSafe(JSON.parse(process.argv[2] ?? '{}') as Record<string, unknown>));
} catch (error) {
  // "Command failed: <the command>", then what it said.
  const [first = '', ...said] = reasonOf(error).trim().split('\n');
  process.stdout.write(`${said.at(-1) ?? first}\n`);
}
