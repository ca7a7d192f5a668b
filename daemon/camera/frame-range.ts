// From full to limited range, in place, for camera programs that cannot do it themselves. Called once per frame: no
// allocation. Camera worker thread.

/** Luma 0..255 to 16..235, chroma 1..255 about 128 to 16..240 (ITU-R BT.601-7, section 2.5). */
const LUMA = Uint8Array.from({ length: 256 }, (_, value) => Math.round(16 + (value * 219) / 255));
const CHROMA = Uint8Array.from({ length: 256 }, (_, value) => Math.round(128 + ((value - 128) * 224) / 255));

/** Changes an I420 frame. */
export function limitRange(frame: Uint8Array): void {
  const lumaBytes = (frame.length * 2) / 3;
  for (let at = 0; at < lumaBytes; at += 1) frame[at] = LUMA[frame[at]!]!;
  for (let at = lumaBytes; at < frame.length; at += 1) frame[at] = CHROMA[frame[at]!]!;
}
