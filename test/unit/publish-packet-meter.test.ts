// The packet limit of the embedded broker: real packets pass however they are cut, oversized ones do not.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PacketMeter } from '../../daemon/publish/packet-meter.ts';

/** A packet of `bytes` body bytes: type, remaining length (MQTT 3.1.1, 2.2.3), body. */
function packet(bytes: number): Buffer {
  const length: number[] = [];
  let rest = bytes;
  do {
    const more = rest > 127 ? 0x80 : 0;
    length.push((rest % 128) | more);
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.concat([Buffer.from([0x30, ...length]), Buffer.alloc(bytes, 0xff)]);
}

function accepted(stream: Buffer, cuts: readonly number[], bytesMax: number): boolean {
  const meter = new PacketMeter(bytesMax);
  const ends = [...cuts.map((cut) => cut % (stream.length + 1)), stream.length].sort((a, b) => a - b);
  let start = 0;
  return ends.every((end) => {
    const chunk = stream.subarray(start, end);
    start = end;
    return meter.accept(chunk);
  });
}

test('streams of packets are judged by their largest body, however they are cut', () => {
  const sizes = fc.array(
    fc.oneof(fc.nat(3), fc.nat(300), fc.constantFrom(127, 128, 999, 1000, 1001, 16_384)),
    {
      minLength: 1,
      maxLength: 8,
    },
  );
  fc.assert(
    fc.property(sizes, fc.array(fc.nat(), { maxLength: 12 }), (bodies, cuts) => {
      const stream = Buffer.concat(bodies.map(packet));
      expect(accepted(stream, cuts, 1000)).toBe(bodies.every((bytes) => bytes <= 1000));
    }),
  );
});

test('a length of five bytes is refused', () => {
  expect(new PacketMeter(1000).accept(Buffer.from([0x10, 0x80, 0x80, 0x80, 0x80]))).toBe(false);
});

test('the largest length the protocol knows is refused from its header alone', () => {
  expect(new PacketMeter(1000).accept(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]))).toBe(false);
});
