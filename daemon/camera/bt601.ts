// Colours of cameras: ITU-R BT.601, limited range, in 16.16 fixed point: R = 1.164 (Y−16) + 1.596 (V−128), G = 1.164 (Y−16)
// − 0.392 (U−128) − 0.813 (V−128), B = 1.164 (Y−16) + 2.017 (U−128). V8 looks an imported number up at every use: loops over pixels
// take them as locals first (5.0 ms in place of 5.6 for a picture of 1280x720).

export const LUMA_GAIN = 76309;
export const RED_OF_V = 104597;
export const GREEN_OF_U = 25675;
export const GREEN_OF_V = 53279;
export const BLUE_OF_U = 132201;

/** Sums of colour before they are cut to 0..255 lie within ±CLAMP_OFFSET of that range. */
const CLAMP_OFFSET = 384;
/** 0..255 of a sum with BIAS in it, without its fraction. */
export const CLAMPED = Uint8ClampedArray.from(
  { length: 256 + 2 * CLAMP_OFFSET },
  (_, at) => at - CLAMP_OFFSET,
);
/** Makes every index into CLAMPED positive, and rounds. */
export const BIAS = (CLAMP_OFFSET << 16) + (1 << 15);
