import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import jpegTurbo from '@julusian/jpeg-turbo';
import { describe, expect, test } from 'vitest';
import { type PhotosOptions, readPhotos, type SkippedPhoto } from '../../daemon/models/photos.ts';
import { decodePicture, type Picture } from '../../daemon/models/picture.ts';
import { errorOf } from '../support/errors.ts';
import { folderWith, plainJpeg } from '../support/photos.ts';
import { tempDir } from '../support/temp-dir.ts';

async function photosIn(folder: string, options?: PhotosOptions): Promise<Picture[]> {
  const photos: Picture[] = [];
  for await (const photo of readPhotos(folder, options)) photos.push(photo);
  return photos;
}

const names = (photos: readonly Picture[]): string[] => photos.map(({ name }) => name);

describe('a picture', () => {
  test('is read with its size and its colours', () => {
    const { name, width, height, rgb } = decodePicture('a.jpg', plainJpeg(20, 10));
    expect([name, width, height, rgb.length]).toEqual(['a.jpg', 20, 10, 600]);
    for (const [channel, value] of [200, 100, 50].entries()) {
      expect(Math.abs(rgb[300 + channel]! - value)).toBeLessThanOrEqual(3);
    }
  });

  test('in grey is read as one in colour', () => {
    const grey = jpegTurbo.compressSync(Buffer.alloc(256, 128), {
      width: 16,
      height: 16,
      format: jpegTurbo.FORMAT_GRAY,
      subsampling: jpegTurbo.SAMP_GRAY,
    });
    expect([...decodePicture('grey.jpg', grey).rgb.slice(0, 3)]).toEqual([128, 128, 128]);
  });

  test('that claims more pixels than fit into memory is refused before it is decoded', async () => {
    const jpeg = plainJpeg(16, 16);
    const header = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
    jpeg.writeUInt16BE(60_000, header + 5);
    jpeg.writeUInt16BE(60_000, header + 7);
    const { message } = await errorOf(() => decodePicture('huge.jpg', jpeg), 'PHOTO_UNREADABLE');
    expect(message).toContain('huge.jpg: is 60000x60000 pixels (limits 1 and 40000000)');
  });

  test('that is cut off anywhere, or is something else, is told and never crashes', async () => {
    const jpeg = plainJpeg(64, 64);
    for (let end = 0; end < jpeg.length - 2; end += 7) {
      await errorOf(() => decodePicture('cut.jpg', jpeg.subarray(0, end)), 'PHOTO_UNREADABLE');
    }
    await errorOf(() => decodePicture('text.jpg', Buffer.from('no picture')), 'PHOTO_UNREADABLE');
  });
});

describe('a folder of photos', () => {
  test('is read in the order of the names, 2 before 10, up to a limit', async () => {
    const jpeg = plainJpeg(8, 8);
    const folder = folderWith({ '10.jpg': jpeg, '2.JPEG': jpeg, '1.jpg': jpeg, '1.txt': '' });
    expect(names(await photosIn(folder))).toEqual(['1.jpg', '2.JPEG', '10.jpg']);
    expect(names(await photosIn(folder, { limit: 2 }))).toEqual(['1.jpg', '2.JPEG']);
  });

  test('gives the same sample for the same seed, and another for another', async () => {
    const jpeg = plainJpeg(8, 8);
    const files = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`${index}.jpg`, jpeg]));
    const folder = folderWith(files);
    const sample = async (seed: number): Promise<string[]> =>
      names(await photosIn(folder, { limit: 10, seed }));
    const first = await sample(1);
    expect(new Set(first).size).toBe(10);
    expect(await sample(1)).toEqual(first);
    expect(await sample(2)).not.toEqual(first);
  });

  test('passes over what is damaged or no JPEG, names it, and goes on to the limit', async () => {
    const folder = folderWith({
      'a.jpg': 'no picture',
      'b.png': '',
      'c.jpg': plainJpeg(8, 8),
      'notes.txt': '',
    });
    mkdirSync(join(folder, 'd.jpg'));
    const skipped: SkippedPhoto[] = [];
    const photos = await photosIn(folder, { onSkip: (one) => skipped.push(one) });
    expect(names(photos)).toEqual(['c.jpg']);
    expect(skipped.map(({ name }) => name)).toEqual(['b.png', 'a.jpg', 'd.jpg']);
    expect(skipped[0]!.reason).toContain('convert it');
    expect(skipped[1]!.reason).toContain('is not a JPEG');
  });

  test('that is not there, is empty, or holds nothing that can be read is an error that names it', async () => {
    const empty = tempDir();
    expect((await errorOf(photosIn(empty), 'PHOTOS_NOT_FOUND')).message).toBe(
      `folder ${empty} holds no photo (.jpg, .jpeg)`,
    );
    const gone = join(empty, 'gone');
    expect((await errorOf(photosIn(gone), 'PHOTOS_NOT_FOUND')).message).toContain(`${gone} does not exist`);
    const bad = folderWith({ 'a.jpg': 'no picture' });
    expect((await errorOf(photosIn(bad), 'PHOTOS_NOT_FOUND')).message).toContain('no photo that can be read');
  });
});
