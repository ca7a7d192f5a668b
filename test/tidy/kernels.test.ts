import { expect, test } from 'vitest';
import { kernels } from '../../scripts/build-kernels.ts';

test('pixel-kernels.wasm is what pixel-kernels.wat says; npm run kernels makes it', async () => {
  const { wanted, kept } = await kernels();
  expect(kept.equals(wanted)).toBe(true);
});
