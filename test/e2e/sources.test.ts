// Sources in the whole daemon: a network camera with a password, and a program that keeps failing.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeConfig } from '../support/configurations.ts';
import { childrenOf, startDaemon } from '../support/daemon.ts';
import { httpCameraServer } from '../support/http-camera-server.ts';
import { freePort } from '../support/mosquitto.ts';
import { testNeeding } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

async function daemonWith(cameras: object, env: NodeJS.ProcessEnv = {}) {
  const mqtt = { url: `mqtt://127.0.0.1:${await freePort()}` };
  const config = writeConfig({ mqtt, cameras });
  return startDaemon(['run', '--config', config, '--data', tempDir()], { env });
}

/** Empty when it has ended meanwhile. */
function environmentOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    return '';
  }
}

testNeeding({ programs: ['ffmpeg'] })(
  'the password of a camera is in no log line, no argument and no environment of a child',
  async () => {
    const picture = ['-f', 'lavfi', '-i', 'color=blue:size=320x240', '-frames:v', '1'];
    const jpeg = execFileSync('ffmpeg', [
      '-v',
      'error',
      ...picture,
      '-f',
      'image2pipe',
      '-c:v',
      'mjpeg',
      '-',
    ]);
    const login = { method: 'digest', user: 'owner', password: 'hunter2' } as const;
    const server = await httpCameraServer({ jpeg, login });
    const url = `${server.url}/snapshot`;
    const daemon = await daemonWith(
      {
        good: { source: { type: 'http', url, user: 'owner', password: '$' + '{CAMERA_PASSWORD}' } },
        bad: { source: { type: 'http', url, user: 'owner', password: 'hunter3' } },
        // Nobody is there; ffmpeg names the address in its error.
        gone: { source: { type: 'rtsp', url: 'rtsp://127.0.0.1:9/a', user: 'owner', password: 'hunter4' } },
      },
      { CAMERA_PASSWORD: 'hunter2' },
    );
    await waitFor('all cameras to be told', () =>
      ['camera is online', '(401)', 'Connection refused'].every((text) => daemon.stderr().includes(text)),
    );
    const children = childrenOf(daemon.pid);
    expect(children.some(({ command }) => command.includes('ffmpeg'))).toBe(true);
    for (const { pid, command } of children) {
      expect(command).not.toMatch(/hunter|owner/);
      if (command.includes('ffmpeg')) expect(environmentOf(pid)).not.toContain('hunter');
    }
    expect(daemon.stderr()).toContain('decodes with');
    expect(daemon.stderr() + daemon.stdout()).not.toContain('hunter');
  },
);

test('a camera program that keeps failing leaves the descriptors of others alone', async () => {
  const starts = join(tempDir(), 'starts');
  const script = join(tempDir(), 'failing.sh');
  writeFileSync(script, `#!/bin/sh\necho start >> ${starts}\nexit 1\n`, { mode: 0o755 });
  const source = { type: 'command', command: [script] };
  const daemon = await daemonWith({ one: { source }, two: { source } });
  const count = (): number => (existsSync(starts) ? readFileSync(starts, 'utf8').split('\n').length - 1 : 0);
  await waitFor('a few lives', () => count() > 7, 60_000);
  // Node's warning when a worker holds a number that was closed behind its back, and would close it again at its end.
  expect(daemon.stderr()).not.toContain('unmanaged mode');
});
