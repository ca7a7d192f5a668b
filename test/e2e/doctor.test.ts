// `vedette doctor` as an owner runs it: on a board without anything, with a camera and a broker, with what is broken, with
// programs of boards that this machine is not (stand-ins on PATH that check their arguments).
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import jpegTurbo from '@julusian/jpeg-turbo';
import { expect, test } from 'vitest';
import type { Report, ReportedFinding } from '../../daemon/cli/doctor-report.ts';
import { writeConfig } from '../support/configurations.ts';
import { runToEnd, startDaemon } from '../support/daemon.ts';
import { freePort, Mosquitto } from '../support/mosquitto.ts';
import { programPath, ROOT, testNeeding } from '../support/needs.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const testBroker = testNeeding({ programs: ['mosquitto'] });
const testFfmpeg = testNeeding({ programs: ['ffmpeg'] });
const SCENE = { source: { type: 'scene' }, detect: { width: 640, height: 384 } };

/** Runs `vedette doctor --json`; nothing but the document may stand on standard output. */
async function doctor(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const dataDir = tempDir();
  const { code, stdout, stderr } = await runToEnd(['doctor', '--json', '--data', dataDir, ...args], { env });
  expect(stdout, stderr).toMatch(/^\{/);
  const report = JSON.parse(stdout) as Report;
  const of = (check: string): ReportedFinding[] => report.findings.filter((one) => one.check === check);
  return { code, report, of, stderr, stdout };
}

/** PATH with these stand-ins (shell scripts) in front. */
function pathWith(programs: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const folder = tempDir();
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, name), 0o755);
  }
  return { PATH: `${folder}${delimiter}${process.env['PATH']}` };
}

test('without a configuration it looks at the board, and that there is none is a warning', async () => {
  const cwd = tempDir();
  const { code, stdout, stderr } = await runToEnd(['doctor'], { cwd, env: { VEDETTE_CONFIG: '' } });
  expect(code, stderr).toBe(0);
  expect(stdout).toMatch(/^warning {2}configuration {2}no configuration file: tried vedette\.yaml, /);
  expect(stdout).toMatch(/^ {22,}-> copy config\/vedette\.example\.yaml/m);
  expect(stdout).toMatch(/^ok {7}detector {7}model 'vedette-nano' on cpu, /m);
  expect(stdout).toMatch(/\n\d+ ok, \d+ warnings?, 0 faults\n$/);
  // Without a terminal there are no colours.
  expect(stdout).not.toContain('\u001b');
  expect(readdirSync(cwd)).toEqual([]);
});

testBroker('a camera and a broker that are well, beside a daemon that runs and stays connected', async () => {
  const broker = await Mosquitto.start();
  const config = writeConfig({
    device: { name: 'pi' },
    mqtt: { url: broker.url },
    cameras: { yard: SCENE, old: { ...SCENE, enabled: false } },
  });
  const dataDir = tempDir();
  const subscriber = await Subscriber.connect({ url: broker.url });
  const daemon = startDaemon(['run', '--config', config, '--data', dataDir]);
  await subscriber.waitFor(
    'the daemon',
    ({ topic, payload }) => topic === 'vedette/pi/status' && payload === 'online',
  );
  const { code, report, of, stderr } = await doctor(['--config', config, '--data', dataDir]);
  expect(code, stderr).toBe(0);
  expect(report).toMatchObject({ v: 1, device: 'pi', config, ok: true, counts: { fault: 0 } });
  expect(of('daemon')[0]).toMatchObject({ level: 'ok', facts: { pid: daemon.pid } });
  expect(of('broker')).toMatchObject([{ level: 'ok', message: expect.stringContaining('there and back') }]);
  expect(of('camera')).toMatchObject([
    { level: 'ok', subject: 'yard', facts: { width: 640, height: 384, frames: expect.any(Number) } },
    { level: 'ok', subject: 'old', message: 'disabled, not tried' },
  ]);
  expect(of('detector')[0]).toMatchObject({
    level: 'ok',
    facts: { model: 'vedette-nano', provider: 'cpu', inferenceMs: expect.any(Number) },
  });
  // No last will of the daemon: the doctor did not push it out.
  expect(subscriber.on('pi/status').map(({ payload }) => payload)).toEqual(['online']);
});

