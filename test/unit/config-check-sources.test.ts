// What `vedette check` says about every kind of source: the program to install, the file or device that is missing.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { checkSources } from '../../daemon/cli/check-sources.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import { tempDir } from '../support/temp-dir.ts';

/** Findings with these programs, and no others, on PATH. */
async function look(sources: Record<string, object>, ...programs: string[]) {
  const folder = tempDir();
  for (const name of programs) writeFileSync(join(folder, name), '#!/bin/false\n', { mode: 0o755 });
  vi.stubEnv('PATH', folder);
  onTestFinished(() => void vi.unstubAllEnvs());
  const cameras = Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, { source }]));
  const { good, faults } = await checkSources(configSchema.parse({ cameras }));
  return {
    good: good.map((line) => line.replaceAll(`${folder}/`, '')),
    faults: faults.map(({ path, message }) => `${path.slice(1).join('.')}: ${message}`),
  };
}

const NETWORK = {
  drive: { type: 'rtsp', url: 'rtsp://cam:8554/a', user: 'me', password: 'hunter2' },
  barn: { type: 'http', url: 'https://cam/a?key=hunter3' },
};

test('a source that has what it needs gets one line, without its secrets', async () => {
  const folder = tempDir();
  writeFileSync(join(folder, '1.jpg'), '');
  const sources = {
    album: { type: 'folder', path: folder },
    garden: { type: 'libcamera' },
    workshop: { type: 'v4l2', device: '/dev/null' },
    gate: { type: 'argus' },
    ...NETWORK,
    lab: { type: 'command', command: ['my-camera'] },
    shed: { type: 'command', command: [process.execPath] },
  };
  const { good, faults } = await look(sources, 'ffmpeg', 'libcamera-vid', 'gst-launch-1.0', 'my-camera');
  expect(faults).toEqual([]);
  expect(good).toEqual([
    `camera 'album': pictures in ${folder}, read with ffmpeg`,
    "camera 'garden': Raspberry Pi camera 0, read with libcamera-vid",
    "camera 'workshop': device /dev/null, read with ffmpeg",
    "camera 'gate': Jetson camera 0, read with gst-launch-1.0",
    "camera 'drive': network camera cam:8554 (not asked), read with ffmpeg",
    "camera 'barn': network camera cam (not asked), read with ffmpeg",
    "camera 'lab': a command, read with my-camera",
    `camera 'shed': command ${process.execPath}`,
  ]);
});

test('a program that is missing is named with its package', async () => {
  const { faults } = await look({
    garden: { type: 'libcamera' },
    gate: { type: 'argus' },
    ...NETWORK,
    lab: { type: 'command', command: ['my-camera'] },
  });
  expect(faults).toEqual([
    'garden.source.type: rpicam-vid is not on PATH: install it (apt install rpicam-apps)',
    'gate.source.type: gst-launch-1.0 is not on PATH: install it (apt install gstreamer1.0-tools)',
    'drive.source.type: ffmpeg is not on PATH: install it (apt install ffmpeg)',
    'barn.source.type: ffmpeg is not on PATH: install it (apt install ffmpeg)',
    'lab.source.command: my-camera is not on PATH',
  ]);
});

test('a file, folder or device that cannot be used is told at its key', async () => {
  const folder = tempDir();
  const file = join(folder, 'file');
  writeFileSync(file, '');
  mkdirSync(join(folder, 'empty'));
  const sources = {
    a: { type: 'folder', path: file },
    b: { type: 'folder', path: join(folder, 'empty') },
    c: { type: 'v4l2', device: '/dev/no-camera' },
    d: { type: 'v4l2', device: file },
    e: { type: 'command', command: [file] },
    f: { type: 'file', path: folder },
  };
  const { good, faults } = await look(sources, 'ffmpeg');
  expect(good).toEqual([]);
  expect(faults).toEqual([
    `a.source.path: ${file} is not a folder`,
    `b.source.path: ${folder}/empty holds no .jpg and no .png`,
    'c.source.device: /dev/no-camera does not exist',
    `d.source.device: ${file} is not a device`,
    `e.source.command: ${file} cannot be run (EACCES)`,
    `f.source.path: ${folder} is a folder, not a video`,
  ]);
});
