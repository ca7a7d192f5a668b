// `vedette scene` as a real child: exact frames through a real pipe, truth on descriptor 3, a quiet end.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { videoStream } from '../../daemon/scene/descriptors.ts';
import { Scene } from '../../daemon/scene/scene.ts';
import type { TruthFrame } from '../../daemon/scene/truth.ts';
import { ROOT } from '../support/needs.ts';

const SIZE = ['--width', '320', '--height', '192'] as const;
const FRAME_BYTES = (320 * 192 * 3) / 2;

function start(args: readonly string[], truth: boolean): ChildProcess {
  return spawn(process.execPath, [join(ROOT, 'daemon/main.ts'), 'scene', ...args], {
    stdio: truth ? ['ignore', 'pipe', 'pipe', 'pipe'] : ['ignore', 'pipe', 'pipe'],
  });
}

async function allOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test('frames and truth arrive whole, and are those of the scene', async () => {
  const child = start([...SIZE, '--frames', '12', '--pace', 'fast', '--seed', '4', '--time', 'dusk'], true);
  const exited = once(child, 'exit');
  const [video, truth, errors] = await Promise.all([
    allOf(child.stdout!),
    allOf(child.stdio[3] as Readable),
    allOf(child.stderr!),
  ]);
  expect(await exited).toEqual([0, null]);
  expect(errors.toString()).toBe('');
  expect(video.length).toBe(12 * FRAME_BYTES);
  const lines = truth.toString().trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as TruthFrame).frame)).toEqual([...Array(12).keys()]);
  const scene = new Scene({ width: 320, height: 192, seed: 4, time: 'dusk' });
  scene.render(11);
  expect(video.subarray(11 * FRAME_BYTES).equals(scene.frame)).toBe(true);
});

test('without descriptor 3 there is video alone', async () => {
  const child = start([...SIZE, '--frames', '3', '--pace', 'fast'], false);
  const exited = once(child, 'exit');
  const [video, errors] = await Promise.all([allOf(child.stdout!), allOf(child.stderr!)]);
  expect(await exited).toEqual([0, null]);
  expect(video.length).toBe(3 * FRAME_BYTES);
  expect(errors.toString()).toBe('');
});

test('it ends quietly when the reader goes away', async () => {
  const child = start([...SIZE, '--pace', 'fast'], true);
  const exited = once(child, 'exit');
  const errors = allOf(child.stderr!);
  (child.stdio[3] as Readable).resume();
  await Promise.race([once(child.stdout!, 'data'), exited]);
  child.stdout!.destroy();
  expect(await exited).toEqual([0, null]);
  expect((await errors).toString()).toBe('');
});

test('a truth reader that goes away costs no frame', async () => {
  const child = start([...SIZE, '--frames', '30', '--pace', 'fast'], true);
  const exited = once(child, 'exit');
  (child.stdio[3] as Readable).destroy();
  const video = await allOf(child.stdout!);
  expect(await exited).toEqual([0, null]);
  expect(video.length).toBe(30 * FRAME_BYTES);
});

test('SIGTERM ends it although nobody reads', async () => {
  const child = start([...SIZE, '--pace', 'fast'], false);
  const exited = once(child, 'exit');
  // The first bytes prove that it runs; then the pipe fills up and it waits.
  await Promise.race([once(child.stdout!, 'readable'), exited]);
  child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
});

test('a size that cannot be drawn is one clear line', async () => {
  const child = start(['--width', '1000'], false);
  const exited = once(child, 'exit');
  const [video, errors] = await Promise.all([allOf(child.stdout!), allOf(child.stderr!)]);
  expect((await exited)[0]).not.toBe(0);
  expect(video.length).toBe(0);
  expect(errors.toString()).toMatch(/scene width: must be a multiple of 64 from 320 to 1920 \(got 1000\)\n$/);
});

test.skipIf(!existsSync('/dev/ptmx'))('raw video is not written to a terminal', () => {
  const terminal = openSync('/dev/ptmx', 'r+');
  try {
    expect(() => videoStream(terminal)).toThrow(expect.objectContaining({ code: 'USAGE' }) as Error);
  } finally {
    closeSync(terminal);
  }
});
