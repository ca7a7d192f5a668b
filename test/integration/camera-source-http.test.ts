// The http source against a real web server: streams, pictures one by one, logins, and everything a camera can do wrong.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { argumentsOfDescendants, cameraConfig, runCamera } from '../support/camera-runner.ts';
import { type HttpCameraServer, httpCameraServer, rawHttpServer } from '../support/http-camera-server.ts';
import { testNeeding } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const needing = testNeeding({ programs: ['ffmpeg', 'openssl'] });
const LOGIN = { user: 'owner', password: 'p@ss "word"\\' };

/** A blue JPEG, full range as JPEGs are. */
function blueJpeg(): Buffer {
  const picture = ['-f', 'lavfi', '-i', 'color=blue:size=320x240', '-frames:v', '1', '-q:v', '2'];
  const options = { maxBuffer: 1 << 20 };
  return execFileSync(
    'ffmpeg',
    ['-v', 'error', ...picture, '-f', 'image2pipe', '-c:v', 'mjpeg', '-'],
    options,
  );
}

function expectBlue([y, u, v]: readonly [number, number, number]): void {
  expect(Math.abs(y - 41)).toBeLessThanOrEqual(2);
  expect(Math.abs(u - 240)).toBeLessThanOrEqual(2);
  expect(Math.abs(v - 110)).toBeLessThanOrEqual(2);
}

function camera(server: HttpCameraServer, path: string, more: object = {}) {
  return runCamera(cameraConfig({ type: 'http', url: `${server.url}${path}`, timeoutMs: 1000, ...more }));
}

describe('a camera without login', () => {
  needing('delivers from a stream whose boundaries are wrong, at the rate asked for', async () => {
    const server = await httpCameraServer({ jpeg: blueJpeg() });
    const { frames, offline } = camera(server, '/stream');
    await waitFor('frames', () => frames.length > 5);
    expectBlue(frames.at(-1)!.middle);
    expect(offline).toEqual([]);
    expect(server.requests).toEqual(['GET /stream']);
  });

  needing('delivers picture by picture, a frame each', async () => {
    const server = await httpCameraServer({ jpeg: blueJpeg() });
    const { frames } = camera(server, '/snapshot?channel=1');
    await waitFor('frames', () => frames.length > 5);
    expectBlue(frames.at(-1)!.middle);
    expect(frames.length).toBeLessThanOrEqual(server.requests.length);
  });

  needing('has its newest picture shown, though none comes after it', async () => {
    const server = await httpCameraServer({ jpeg: blueJpeg() });
    const { frames, offline } = camera(server, '/one-and-no-more', { timeoutMs: 60_000 });
    await waitFor('the frame', () => frames.length > 0);
    expect(offline).toEqual([]);
  });

  needing('is followed to another address', async () => {
    const server = await httpCameraServer({ jpeg: blueJpeg() });
    const { frames } = camera(server, '/moved');
    await waitFor('frames', () => frames.length > 1);
    expect(server.requests.slice(0, 2)).toEqual(['GET /moved', 'GET /snapshot']);
  });

  needing.each([
    ['lines that end in LF alone', ['HTTP/1.1 200 OK', 'Content-Type: image/jpeg'].join('\n'), '\n\n'],
    [
      'a length beside chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 7\r\nTransfer-Encoding: chunked',
      '\r\n\r\n',
    ],
  ])('that sends %s delivers', async (_, head, end) => {
    const jpeg = blueJpeg();
    const chunk = [`${jpeg.length.toString(16)}\r\n`, jpeg, '\r\n0\r\n\r\n'];
    const url = await rawHttpServer([head, end, ...(head.includes('chunked') ? chunk : [jpeg])]);
    const { frames, offline } = runCamera(cameraConfig({ type: 'http', url }));
    await waitFor('frames or an error', () => frames.length > 1 || offline.length > 0);
    expect(offline).toEqual([]);
    expectBlue(frames[0]!.middle);
  });

  needing('that ends its stream is connected to again', async () => {
    const server = await httpCameraServer({ jpeg: blueJpeg() });
    const { offline } = camera(server, '/stream-of-three');
    await waitFor('three lives', () => server.requests.length > 2);
    expect(offline[0]!.code).toBe('CAMERA_UNREACHABLE');
    expect(offline[0]!.message).toBe(`${server.url}/stream-of-three: the camera ended the stream`);
  });
});

