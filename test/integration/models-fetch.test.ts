// Fetching a file of known hash from a real web server that behaves well or badly: what arrives, what goes on, what is refused.
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type FetchOptions, type FetchProgress, fetchFile } from '../../daemon/models/fetch.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { VedetteError } from '../../daemon/platform/errors.ts';
import { smallDisk, testMounting } from '../fixtures/store/harness.ts';
import { Authority } from '../support/certificates.ts';
import { type FileServer, fileServer } from '../support/file-server.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

/** More than one piece of what a socket gives at once. */
const CONTENT = randomBytes(400_000);
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');

interface Trial {
  readonly server: FileServer;
  readonly folder: string;
  readonly pauses: string[];
  readonly progress: FetchProgress[];
  fetch(path: string, options?: Partial<FetchOptions>, wish?: object): ReturnType<typeof fetchFile>;
  /** The error of a fetch that must not succeed. */
  refused(path: string, options?: Partial<FetchOptions>, wish?: object): Promise<VedetteError>;
}

async function trial(content = CONTENT, folder = join(tempDir(), '.partial')): Promise<Trial> {
  const server = await fileServer({ content });
  const pauses: string[] = [];
  const progress: FetchProgress[] = [];
  const fetch: Trial['fetch'] = (path, options = {}, wish = {}) =>
    fetchFile(
      { url: server.url(path), sha256: SHA256, folder, ...wish },
      {
        clock: systemClock,
        signal: new AbortController().signal,
        backoff: { minMs: 1, maxMs: 2 },
        bytesMax: 1_000_000,
        roomKeptBytes: 0,
        onPause: (reason) => pauses.push(reason),
        onProgress: (at) => progress.push(at),
        ...options,
      },
    );
  const refused: Trial['refused'] = async (...args) => {
    const error: unknown = await fetch(...args).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(VedetteError);
    return error as VedetteError;
  };
  return { server, folder, pauses, progress, fetch, refused };
}

const ranges = ({ server }: Trial): string[] =>
  server.requests.map((line) => line.split(' ').slice(2).join(' '));

describe('a file that arrives', () => {
  test('is whole, told of on its way, and given out only with its hash', async () => {
    const it = await trial();
    const { path, bytes, wasHere } = await it.fetch('file');
    expect(readFileSync(path)).toEqual(CONTENT);
    expect([bytes, wasHere]).toEqual([CONTENT.length, false]);
    expect(it.progress[0]).toEqual({ have: 0, had: 0, of: CONTENT.length });
    expect(it.progress.at(-1)).toEqual({ have: CONTENT.length, had: 0, of: CONTENT.length });
  });

  test('is not fetched again when it has come whole before', async () => {
    const it = await trial();
    await it.fetch('file');
    expect(await it.fetch('file')).toMatchObject({ wasHere: true });
    expect(it.server.requests).toHaveLength(1);
  });

  test('may come from another address, and without its size', async () => {
    const it = await trial();
    expect(readFileSync((await it.fetch('moved')).path)).toEqual(CONTENT);
    expect(it.server.requests).toEqual(['GET /moved', 'GET /file']);
    const other = await trial();
    expect(readFileSync((await other.fetch('without-size')).path)).toEqual(CONTENT);
    expect(other.progress.at(-1)!.of).toBeUndefined();
  });
});

