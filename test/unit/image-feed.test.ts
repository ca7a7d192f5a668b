// JPEGs out of a byte stream, and the answers to a login.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { authorization, challengeOf } from '../../daemon/camera/http-login.ts';
import { JpegSplitter, NotPictures } from '../../daemon/camera/image-feed.ts';

const segment = (marker: number, ...bytes: number[]): number[] => [
  0xff,
  marker,
  0,
  bytes.length + 2,
  ...bytes,
];

/** The shape of a JPEG: a segment with a whole JPEG inside (a thumbnail), a scan with stuffed and restart markers. */
function jpeg(...scan: number[]): Buffer {
  const thumbnail = [0xff, 0xd8, 0xff, 0xd9];
  const head = [0xff, 0xd8, ...segment(0xe1, ...thumbnail), 0xff, ...segment(0xdb, 1, 2)];
  return Buffer.from([
    ...head,
    ...segment(0xda, 9),
    ...scan,
    0xff,
    0x00,
    0xff,
    0xd3,
    7,
    ...segment(0xc4, 3),
    0xff,
    0xd9,
  ]);
}

function split(chunks: readonly Uint8Array[]): Buffer[] {
  const splitter = new JpegSplitter();
  const found: Buffer[] = [];
  for (const chunk of chunks) splitter.push(chunk, (picture) => found.push(Buffer.from(picture)));
  return found;
}

describe('the JPEG splitter', () => {
  test('finds every picture, whatever stands between them and however the bytes are cut', () => {
    const picture = fc
      .array(fc.integer({ min: 0, max: 0xfe }), { maxLength: 40 })
      .map((scan) => jpeg(...scan));
    const between = fc
      .array(fc.integer({ min: 0, max: 0xfe }), { maxLength: 30 })
      .map((bytes) => Buffer.from(bytes));
    const parts = fc.array(fc.tuple(between, picture), { maxLength: 5 });
    fc.assert(
      fc.property(parts, fc.array(fc.integer({ min: 1, max: 60 })), (list, cuts) => {
        const stream = Buffer.concat(list.flat());
        const chunks: Buffer[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn += 1) {
          const size = cuts[turn % Math.max(1, cuts.length)] ?? 7;
          chunks.push(stream.subarray(at, at + size));
          at += size;
        }
        expect(split(chunks)).toEqual(list.map(([, whole]) => whole));
      }),
    );
  });

  test('finds the next picture behind one that is damaged', () => {
    const whole = jpeg(1, 2, 3);
    expect(split([Buffer.from([0xff, 0xd8, 0xff, 0x00, 5, 6]), whole])).toEqual([whole]);
  });

  test('gives up on a stream without pictures and on a picture without end', () => {
    const fill = (splitter: JpegSplitter, times: number) => () => {
      for (let round = 0; round < times; round += 1) splitter.push(Buffer.alloc(65_536), () => undefined);
    };
    expect(fill(new JpegSplitter(), 17)).toThrow(NotPictures);
    const deceiver = new JpegSplitter();
    const starts = Buffer.from('ffd8ff00'.repeat(16_384), 'hex');
    const deceive = () => {
      for (let round = 0; round < 17; round += 1) deceiver.push(starts, () => undefined);
    };
    expect(deceive).toThrow(NotPictures);
    const endless = new JpegSplitter();
    endless.push(jpeg(1).subarray(0, -2), () => undefined);
    endless.push(Buffer.from([0xff, 0xda, 0, 2]), () => undefined);
    expect(fill(endless, 257)).toThrow('sent a picture of more than 16777216 bytes');
  });
});

describe('a login', () => {
  // RFC 7616, section 3.9.1.
  const rfc = { user: 'Mufasa', password: 'Circle of Life' };
  const request = { method: 'GET', uri: '/dir/index.html', count: 1 };
  const digest = (algorithm: string): string =>
    `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`;
  const cnonce = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ';

  test('by Digest is that of the RFC, and the better hash is taken', () => {
    const both = challengeOf([digest('MD5'), digest('SHA-256')])!;
    expect(authorization(both, rfc, request, cnonce)).toContain(
      'response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"',
    );
    const md5 = challengeOf([digest('MD5')])!;
    expect(authorization(md5, rfc, request, cnonce)).toContain('response="8ca523f5e9506fed4657c9700eebdbec"');
  });

  test('by Digest without qop is that of RFC 2069', () => {
    const old = challengeOf([
      'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093"',
    ])!;
    const login = { user: 'Mufasa', password: 'Circle Of Life' };
    expect(authorization(old, login, request)).toContain('response="670fd8c2df070c60b045671b8b24ff02"');
  });

  test('is Basic where there is nothing better, in one header with others or not', () => {
    expect(challengeOf(['Basic realm="a, digest b"'])?.scheme).toBe('basic');
    expect(challengeOf([`Basic realm="x", ${digest('MD5')}`])?.scheme).toBe('digest');
    expect(challengeOf(['Digest algorithm=SHA-512-256, nonce="n"', 'Basic realm="x"'])?.scheme).toBe('basic');
    expect(challengeOf(['Negotiate', 'Bearer realm="x"'])).toBeUndefined();
    // RFC 7617, section 2.
    const basic = challengeOf(['Basic realm="foo"'])!;
    const login = { user: 'Aladdin', password: 'open sesame' };
    expect(authorization(basic, login, request)).toBe('Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==');
  });
});