describe.each(['basic', 'digest'] as const)('a camera with %s login', (method) => {
  needing('takes user and password, which nobody else on the machine can read', async () => {
    const server = await httpCameraServer({ jpeg: blueJpeg(), login: { method, ...LOGIN } });
    const { frames, offline } = camera(server, '/snapshot?a=1', LOGIN);
    await waitFor('frames', () => frames.length > 4);
    expect(offline).toEqual([]);
    // The challenge is kept: not every picture is asked for twice.
    expect(server.refused()).toBe(1);
    const running = argumentsOfDescendants().filter((line) => /\bffmpeg\b/.test(line));
    expect(running).not.toEqual([]);
    expect(running.join('\n')).not.toMatch(/p@ss|owner|127\.0\.0\.1/);
  });

  needing('that does not accept them says so, and shows neither', async () => {
    const server = await httpCameraServer({ jpeg: blueJpeg(), login: { method, ...LOGIN } });
    const wrong = { user: 'owner', password: 'hunter2' };
    const { offline } = camera(server, '/snapshot?key=hunter3', wrong);
    const { code, message, data } = await waitFor('an error', () => offline[0]);
    expect(code).toBe('CAMERA_REFUSED');
    expect(message).toBe(`${server.url}/snapshot: the camera does not accept user and password (401)`);
    expect(JSON.stringify(data)).not.toContain('hunter');
  });
});

needing('Digest with letters beyond ASCII in realm, user and password is answered', async () => {
  const login = { user: 'Jörg', password: 'Schlüssel 鍵' };
  const server = await httpCameraServer({
    jpeg: blueJpeg(),
    login: { method: 'digest', realm: 'Einfahrt Süd 門', ...login },
  });
  const { frames, offline } = camera(server, '/snapshot', login);
  await waitFor('frames or an error', () => frames.length > 1 || offline.length > 0);
  expect(offline).toEqual([]);
  expect(server.refused()).toBe(1);
});

describe('what goes wrong is told in words', () => {
  needing.each([
    ['/nothing', {}, 'CAMERA_REFUSED', 'answered 404 Not Found'],
    ['/page', {}, 'CAMERA_REFUSED', 'sent a page or a text, not a picture'],
    ['/not-a-jpeg', {}, 'CAMERA_REFUSED', 'sent 16 bytes that are not a JPEG'],
    ['/endless', { timeoutMs: 20_000 }, 'CAMERA_REFUSED', 'sent a picture of more than 16777216 bytes'],
    ['/endless-stream', {}, 'CAMERA_REFUSED', 'sent no JPEG in 1048576 bytes'],
    ['/stream', { mode: 'snapshot' }, 'CAMERA_REFUSED', 'sends an endless stream; set source.mode to mjpeg'],
    ['/loop', {}, 'CAMERA_REFUSED', 'sends from address to address (limit 3)'],
    ['/elsewhere', {}, 'CAMERA_REFUSED', 'sends to an address that is not http'],
    ['/silent', {}, 'CAMERA_UNREACHABLE', /sent nothing for 1000 ms|needs more than 1000 ms for a picture/],
    ['/drip', {}, 'CAMERA_UNREACHABLE', 'needs more than 1000 ms for a picture'],
  ] as const)('%s', async (path, more, code, what) => {
    const server = await httpCameraServer({ jpeg: blueJpeg() });
    const { offline } = camera(server, path, more);
    const error = await waitFor('an error', () => offline[0]);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(what);
    expect(error.message).toContain(`${server.url}${path}: the camera `);
  });

  needing.each([
    ['hello\r\n\r\n', /answers with headers that are not HTTP \(HPE_\w+\)$/],
    [`HTTP/1.1 200 OK\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`, 'sends headers of more than 16384 bytes'],
  ])('headers that are none, or too many (%#)', async (head, what) => {
    const url = await rawHttpServer([head]);
    const { offline } = runCamera(cameraConfig({ type: 'http', url }));
    const error = await waitFor('an error', () => offline[0]);
    expect(error.message).toMatch(what);
    expect(error.message).toContain(`${url}: the camera `);
  });

  needing('a login that is missing', async () => {
    const login = { method: 'digest', ...LOGIN } as const;
    const { offline } = camera(await httpCameraServer({ jpeg: blueJpeg(), login }), '/snapshot');
    const error = await waitFor('an error', () => offline[0]);
    expect(error.message).toContain('wants a user and password (401)');
  });

  needing('a camera that is not there', async () => {
    const { offline } = runCamera(cameraConfig({ type: 'http', url: 'http://127.0.0.1:9/a' }));
    const error = await waitFor('an error', () => offline[0]);
    expect(error.message).toContain('http://127.0.0.1:9/a: the camera refuses the connection');
  });
});

needing('a certificate that nobody signed is refused, unless told otherwise', async () => {
  const folder = tempDir();
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const subject = ['-subj', '/CN=127.0.0.1', '-days', '1', '-keyout', key, '-out', cert];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject], { stdio: 'ignore' });
  const tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
  const server = await httpCameraServer({ jpeg: blueJpeg(), tls });
  const strict = camera(server, '/snapshot');
  const error = await waitFor('an error', () => strict.offline[0]);
  expect(error.message).toMatch(/certificate that cannot be trusted \(\w+; see source\.insecure\)/);
  const lax = camera(server, '/snapshot', { insecure: true });
  await waitFor('frames', () => lax.frames.length > 1);
  expect(lax.offline).toEqual([]);
});