describe('a connection that breaks', () => {
  test('goes on where it broke, under the tag of the file', async () => {
    const it = await trial();
    await it.fetch('broken');
    const quarter = CONTENT.length / 4;
    expect(ranges(it)).toEqual(['', ...[1, 2, 3].map((part) => `bytes=${part * quarter}- "one"`)]);
    expect(it.pauses).toHaveLength(3);
    expect(it.pauses[0]).toMatch(/^the connection to 127\.0\.0\.1:\d+ broke off/);
  });

  test('begins anew where the server knows no ranges', async () => {
    const it = await trial();
    expect(readFileSync((await it.fetch('without-ranges')).path)).toEqual(CONTENT);
    expect(it.progress.at(-1)).toMatchObject({ had: 0 });
    expect(it.server.requests).toHaveLength(2);
  });

  test('begins anew where the server answers with another part than was asked for', async () => {
    const it = await trial();
    expect(readFileSync((await it.fetch('wrong_range')).path)).toEqual(CONTENT);
    expect(it.pauses.some((reason) => reason.includes('has another file than before'))).toBe(true);
  });

  test('gives up after some tries in which nothing came, and says what is kept', async () => {
    const it = await trial();
    const error = await it.refused('always-broken');
    expect(error.code).toBe('MODEL_DOWNLOAD');
    expect(error.message).toMatch(/broke off \(ECONNRESET\); gave up after 5 tries$/);
    expect(it.server.requests).toHaveLength(5);
  });

  test('that stays silent is cut, before and after the answer', async () => {
    const it = await trial();
    for (const path of ['mute', 'silent', 'held']) {
      const error = await it.refused(path, { silenceMs: 60 });
      expect(error.message).toMatch(/127\.0\.0\.1:\d+ is silent for 0\.06 s; gave up after \d+ tries/);
    }
  });

  test('is waited out where the server is busy, as long as it asks for', async () => {
    const it = await trial();
    const slept: number[] = [];
    const clock = { ...systemClock, sleep: async (ms: number) => void slept.push(ms) };
    await it.fetch('unwilling', { clock });
    expect(slept).toEqual([1000, 1000]);
    expect(it.pauses[0]).toMatch(/answered 503 Service Unavailable/);
  });
});

describe('a partial file of an earlier try', () => {
  /** Half of the file is here; `content` and tag of the server may have changed since. */
  async function stoppedHalfWay(content = CONTENT): Promise<Trial> {
    const it = await trial(content);
    const stop = new AbortController();
    const fetching = it.refused('held', { signal: stop.signal });
    await waitFor('half of it', () => (it.progress.at(-1)?.have ?? 0) >= CONTENT.length / 2);
    stop.abort();
    const error = await fetching;
    expect(error.message).toMatch(
      /stopped after 200000 of 400000 bytes; the same command goes on from there/,
    );
    it.server.release();
    return it;
  }

  test('is gone on with', async () => {
    const it = await stoppedHalfWay();
    expect(readFileSync((await it.fetch('held')).path)).toEqual(CONTENT);
    expect(ranges(it)).toEqual(['', 'bytes=200000- "one"']);
    expect(it.progress.at(-1)).toMatchObject({ had: 200_000, have: 400_000 });
  });

  test('is thrown away when the file has another tag', async () => {
    const it = await stoppedHalfWay(randomBytes(400_000));
    it.server.content = CONTENT;
    it.server.etag = '"two"';
    expect(readFileSync((await it.fetch('held')).path)).toEqual(CONTENT);
    expect(it.server.requests).toHaveLength(2);
  });

  test('whose beginning is hurt is fetched once more from the beginning', async () => {
    const it = await stoppedHalfWay();
    const part = join(it.folder, `${SHA256}.part`);
    const hurt = readFileSync(part);
    hurt.fill(0, 0, 4096);
    writeFileSync(part, hurt);
    expect(readFileSync((await it.fetch('held')).path)).toEqual(CONTENT);
    expect(ranges(it)).toEqual(['', 'bytes=200000- "one"', '']);
  });

  test('that is longer than the file is thrown away', async () => {
    const it = await stoppedHalfWay();
    const part = join(it.folder, `${SHA256}.part`);
    truncateSync(part, 500_000);
    expect(readFileSync((await it.fetch('held')).path)).toEqual(CONTENT);
  });

  test('that is whole but for its size is taken at 416', async () => {
    const it = await trial();
    it.server.etag = undefined;
    await it.fetch('without-size');
    const state = join(it.folder, `${SHA256}.json`);
    const { bytes: _bytes, ...rest } = JSON.parse(readFileSync(state, 'utf8')) as Record<string, unknown>;
    writeFileSync(state, JSON.stringify(rest));
    expect(readFileSync((await it.fetch('without-size')).path)).toEqual(CONTENT);
    expect(ranges(it)).toEqual(['', 'bytes=400000-']);
  });

  test('without a readable state begins anew', async () => {
    const it = await stoppedHalfWay();
    writeFileSync(join(it.folder, `${SHA256}.json`), '{"v":1,');
    await it.fetch('held');
    expect(ranges(it)).toEqual(['', '']);
  });

  test('of another address begins anew', async () => {
    const it = await stoppedHalfWay();
    await it.fetch('file');
    expect(ranges(it)).toEqual(['', '']);
  });
});