testFfmpeg(
  'a dead broker, a camera whose video is gone and one that sends nothing are faults, each with what to do',
  async () => {
    const url = `mqtt://127.0.0.1:${await freePort()}`;
    const config = writeConfig({
      mqtt: { url, user: 'me', password: 'hunter2' },
      cameras: {
        yard: SCENE,
        clip: { source: { type: 'file', path: 'gone.mp4' } },
        dumb: { source: { type: 'file', path: '/dev/zero' }, stallMs: 1000 },
      },
    });
    // A program that hangs and ignores TERM, in the place of ffmpeg, for the last camera only.
    const env = pathWith({
      ffmpeg: `case "$*" in *zero*) trap '' TERM; while :; do sleep 1; done;; esac\nexec ${programPath('ffmpeg')} "$@"`,
    });
    const { code, report, of, stderr, stdout } = await doctor(['--config', config], env);
    expect(code).toBe(1);
    expect(stderr).toContain('vedette: doctor: faults in: broker, camera clip, camera dumb');
    expect(report).toMatchObject({ ok: false });
    expect(of('broker')).toMatchObject([
      { level: 'fault', advice: expect.stringContaining('start the broker') },
    ]);
    expect(of('camera')).toMatchObject([
      { level: 'ok', subject: 'yard' },
      {
        level: 'fault',
        subject: 'clip',
        message: expect.stringContaining('gone.mp4'),
        advice: expect.stringContaining('path'),
      },
      { level: 'fault', subject: 'dumb', message: expect.stringContaining('no frame') },
    ]);
    expect(of('permissions')).toContainEqual(
      expect.objectContaining({
        level: 'warning',
        subject: 'secrets',
        message: expect.stringContaining(config),
      }),
    );
    expect(stdout + stderr).not.toContain('hunter2');
  },
);

const brightest = (pixels: Uint8Array): number => pixels.reduce((most, one) => Math.max(most, one), 0);

test('--picture writes a JPEG of the size of detect, with the privacy masks painted', async () => {
  const whole = [
    [0, 0],
    [1, 0],
    [1, 1],
    [0, 1],
  ];
  const config = writeConfig({
    mqtt: { embedded: { enabled: true, port: 0 } },
    cameras: { yard: SCENE, masked: { ...SCENE, masks: { all: { points: whole } } } },
  });
  const folder = tempDir();
  const pictureOf = async (camera: string) => {
    const path = join(folder, `it's "${camera}".jpg`);
    const { code, of } = await doctor(['--config', config, '--camera', camera, '--picture', path]);
    expect(code).toBe(0);
    expect(of('picture')).toMatchObject([{ level: 'ok', facts: { path } }]);
    return jpegTurbo.decompressSync(readFileSync(path), { format: jpegTurbo.FORMAT_GRAY });
  };
  const yard = await pictureOf('yard');
  expect(yard).toMatchObject({ width: 640, height: 384 });
  expect(brightest(yard.data)).toBeGreaterThan(100);
  const masked = await pictureOf('masked');
  expect(brightest(masked.data)).toBeLessThan(20);
});

test('without a configuration, --picture takes one of a Raspberry Pi camera', async () => {
  const path = join(tempDir(), 'a b;c.jpg');
  const take = 'while [ $# -gt 0 ]; do [ "$1" = --output ] && printf JPEG > "$2"; shift; done';
  const none = { VEDETTE_CONFIG: '/nowhere' };
  const { of } = await doctor(['--picture', path], { ...pathWith({ 'rpicam-still': take }), ...none });
  expect(of('picture')).toMatchObject([{ level: 'ok', subject: 'libcamera' }]);
  expect(readFileSync(path, 'utf8')).toBe('JPEG');
  const failing = pathWith({ 'rpicam-still': 'echo "*** no cameras available ***" >&2; exit 255' });
  const { code, of: findings } = await doctor(['--picture', path], { ...failing, ...none });
  expect(code).toBe(1);
  expect(findings('picture')).toMatchObject([
    { level: 'fault', message: expect.stringContaining('no cameras') },
  ]);
});

