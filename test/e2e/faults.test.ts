// Wrong configuration, missing model, occupied port, unusable data folder: one clear error each, nothing lost.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { connect } from 'mqtt';
import { describe, expect, onTestFinished, test } from 'vitest';
import { smallDisk, testMounting } from '../fixtures/store/harness.ts';
import { busyScene, writeConfig } from '../support/configurations.ts';
import { runToEnd, startDaemon } from '../support/daemon.ts';
import { freePort } from '../support/mosquitto.ts';
import { ROOT } from '../support/needs.ts';
import { Subscriber } from '../support/subscriber.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const EMBEDDED = { embedded: { enabled: true, port: 0 } };

describe('what needs the owner ends the start with exit code 78', () => {
  test('a configuration with three mistakes tells all three, with line and column', async () => {
    const path = join(tempDir(), 'vedette.yaml');
    const text = [
      'mqtt:',
      '  keepaliveS: 1',
      '  keepalive: 30',
      'cameras:',
      '  porch:',
      '    source: { type: scene }',
      'rules:',
      '  visitor:',
      '    trigger: { type: enter, zone: door }',
    ];
    writeFileSync(path, text.join('\n'));
    const { code, stderr, stdout } = await runToEnd(['run', '--config', path, '--data', tempDir()]);
    expect(code).toBe(78);
    expect(stdout).toBe('');
    expect(stderr).toContain('vedette.yaml:2:15 mqtt.keepaliveS: must be at least 5 (got 1)');
    expect(stderr).toMatch(
      /vedette\.yaml:3:3 mqtt\S*: unknown key 'keepalive' \(did you mean 'keepaliveS'\?\)/,
    );
    expect(stderr).not.toContain('    at ');
  });

  test('a rule for a zone that no camera has is told where it stands', async () => {
    const config = writeConfig({
      ...busyScene(),
      rules: { a: { trigger: { type: 'enter', zone: 'nowhere' } } },
    });
    const { code, stderr } = await runToEnd(['run', '--config', config, '--data', tempDir()]);
    expect(code).toBe(78);
    expect(stderr).toMatch(/vedette\.yaml:\d+:\d+ rules\.a\.trigger\.zone: .*nowhere/);
  });

  test('no configuration names the paths tried and the demo', async () => {
    const { code, stderr } = await runToEnd(['run', '--config', '/nonexistent/vedette.yaml']);
    expect(code).toBe(78);
    expect(stderr).toContain('/nonexistent/vedette.yaml');
  });

  test('a data folder that is a file', async () => {
    const file = join(tempDir(), 'data');
    writeFileSync(file, '');
    const { code, stderr } = await runToEnd(['run', '--config', writeConfig(busyScene()), '--data', file]);
    expect(code).toBe(78);
    expect(stderr).toContain(file);
    expect(stderr).not.toContain('    at ');
  });

  const testRoot = process.getuid?.() === 0 ? test : test.skip;
  testRoot('a read-only data folder (needs root: a tmpfs mounted read-only)', async () => {
    const folder = join(tempDir(), 'readonly');
    mkdirSync(folder);
    const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro,size=1m', 'tmpfs', folder]);
    expect(mount.status, mount.stderr.toString()).toBe(0);
    onTestFinished(() => void spawnSync('umount', [folder]));
    const { code, stderr } = await runToEnd(['run', '--config', writeConfig(busyScene()), '--data', folder]);
    expect(code).toBe(78);
    expect(stderr).toContain(folder);
    expect(stderr).toMatch(/read-only/);
  });

  test('an embedded broker open to the network without a password', async () => {
    const config = writeConfig({
      mqtt: { embedded: { enabled: true, host: '0.0.0.0', port: 0 } },
      ...busyScene(),
    });
    const { code, stderr } = await runToEnd(['run', '--config', config, '--data', tempDir()]);
    expect(code).toBe(78);
    expect(stderr).toMatch(/0\.0\.0\.0/);
    expect(stderr).toMatch(/password/);
  });
});

test('an embedded broker with user and password takes the daemon itself and no stranger', async () => {
  const embedded = { enabled: true, port: 0, user: 'owner', password: 'only-for-this-test' };
  const config = writeConfig({ log: { format: 'json' }, mqtt: { embedded }, ...busyScene() });
  const daemon = startDaemon(['run', '--config', config, '--data', tempDir()]);
  const url = await waitFor('the broker', () => /"broker":"(mqtt:[^"]+)"/.exec(daemon.stderr())?.[1]);
  const subscriber = await Subscriber.connect({ url, user: embedded.user, password: embedded.password });
  await subscriber.waitFor(
    'the status',
    ({ topic, payload }) => topic.endsWith('/status') && payload === 'online',
  );
  const stranger = connect(url, { reconnectPeriod: 0 });
  onTestFinished(() => void stranger.end(true));
  const refusal = await new Promise<Error>((resolve) => stranger.once('error', resolve));
  expect(refusal.message).toMatch(/not authorized|bad user/i);
  expect(daemon.stderr()).not.toContain(embedded.password);
});