describe('what is refused', () => {
  test('a wrong hash, with both hashes, and nothing is left', async () => {
    const it = await trial(Buffer.alloc(1000, 1));
    const error = await it.refused('file');
    expect(error.code).toBe('MODEL_CORRUPT');
    expect(error.message).toContain(SHA256);
    expect(error.message).toContain(createHash('sha256').update(Buffer.alloc(1000, 1)).digest('hex'));
    expect(readdirSync(it.folder)).toEqual(['lock']);
  });

  test('a web page and a pointer of Git LFS are called by their names', async () => {
    const page = await trial(Buffer.from('<!DOCTYPE html><title>log in'));
    expect((await page.refused('page')).message).toMatch(/it is a web page \(a log-in page\?\), not a model/);
    const pointer = await trial(Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:00\n'));
    expect((await pointer.refused('file')).message).toMatch(/it is a pointer of Git LFS/);
  });

  test('a file that is too large, by what is said of it and by what comes', async () => {
    const said = await trial();
    const tooLarge = await said.refused('file', { bytesMax: 399_999 });
    expect(tooLarge.message).toMatch(/the file has 400000 bytes \(limit 399999\)$/);
    expect(said.progress).toEqual([]);
    const unsaid = await trial();
    const stopped = await unsaid.refused('without-size', { bytesMax: 399_999 });
    expect(stopped.message).toMatch(/the server sends more than 399999 bytes, stopped there$/);
    expect(readdirSync(unsaid.folder)).toEqual(['lock']);
  });

  test('a file of another size than the catalogue names, before it is fetched', async () => {
    const it = await trial();
    const error = await it.refused('file', {}, { bytes: 5 });
    expect(error.message).toMatch(/has a file of 400000 bytes, 5 were expected: it is another file$/);
    expect(it.progress).toEqual([]);
  });

  test.each([
    ['nowhere', /answered 404 Not Found: there is no such file/],
    ['closed', /answered 403 Forbidden$/],
    ['loop', /sends from address to address \(limit 5\)/],
    ['to-file', /sends on to 'file:\/\/\/etc\/passwd', which is no web address/],
    ['packed', /sends the file packed \(gzip\)/],
  ])('at once: /%s', async (path, message) => {
    const it = await trial();
    const error = await it.refused(path);
    expect(error.code).toBe('MODEL_DOWNLOAD');
    expect(error.message).toMatch(message);
    expect(it.pauses).toEqual([]);
  });

  test('a server that is not there, in one sentence with what to do', async () => {
    const it = await trial();
    const url = it.server.url('file');
    await it.server.stop();
    const error = await it.refused('file', {}, { url });
    expect(error.message).toMatch(
      /cannot be reached: the connection was refused \(ECONNREFUSED\); is this board offline\? .*vedette models add <file>$/,
    );
    expect(it.pauses).toEqual([]);
  });

  test('a name that nobody knows, as being offline', async () => {
    const it = await trial();
    const error = await it.refused('file', {}, { url: new URL('http://models.invalid/file') });
    expect(error.message).toMatch(
      /^http:\/\/models\.invalid\/file: models\.invalid cannot be reached: .*offline\?/,
    );
  });

  test('user, password and query of an address are in no message and in no file', async () => {
    const it = await trial();
    const url = new URL(it.server.url('nowhere?token=secret'));
    url.username = 'user';
    url.password = 'secret';
    expect((await it.refused('', {}, { url })).message).not.toContain('secret');
    url.pathname = '/file';
    await it.fetch('', {}, { url });
    expect(readFileSync(join(it.folder, `${SHA256}.json`), 'utf8')).not.toContain('secret');
  });
});

describe('a proxy', () => {
  test('of the environment is asked for addresses of elsewhere, and named when it is not there', async () => {
    const it = await trial();
    const url = new URL('http://models.invalid/file');
    onTestFinished(() => {
      delete process.env['HTTP_PROXY'];
    });
    process.env['HTTP_PROXY'] = it.server.url('').href;
    expect(readFileSync((await it.fetch('', {}, { url })).path)).toEqual(CONTENT);
    expect(it.server.requests).toEqual(['GET http://models.invalid/file']);
    await it.server.stop();
    const other = await trial();
    expect((await other.refused('', {}, { url })).message).toMatch(
      /models\.invalid cannot be reached \(proxy http:\/\/127\.0\.0\.1:\d+\/ of HTTP_PROXY\): the connection was refused/,
    );
  });
});

describe('https', () => {
  async function tlsServer(subject: string): Promise<FileServer> {
    const authority = new Authority();
    const { certFile, keyFile } = authority.issue({ subjects: [subject] });
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, readFileSync(authority.caFile, 'utf8')]);
    onTestFinished(() => setDefaultCACertificates(before));
    const tls = { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
    return fileServer({ content: CONTENT, tls });
  }

  test('is never left for http', async () => {
    const server = await tlsServer('127.0.0.1');
    const it = await trial();
    expect(readFileSync((await it.fetch('', {}, { url: server.url('file') })).path)).toEqual(CONTENT);
    const error = await it.refused('', {}, { url: server.url('to-http') });
    expect(error.message).toMatch(/sends on from https to http \(127\.0\.0\.1:1\)/);
  });

  test('with a certificate for another name is refused, and says so', async () => {
    const server = await tlsServer('elsewhere.example');
    const it = await trial();
    const error = await it.refused('', {}, { url: server.url('file') });
    expect(error.message).toMatch(/its certificate is for another name \(ERR_TLS_CERT_ALTNAME_INVALID\)$/);
  });
});

