import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FramePool } from '../../daemon/camera/frame-pool.ts';
import { FrameSplitter } from '../../daemon/camera/frame-reader.ts';
import { UNPAINTED } from '../support/unpainted.ts';

const FRAME_BYTES = 96;

function numbered(pool: FramePool, number: number): void {
  pool.filling.number = number;
  pool.complete();
}

describe('the frame pool', () => {
  test('a newer frame replaces a waiting one and the drop is counted', () => {
    const pool = new FramePool(FRAME_BYTES, UNPAINTED);
    for (const number of [1, 2, 3]) numbered(pool, number);
    expect(pool.dropped).toBe(2);
    expect(pool.take()?.number).toBe(3);
    expect(pool.take()).toBeUndefined();
  });

  test('a frame in use is never written to', () => {
    const pool = new FramePool(FRAME_BYTES, UNPAINTED);
    numbered(pool, 1);
    const inUse = pool.take();
    for (let number = 2; number < 20; number += 1) {
      expect(pool.filling).not.toBe(inUse);
      numbered(pool, number);
    }
    expect(inUse?.number).toBe(1);
  });

  test('a frame not given back is a bug that shows at once', () => {
    const pool = new FramePool(FRAME_BYTES, UNPAINTED);
    for (const number of [1, 2]) {
      numbered(pool, number);
      pool.take();
    }
    numbered(pool, 3);
    pool.take();
    expect(() => numbered(pool, 4)).toThrow(/no free buffer/);
  });
});

describe('the frame splitter', () => {
  test('finds every frame whatever the chunks are', () => {
    const chunkSizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(chunkSizes, (sizes) => {
        const total = sizes.reduce((sum, size) => sum + size, 0);
        const stream = Buffer.from(
          Array.from({ length: total }, (_, at) => Math.floor(at / FRAME_BYTES) % 256),
        );
        const pool = new FramePool(FRAME_BYTES, UNPAINTED);
        const seen: number[] = [];
        const splitter = new FrameSplitter(pool, () => {
          const { bytes } = pool.filling;
          expect(bytes.every((byte) => byte === bytes[0])).toBe(true);
          seen.push(bytes[0]!);
          pool.complete();
        });
        let at = 0;
        for (const size of sizes) {
          splitter.push(stream.subarray(at, at + size), size);
          at += size;
        }
        expect(seen).toEqual(
          Array.from({ length: Math.floor(total / FRAME_BYTES) }, (_, index) => index % 256),
        );
        expect(splitter.partialBytes).toBe(total % FRAME_BYTES);
      }),
    );
  });
});
