// A picture by node-libcamera, with stand-ins for the programs of a Raspberry Pi that check what they are given.
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { takeStill } from '../../daemon/camera/still.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { processesWith } from '../support/daemon.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

afterEach(() => void vi.unstubAllEnvs());

/** A stand-in on PATH under this name; what it is given stands in `args`, one argument a line. */
function standIn(name: string, then: string): { folder: string; args: () => string[] } {
  const folder = tempDir();
  const log = join(folder, 'args');
  writeFileSync(join(folder, name), `#!/bin/sh\nprintf '%s\\n' "$@" > ${log}\n${then}\n`);
  chmodSync(join(folder, name), 0o755);
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH']}`);
  return { folder, args: () => readFileSync(log, 'utf8').trimEnd().split('\n') };
}

const WRITE = 'while [ $# -gt 0 ]; do [ "$1" = --output ] && printf JPEG > "$2"; shift; done';

function take(folder: string, options: object = {}, signal = new AbortController().signal): Promise<void> {
  const output = join(folder, 'picture.jpg');
  const all = { output, timeout: 2000, nopreview: true, width: 1280, height: 720, ...options };
  return takeStill({ options: all, runtimeDir: join(folder, 'runtime'), clock: systemClock, signal });
}

test.each(['libcamera-still', 'rpicam-still'])(
  '%s takes it, with the options of the camera',
  async (program) => {
    const { folder, args } = standIn(program, WRITE);
    await take(folder, {
      camera: 1,
      rotation: 180,
      ev: -0.5,
      awb: 'daylight',
      hflip: false,
      roi: { x: 0, y: 0.5, w: 1, h: 0.5 },
    });
    expect(readFileSync(join(folder, 'picture.jpg'), 'utf8')).toBe('JPEG');
    expect(args()).toEqual([
      ...['--output', join(folder, 'picture.jpg'), '--timeout', '2000', '--nopreview', '--width', '1280'],
      ...['--height', '720', '--camera', '1', '--rotation', '180', '--ev=-0.5', '--awb', 'daylight'],
      ...['--roi', '0,0.5,1,0.5'],
    ]);
  },
);

test('the last words of a program that fails are told, and an option for a shell never reaches it', async () => {
  const { folder } = standIn('libcamera-still', 'echo "*** no cameras available ***" >&2; exit 255');
  await expect(take(folder)).rejects.toMatchObject({
    code: 'CAMERA_EXITED',
    message: 'libcamera-still: *** no cameras available ***',
  });
  const evil = join(folder, 'evil');
  await expect(take(folder, { awb: `auto; touch ${evil}` })).rejects.toMatchObject({
    message: "libcamera-still: refused for a shell: option 'awb'",
  });
  expect(() => readFileSync(evil)).toThrow('ENOENT');
});

test('a program that hangs and ignores TERM is ended with the shell around it', async () => {
  const { folder } = standIn('libcamera-still', "trap '' TERM; while :; do sleep 1; done");
  const stop = new AbortController();
  const taken = take(folder, {}, stop.signal);
  await waitFor('the program', () => processesWith(folder, 'libcamera-still --output').length > 0);
  stop.abort();
  await expect(taken).rejects.toMatchObject({ code: 'CAMERA_EXITED' });
  await waitFor('nothing to be left', () => processesWith(folder).length === 0);
});

test('without any of the programs, the package to install is named', async () => {
  vi.stubEnv('PATH', tempDir());
  await expect(take(tempDir())).rejects.toMatchObject({ code: 'CAMERA_PROGRAM_MISSING' });
});