test('--picture takes none past the privacy masks of a configuration that cannot be used', async () => {
  const take = 'while [ $# -gt 0 ]; do [ "$1" = --output ] && printf JPEG > "$2"; shift; done';
  const env = pathWith({ 'rpicam-still': take });
  const path = join(tempDir(), 'picture.jpg');
  const broken = writeConfig({ cameras: { yard: { ...SCENE, stallMs: 'soon' } } });
  const { of: ofBroken } = await doctor(['--config', broken, '--picture', path], env);
  expect(ofBroken('picture')).toMatchObject([
    { level: 'fault', message: 'no picture: without a usable configuration its privacy masks are not known' },
  ]);
  const mqtt = { embedded: { enabled: true, port: 0 } };
  const disabled = writeConfig({ mqtt, cameras: { yard: { ...SCENE, enabled: false } } });
  const { of: ofDisabled } = await doctor(['--config', disabled, '--picture', path], env);
  expect(ofDisabled('picture')).toMatchObject([
    { level: 'fault', message: 'no picture: no camera is enabled' },
  ]);
  expect(existsSync(path)).toBe(false);
});

test('a Raspberry Pi camera is tried with rpicam-vid, its picture is taken with its settings by rpicam-still', async () => {
  const folder = tempDir();
  const path = join(folder, 'porch.jpg');
  const frames = `exec ${process.execPath} ${join(ROOT, 'test/support/fake-camera.ts')} --bytes ${(640 * 384 * 3) / 2} --interval 200 --frames 1000`;
  const take = `echo "$*" > ${folder}/args; while [ $# -gt 0 ]; do [ "$1" = --output ] && printf JPEG > "$2"; shift; done`;
  const source = {
    type: 'libcamera',
    camera: 1,
    rotation: 180,
    ev: -1,
    roi: [0, 0.25, 1, 0.5],
    mode: '2304:1296',
  };
  const config = writeConfig({
    mqtt: { embedded: { enabled: true, port: 0 } },
    cameras: { porch: { ...SCENE, source } },
  });
  const env = pathWith({ 'rpicam-vid': frames, 'rpicam-still': take });
  const { code, of, stderr } = await doctor(['--config', config, '--picture', path], env);
  expect(code, stderr).toBe(0);
  expect(of('camera')).toMatchObject([{ level: 'ok', subject: 'porch' }]);
  expect(readFileSync(path, 'utf8')).toBe('JPEG');
  expect(readFileSync(join(folder, 'args'), 'utf8')).toMatch(
    /^--output \S+\/picture\.jpg --timeout 2000 --nopreview --camera 1 --width 640 --height 384 --rotation 180 --ev=-1 --roi 0,0\.25,1,0\.5 --quality 90\n$/,
  );
});

test('--camera tries only that one, and a name that does not exist is a wrong command line', async () => {
  const config = writeConfig({
    mqtt: { embedded: { enabled: true, port: 0 } },
    cameras: { yard: SCENE, porch: SCENE },
  });
  const { code, of } = await doctor(['--config', config, '--camera', 'porch']);
  expect(code).toBe(0);
  expect(of('camera').map(({ subject }) => subject)).toEqual(['porch']);
  const wrong = await runToEnd(['doctor', '--config', config, '--camera', 'prch']);
  expect(wrong).toMatchObject({ code: 64, stdout: '' });
  expect(wrong.stderr).toContain("no camera 'prch' (there are: yard, porch)");
});

test('every problem of a configuration is a fault with its place', async () => {
  const config = writeConfig({
    cameras: { yard: { ...SCENE, stallMs: 1 } },
    rules: { r: { trigger: { type: 'enter', zone: 'porch' } } },
  });
  const { code, of } = await doctor(['--config', config]);
  expect(code).toBe(1);
  expect(of('configuration')).toEqual([
    expect.objectContaining({
      level: 'fault',
      facts: expect.objectContaining({ path: 'cameras.yard.stallMs', line: expect.any(Number) }),
    }),
  ]);
  expect(of('camera')).toMatchObject([{ level: 'ok', message: expect.stringContaining('not looked at') }]);
  const missing = await doctor(['--config', '/nowhere/vedette.yaml']);
  expect(missing.code).toBe(1);
  expect(missing.of('configuration')).toMatchObject([{ level: 'fault' }]);

  const folder = await doctor(['--config', '/tmp']);
  expect(folder.of('configuration')[0]?.message).toBe('tmp:1:1 is a folder, not a file');
});

