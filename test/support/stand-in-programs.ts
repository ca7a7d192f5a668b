// Puts stand-ins for camera programs that cannot run here into a folder and the folder on PATH, alone or in front of the
// real ones. Each is stand-in-camera.ts under the name of the program.
import { writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished, vi } from 'vitest';
import { findProgram } from '../../daemon/platform/child.ts';
import { tempDir } from './temp-dir.ts';

const SCRIPT = fileURLToPath(new URL('./stand-in-camera.ts', import.meta.url));

/** Names of programs: rpicam-vid, libcamera-vid, gst-launch-1.0, ffmpeg. The real ffmpeg stays known to its stand-in. */
export function standInPrograms(...names: string[]): string {
  const folder = tempDir();
  const real = findProgram('ffmpeg') ?? '';
  for (const name of names) {
    const text = `#!/bin/sh\nREAL_FFMPEG=${real} exec ${process.execPath} ${SCRIPT} ${name} "$@"\n`;
    writeFileSync(join(folder, name), text, { mode: 0o755 });
  }
  // mkfifo and setpriv, but none of the real camera programs in front.
  const system = findProgram('mkfifo');
  vi.stubEnv('PATH', [folder, dirname(system ?? '/usr/bin/mkfifo')].join(delimiter));
  onTestFinished(() => void vi.unstubAllEnvs());
  return folder;
}