describe('one at a time', () => {
  test('a second download beside the first is refused with its process', async () => {
    const it = await trial();
    const first = it.fetch('held');
    await waitFor('half of it', () => it.progress.length > 1);
    const error = await it.refused('file');
    expect(error).toMatchObject({ code: 'MODEL_STORE' });
    expect(error.message).toBe(
      `another command downloads a model (process ${process.pid}): wait for it, or stop it`,
    );
    it.server.release();
    expect(existsSync((await first).path)).toBe(true);
    expect(await it.fetch('held')).toMatchObject({ wasHere: true });
  });
});

describe('a disk', () => {
  const testDisk = testMounting();

  testDisk('without room is noticed before a byte is fetched', async () => {
    const { path } = smallDisk('700k');
    const it = await trial(CONTENT, path);
    const error = await it.refused('file');
    expect(error.code).toBe('MODEL_STORE');
    expect(error.message).toMatch(/1 MB are free, 1 MB are needed \(the file, the model made from it/);
    expect(it.progress).toEqual([]);
  });

  testDisk('is not filled by a file whose size nobody has said', async () => {
    const { path } = smallDisk('20m');
    const it = await trial(Buffer.alloc(12_000_000), path);
    const error = await it.refused('without-size', { roomKeptBytes: 10_000_000, bytesMax: 1e9 });
    expect(error.code).toBe('MODEL_STORE');
    expect(it.progress.at(-1)!.have).toBeLessThan(9_000_000);
    expect(readdirSync(path)).toEqual(['lock']);
  });

  testDisk('that runs full meanwhile gets back what was written', async () => {
    const { path } = smallDisk('100k');
    const it = await trial(CONTENT, path);
    const error = await it.refused('without-size');
    expect(error.code).toBe('MODEL_STORE');
    expect(error.message).toMatch(/no space left on its disk; free some room and try again \(ENOSPC\)$/);
    expect(readdirSync(path)).toEqual(['lock']);
    expect(statSync(join(path, 'lock')).size).toBe(0);
  });
});
