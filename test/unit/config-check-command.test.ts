// `vedette check` in this process: what it prints, and that everything wrong comes in one error.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { checkCommand } from '../../daemon/cli/check.ts';
import { VedetteError } from '../../daemon/platform/errors.ts';
import { SimClock } from '../support/sim-clock.ts';
import { tempDir } from '../support/temp-dir.ts';

let stdout = '';
let stderr = '';

beforeEach(() => {
  stdout = '';
  stderr = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    stdout += String(chunk);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => {
    stderr += String(chunk);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** Runs the command on a configuration; the error it ended with, if any. */
async function check(text: string, ...flags: string[]): Promise<VedetteError | undefined> {
  const path = join(tempDir(), 'my.yaml');
  writeFileSync(path, text);
  return run('--config', path, ...flags);
}

async function run(...args: string[]): Promise<VedetteError | undefined> {
  const context = {
    signal: new AbortController().signal,
    onHangup: () => undefined,
    clock: new SimClock(),
    version: '1.2.3',
  };
  try {
    await checkCommand(context).exitOverride().parseAsync(args, { from: 'user' });
    return undefined;
  } catch (error) {
    if (error instanceof VedetteError) return error;
    throw error;
  }
}

/** A folder on PATH with nothing but an ffmpeg that cannot do anything. */
function pathWithFfmpeg(): string {
  const folder = tempDir();
  writeFileSync(join(folder, 'ffmpeg'), '#!/bin/false\n', { mode: 0o755 });
  return folder;
}

const GOOD = 'mqtt: {user: me, password: hunter2}\ncameras: {yard: {source: {type: scene}}}\n';

describe('a configuration that is right', () => {
  test('gets one line per thing that was looked at', async () => {
    vi.stubEnv('PATH', pathWithFfmpeg());
    const cameras = `${GOOD.trim().slice(0, -1)}, door: {source: {type: file, path: /dev/null}}, old: {enabled: false, source: {type: file, path: gone.mp4}}}\n`;
    expect(await check(cameras)).toBeUndefined();
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n')).toEqual([
      expect.stringMatching(/^ok {2}.*my\.yaml: 3 cameras, 0 rules \(1 camera disabled\)$/),
      expect.stringMatching(/^ok {2}model 'vedette-nano': .*\.onnx is whole; /),
      "ok  camera 'yard': the built-in scene, needs nothing",
      expect.stringMatching(/^ok {2}camera 'door': video \/dev\/null, read with .*\/ffmpeg$/),
      "ok  camera 'old': disabled, not looked at",
    ]);
  });

  test('is printed whole as YAML on standard output, without its password', async () => {
    expect(await check(GOOD, '--print')).toBeUndefined();
    expect(parse(stdout)).toMatchObject({
      mqtt: { user: 'me', password: '[hidden]', keepaliveS: 30 },
      cameras: { yard: { source: { type: 'scene', time: 'day' } } },
    });
    expect(stderr).toContain('ok  camera');
    expect(stdout + stderr).not.toContain('hunter2');
  });

  test('is one JSON object with --json', async () => {
    expect(await check(GOOD, '--json', '--print')).toBeUndefined();
    expect(JSON.parse(stdout)).toMatchObject({
      ok: true,
      version: '1.2.3',
      problems: [],
      checks: expect.arrayContaining([expect.stringContaining("camera 'yard'")]),
      config: { mqtt: { password: '[hidden]' } },
    });
    await check(GOOD, '--json');
    expect(stdout).not.toContain('hunter2');
  });
});

describe('a configuration that is wrong', () => {
  const WRONG = [
    'rules:',
    '  r: {trigger: {type: enter, zone: porch}, labels: [unicorn]}',
    'cameras:',
    '  yard: {source: {type: scene}}',
    '  door: {source: {type: file, path: gone.mp4}}',
    '',
  ].join('\n');

  test('ends in one error with the semantic problems, the labels, the programs and the videos', async () => {
    vi.stubEnv('PATH', tempDir());
    const error = await check(WRONG);
    expect(error?.code).toBe('CONFIG_INVALID');
    expect(error?.message.split('\n')).toEqual([
      "my.yaml:2:36 rules.r.trigger.zone: no camera has a zone 'porch' (there are none)",
      expect.stringMatching(
        /^my\.yaml:2:53 rules\.r\.labels\[0\]: the model does not know the label 'unicorn' \(/,
      ),
      'my.yaml:5:25 cameras.door.source.type: ffmpeg is not on PATH: install it (apt install ffmpeg)',
      expect.stringMatching(/^my\.yaml:5:37 cameras\.door\.source\.path: \/.*\/gone\.mp4 does not exist$/),
    ]);
    expect(stdout).toBe('');
  });

  test('gives its problems as fields with --json', async () => {
    expect(await check('cameras: 1\n', '--json')).toMatchObject({ code: 'CONFIG_INVALID' });
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      problems: [{ file: 'my.yaml', line: 1, column: 10, path: 'cameras' }],
    });
  });

  test('a problem of the schema does not hide the semantic ones', async () => {
    const error = await check(`mqtt: {keepaliveS: 1}\ntrack: {scoreLow: 0.9}\n${GOOD.split('\n')[1]}\n`);
    expect(error?.message.split('\n')).toEqual([
      'my.yaml:1:20 mqtt.keepaliveS: must be at least 5 (got 1)',
      'my.yaml:2:19 track.scoreLow: must be at most track.scoreMin, 0.5 (got 0.9)',
    ]);
  });

  test('a lighter model that is not there is a problem at its key', async () => {
    const error = await check(`detector: {lighter: gone}\n${GOOD}`);
    expect(error?.message).toMatch(
      /^my\.yaml:1:21 detector\.lighter: model 'gone': .*there are .*vedette-nano/,
    );
  });

  test('a model that is not there is a problem at its key', async () => {
    const error = await check(`detector: {model: gone}\n${GOOD}`);
    expect(error?.message).toMatch(
      /^my\.yaml:1:19 detector\.model: model 'gone': .*there are .*vedette-nano/,
    );
  });

  test('no configuration at all names the file that was looked for', async () => {
    const error = await run('--config', '/nowhere/v.yaml', '--json');
    expect(error).toMatchObject({ code: 'CONFIG_NOT_FOUND' });
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      problems: [{ message: expect.stringContaining('/nowhere/v.yaml') }],
    });
  });
});
