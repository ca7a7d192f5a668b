// Photos in files, plain or of the built-in scene, and folders of labelled ones.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import jpegTurbo from '@julusian/jpeg-turbo';
import { JpegEncoder } from '../../daemon/camera/jpeg.ts';
import type { Box } from '../../daemon/core/types.ts';
import { Scene } from '../../daemon/scene/scene.ts';
import { tempDir } from './temp-dir.ts';

/** A JPEG of one colour. */
export function plainJpeg(
  width: number,
  height: number,
  [red, green, blue]: readonly [number, number, number] = [200, 100, 50],
): Buffer {
  const pixels = Buffer.alloc(width * height * 3);
  for (let at = 0; at < pixels.length; at += 3) pixels.set([red, green, blue], at);
  return jpegTurbo.compressSync(pixels, { width, height, format: jpegTurbo.FORMAT_RGB, quality: 95 });
}

/** A fresh folder with these files, those of folders below it included. */
export function folderWith(files: Readonly<Record<string, Uint8Array | string>>): string {
  const folder = tempDir();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}

/** A line of a .txt in YOLO form. */
export function boxLine(label: number, { x, y, width, height }: Box): string {
  return [label, ...[x + width / 2, y + height / 2, width, height].map((value) => value.toFixed(5))].join(
    ' ',
  );
}

/** Frames of the scene as photos, a second apart, with its people and nothing else labelled. */
export function scenePhotos(count: number): string {
  const scene = new Scene({ seed: 7, fps: 1 });
  const encoder = new JpegEncoder(scene.options, 90);
  const files: Record<string, Uint8Array | string> = {
    'dataset.json': JSON.stringify({ classes: ['person', 'dog'], labelled: ['person'] }),
  };
  for (let frame = 0, taken = 0; taken < count; frame += 1) {
    const people = scene
      .render(frame)
      .objects.filter(({ label, scoreable }) => label === 'person' && scoreable);
    if (people.length === 0) continue;
    files[`${taken}.jpg`] = encoder.encode(scene.frame);
    files[`${taken}.txt`] = people.map(({ box, boxSeen }) => boxLine(0, boxSeen ?? box)).join('\n');
    taken += 1;
  }
  return folderWith(files);
}