test('a Raspberry Pi with a weak supply, a CSI camera and a USB camera, by stand-ins for its tools', async () => {
  const env = pathWith({
    vcgencmd: '[ "$*" = get_throttled ] && echo throttled=0x50005',
    timedatectl: '[ "$*" = "show --property NTPSynchronized --value" ] && echo no',
    'rpicam-hello': `[ "$*" = --list-cameras ] && echo "0 : imx708 [4608x2592 10-bit RGGB] (/base/soc/i2c0mux/i2c@1/imx708@1a)"`,
    systemctl: 'echo LoadState=loaded; echo ActiveState=failed; echo SubState=failed; echo NRestarts=10',
  });
  const { code, of } = await doctor([], { ...env, VEDETTE_CONFIG: '/nowhere' });
  expect(code).toBe(1);
  expect(of('power')).toMatchObject([{ level: 'fault', message: 'now: under-voltage, throttled' }]);
  expect(of('clock')).toMatchObject([
    { level: 'warning', message: expect.stringContaining('not synchronised') },
  ]);
  expect(of('devices')).toContainEqual(
    expect.objectContaining({
      level: 'ok',
      subject: 'libcamera',
      message: 'camera 0: imx708, up to 4608x2592',
    }),
  );
  expect(of('daemon')[1]).toMatchObject({ level: 'fault', advice: expect.stringContaining('journalctl') });
});

test('a service that runs with another data folder than the one looked at is told', async () => {
  const env = pathWith({
    systemctl:
      'echo LoadState=loaded; echo ActiveState=active; echo SubState=running; echo UnitFileState=enabled',
  });
  const { of } = await doctor([], { ...env, VEDETTE_CONFIG: '/nowhere' });
  expect(of('daemon')).toMatchObject([
    { level: 'warning', advice: expect.stringContaining('--data /var/lib/vedette') },
    { level: 'ok', subject: 'vedette.service' },
  ]);
});

test('a library that does not fit and providers that cannot work are told with what to do, the detector is well all the same', async () => {
  const folder = tempDir();
  writeFileSync(
    join(folder, 'libonnxruntime.so.1'),
    'not a library, though it has the name of one, and is as long as one must be',
  );
  const config = writeConfig({
    mqtt: { embedded: { enabled: true, port: 0 } },
    detector: { library: folder },
    cameras: { yard: { ...SCENE, enabled: false } },
  });
  const { of } = await doctor(['--config', config, '--data', tempDir(), '--providers', 'xnnpack, cpu']);
  expect(of('detector')).toMatchObject([
    { level: 'ok', facts: { provider: 'cpu' } },
    {
      level: 'warning',
      subject: 'library',
      message: expect.stringMatching(/libonnxruntime\.so\.1 is no shared library; using ONNX Runtime \d/),
      advice: expect.stringContaining('docs/providers.md'),
      facts: { bundled: true, version: expect.stringMatching(/^\d+\.\d+\.\d+$/) },
    },
    {
      level: 'warning',
      subject: 'xnnpack',
      message: expect.stringMatching(/^not used: not in this build of onnx runtime/),
      advice: expect.stringMatching(/^this build has cpu/),
    },
  ]);
  const { code, stderr } = await runToEnd(['doctor', '--config', config, '--providers', 'gpu']);
  expect(code).toBe(64);
  expect(stderr).toMatch(/--providers: must be a list of auto, tensorrt, cuda, .* \(got 'gpu'\)/);
});

test('a tool that hangs for ever costs its own check and nothing else', async () => {
  const env = pathWith({ 'rpicam-hello': 'trap "" TERM; while :; do sleep 1; done' });
  const { of } = await doctor([], { ...env, VEDETTE_CONFIG: '/nowhere' });
  expect(of('devices')).toMatchObject([
    { level: 'warning', subject: 'libcamera', message: expect.stringContaining('did not end') },
  ]);
  expect(of('detector')[0]).toMatchObject({ level: 'ok' });
});

test('Ctrl-C ends it, its runtime folder goes with it', async () => {
  const runtime = join(tempDir(), 'run');
  mkdirSync(runtime);
  const env = {
    ...pathWith({ 'rpicam-hello': 'sleep 600' }),
    RUNTIME_DIRECTORY: runtime,
    VEDETTE_CONFIG: '/nowhere',
  };
  const running = startDaemon(['doctor'], { env });
  await waitFor('the first lines', () => running.stdout().includes('configuration'));
  running.kill('SIGINT');
  expect(await running.exited).toBe(1);
  expect(running.stdout()).toContain('not done: interrupted');
  expect(readdirSync(runtime)).toEqual([]);
});