describe('what mends itself is a state that is shown and left again', () => {
  test('a missing model, then a corrupt one, then a good one', async () => {
    const folder = join(tempDir(), 'model');
    const away = `${folder}-away`;
    cpSync(join(ROOT, 'models/vedette-nano'), away, { recursive: true });
    const config = writeConfig({
      log: { format: 'json' },
      mqtt: { ...EMBEDDED, healthS: 1 },
      detector: { model: folder },
      ...busyScene(),
    });
    const daemon = startDaemon(['run', '--config', config, '--data', tempDir()]);
    await waitFor('MODEL_NOT_FOUND', () => daemon.stderr().includes('MODEL_NOT_FOUND'), 60_000);
    const url = await waitFor('the broker', () => /"broker":"(mqtt:[^"]+)"/.exec(daemon.stderr())?.[1]);
    const subscriber = await Subscriber.connect({ url });
    await subscriber.waitFor(
      'the state in health',
      ({ topic, payload }) => topic.endsWith('/health') && payload.includes('"down"'),
    );

    const weights = join(away, 'model-int8.onnx');
    const good = readFileSync(weights);
    const bad = Buffer.from(good);
    bad[1000]! ^= 1;
    writeFileSync(weights, bad);
    renameSync(away, folder);
    await waitFor('MODEL_CORRUPT', () => daemon.stderr().includes('MODEL_CORRUPT'), 90_000);

    writeFileSync(join(folder, 'model-int8.onnx'), good);
    await subscriber.waitFor('detections', ({ topic }) => topic.endsWith('/detections'));
    daemon.kill('SIGTERM');
    expect(await daemon.exited).toBe(0);
  });

  test('a busy port is told once and taken when it is free; the demo takes the next one', async () => {
    const port = await freePort();
    const strangers: string[] = [];
    const blocker = createServer((socket) => {
      strangers.push('connected');
      socket.destroy();
    }).listen(port, '127.0.0.1');
    onTestFinished(() => void blocker.close());
    const config = writeConfig({ mqtt: { embedded: { enabled: true, port }, retryMaxS: 1 }, ...busyScene() });
    const daemon = startDaemon(['run', '--config', config, '--data', tempDir()]);
    await waitFor('MQTT_EMBEDDED_PORT', () => daemon.stderr().includes('MQTT_EMBEDDED_PORT'), 60_000);

    const demo = startDaemon(['demo', '--data', tempDir(), '--port', String(port)]);
    const url = await waitFor(
      'the demo broker',
      () => /broker +(mqtt:\/\/\S+)/.exec(demo.stdout())?.[1],
      60_000,
    );
    expect(Number(new URL(url).port)).toBeGreaterThan(port);
    demo.kill('SIGINT');
    expect(await demo.exited).toBe(0);

    // Somebody else's program got neither our messages nor our password.
    expect(strangers).toEqual([]);
    await new Promise((resolve) => blocker.close(resolve));
    const subscriber = await waitFor(
      'the freed port',
      () => Subscriber.connect({ url: `mqtt://127.0.0.1:${port}` }).catch(() => undefined),
      60_000,
    );
    await subscriber.waitFor(
      'the status',
      ({ topic, payload }) => topic.endsWith('/status') && payload === 'online',
    );
    expect(daemon.stderr().match(/MQTT_EMBEDDED_PORT/g)).toHaveLength(1);
    daemon.kill('SIGTERM');
    expect(await daemon.exited).toBe(0);
  });
});

testMounting()(
  'a stop while the disk is full tries for its five seconds, then says what could not be written',
  async () => {
    const { path } = smallDisk('12m');
    const config = writeConfig({
      log: { format: 'json' },
      mqtt: EMBEDDED,
      store: { reserveMb: 0 },
      snapshots: { enabled: false },
      ...busyScene(),
    });
    const daemon = startDaemon(['run', '--config', config, '--data', path]);
    await waitFor('an alert', () => daemon.stderr().includes('"part":"alert"'), 60_000);
    // Up to the last block, and ends with an error for it.
    spawnSync('dd', ['if=/dev/zero', `of=${join(path, 'filler')}`, 'bs=4k'], { stdio: 'ignore' });
    await waitFor('the disk to refuse', () => daemon.stderr().includes('"store-problem"'), 60_000);
    daemon.kill('SIGTERM');
    expect(await daemon.exited).toBe(0);
    expect(daemon.stderr()).toMatch(/stopping with \d+ batches \(\d+ alerts\) not written/);
    expect(daemon.stderr()).not.toContain('store did not stop within');
  },
);

describe('the command line', () => {
  test('--help names every command, --version the version of package.json', async () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    const help = await runToEnd(['--help']);
    expect(help.code).toBe(0);
    for (const command of ['demo', 'run', 'check', 'scene'])
      expect(help.stdout).toMatch(new RegExp(`^ {2}${command}\\b`, 'm'));
    expect(await runToEnd(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('an unknown command or option is exit 64 with a suggestion', async () => {
    const command = await runToEnd(['rum']);
    expect(command.code).toBe(64);
    expect(command.stderr).toMatch(/run/);
    const option = await runToEnd(['run', '--confg', 'x']);
    expect(option.code).toBe(64);
    expect(option.stderr).toMatch(/--config/);
  });
});
