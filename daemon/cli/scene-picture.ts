// One picture of the built-in scene, for a model to prove itself on: a street by day with somebody in it. Main thread of a command.
import type { Picture } from '../models/picture.ts';

const SIZE = { width: 640, height: 384 };
/** Frames of the scene, one a second; somebody walks by then. */
const FRAME_NUMBER = 6;

export async function scenePicture(): Promise<Picture> {
  const [{ Scene }, { RgbPicture }] = await Promise.all([
    import('../scene/scene.ts'),
    import('../camera/rgb.ts'),
  ]);
  const scene = new Scene({ ...SIZE, fps: 1, seed: 2 });
  scene.render(FRAME_NUMBER);
  const converted = new RgbPicture(SIZE);
  converted.of(scene.frame);
  const { bytes } = converted;
  const rgb = new Uint8Array(SIZE.width * SIZE.height * 3);
  for (let at = 0; at < rgb.length; at += 1) rgb[at] = bytes[Math.floor(at / 3) * 4 + (at % 3)]!;
  return { name: 'a picture of the built-in scene', ...SIZE, rgb };
}
