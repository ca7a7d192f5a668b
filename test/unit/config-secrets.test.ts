// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to the environment are tested here
// Passwords from files and systemd credentials, and that none is shown when a configuration is printed.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../daemon/config/load.ts';
import { isSecretKey, redactConfig } from '../../daemon/config/redact.ts';
import { secretFilesOf } from '../../daemon/config/secrets.ts';
import { reasonOf, VedetteError } from '../../daemon/platform/errors.ts';
import { hideCredentials } from '../../daemon/platform/redact.ts';
import { tempDir } from '../support/temp-dir.ts';

const CAMERAS = 'cameras: {yard: {source: {type: scene}}}\n';

function load(text: string, folder: string, env: NodeJS.ProcessEnv = {}) {
  return parseConfig(`${text}\n${CAMERAS}`, { fileName: 'v.yaml', folder, env }).config;
}

function refusal(text: string, folder: string): string {
  try {
    load(text, folder);
  } catch (error) {
    expect(error).toBeInstanceOf(VedetteError);
    return reasonOf(error);
  }
  throw new Error('was not refused');
}

test('tokenFile of detector.remote is read as well; the token is hidden, and never part of the url', () => {
  const folder = tempDir();
  writeFileSync(join(folder, 'triton'), 'abc.def\n');
  const remote = 'url: "https://nas:8443", caFile: ca.crt';
  const config = load(`detector: {remote: {${remote}, tokenFile: triton}}`, folder);
  expect(config.detector.remote).toEqual({
    url: 'https://nas:8443',
    token: 'abc.def',
    caFile: join(folder, 'ca.crt'),
  });
  expect(JSON.stringify(redactConfig(config))).not.toContain('abc.def');
  expect(refusal('detector: {remote: {url: "https://me:secret@nas"}}', folder)).not.toContain('secret');
  expect(refusal(`detector: {remote: {${remote}, token: a, tokenFile: triton}}`, folder)).toContain(
    'give token or tokenFile, not both',
  );
  expect(refusal('detector: {remote: {url: "http://nas", caFile: ca.crt}}', folder)).toContain(
    'needs a url that begins with https://',
  );
});

describe('passwordFile', () => {
  // Of a camera with a mistake nothing is left to put the password into, and of an unknown section there never was.
  test.each([
    ['cameras.porch.source.user: a password needs a user', "source: {type: rtsp, url: 'rtsp://cam/2', "],
    ['cameras.porch.source.url: must look like rtsp://', "source: {type: rtsp, url: 'http//cam', user: me, "],
    ["cameras.porch.sauce: unknown key 'sauce'", 'source: {type: scene}, sauce: {'],
  ])('beside a mistake does not hide it: %s', (problem, begin) => {
    const folder = tempDir();
    writeFileSync(join(folder, 'pw'), 'hunter2\n');
    const text = `cameras: {yard: {source: {type: scene}}, porch: {${begin}passwordFile: pw}}}`;
    expect(() => parseConfig(text, { fileName: 'v.yaml', folder, env: {} })).toThrow(problem);
  });

  test('is read relative to the configuration, its first line only, and replaced by the password', () => {
    const folder = tempDir();
    mkdirSync(join(folder, 'secrets'));
    writeFileSync(join(folder, 'secrets/mqtt'), 'hunter 2 \r\nsecond line\n');
    writeFileSync(join(folder, 'broker'), '\uFEFFother');
    const { mqtt } = load(
      `mqtt:\n  user: me\n  passwordFile: secrets/mqtt\n  embedded: {user: u, passwordFile: ${join(folder, 'broker')}}`,
      folder,
    );
    expect(mqtt.password).toBe('hunter 2 ');
    expect(mqtt.embedded.password).toBe('other');
    expect(mqtt).not.toHaveProperty('passwordFile');
    expect(mqtt.embedded).not.toHaveProperty('passwordFile');
  });

  test('with a bare name is a systemd credential if there is one of that name', () => {
    const [folder, credentials] = [tempDir(), tempDir()];
    writeFileSync(join(folder, 'mqtt'), 'from the folder');
    writeFileSync(join(credentials, 'mqtt'), 'from systemd');
    const env = { CREDENTIALS_DIRECTORY: credentials };
    expect(load('mqtt: {user: me, passwordFile: mqtt}', folder, env).mqtt.password).toBe('from systemd');
    expect(load('mqtt: {user: me, passwordFile: ./mqtt}', folder, env).mqtt.password).toBe('from the folder');
    writeFileSync(join(folder, 'elsewhere'), 'not a credential');
    expect(load('mqtt: {user: me, passwordFile: elsewhere}', folder, env).mqtt.password).toBe(
      'not a credential',
    );
  });

  test('of a key works like any other, and so do the names of certificates', () => {
    const [folder, credentials] = [tempDir(), tempDir()];
    writeFileSync(join(folder, 'key-password'), 'hunter2\n');
    writeFileSync(join(credentials, 'board.key'), 'from systemd');
    const { mqtt } = load(
      'mqtt:\n  url: mqtts://broker\n  tls: {keyPasswordFile: key-password, certFile: tls/board.crt, keyFile: board.key, caFile: /etc/ca.crt}',
      folder,
      { CREDENTIALS_DIRECTORY: credentials },
    );
    expect(mqtt.tls).toEqual({
      keyPassword: 'hunter2',
      caFile: '/etc/ca.crt',
      certFile: join(folder, 'tls/board.crt'),
      keyFile: join(credentials, 'board.key'),
      insecure: false,
    });
    expect(redactConfig(mqtt.tls)).toMatchObject({ keyPassword: '[hidden]' });
  });

  test('may be named by the environment', () => {
    const folder = tempDir();
    writeFileSync(join(folder, 'p'), 'x');
    expect(load('mqtt: {user: me, passwordFile: "${FILE}"}', folder, { FILE: 'p' }).mqtt.password).toBe('x');
  });

  test('that is missing, empty, too large, a folder or a device is a problem at its place', () => {
    const folder = tempDir();
    writeFileSync(join(folder, 'empty'), '\nhunter2\n');
    writeFileSync(join(folder, 'large'), 'x'.repeat(70_000));
    mkdirSync(join(folder, 'folder'));
    symlinkSync('/dev/zero', join(folder, 'device'));
    const said = (name: string): string => refusal(`mqtt:\n  user: me\n  passwordFile: ${name}`, folder);
    const line = (name: string): string => `v.yaml:3:17 mqtt.passwordFile: ${name}`;
    expect(said('gone')).toBe(line(`'${folder}/gone' does not exist`));
    expect(said('empty')).toBe(line(`the first line of '${folder}/empty' is empty`));
    expect(said('large')).toBe(line(`'${folder}/large' has 70000 bytes (limit 65536)`));
    expect(said('folder')).toBe(line(`'${folder}/folder' is not a file`));
    expect(said('device')).toBe(line(`'${folder}/device' is not a file`));
  });

  test('comes up together with the problems of the schema', () => {
    const lines = refusal('mqtt: {user: me, passwordFile: gone, keepaliveS: 1}', tempDir()).split('\n');
    expect(lines).toEqual([
      expect.stringContaining('mqtt.passwordFile: '),
      expect.stringContaining('mqtt.keepaliveS: must be at least 5 (got 1)'),
    ]);
  });
});

describe('the secrets of a camera', () => {
  const camera = (source: string, folder: string) =>
    parseConfig(`cameras:\n  yard: {source: {${source}}}\n`, { fileName: 'v.yaml', folder, env: {} }).config;

  test('come from a file, and are hidden when the configuration is printed', () => {
    const folder = tempDir();
    writeFileSync(join(folder, 'pw'), 'hunter2\n');
    for (const source of ['type: rtsp, url: rtsp://cam/a', 'type: http, url: http://cam/a']) {
      const config = camera(`${source}, user: me, passwordFile: pw`, folder);
      expect(config.cameras['yard']?.source).toMatchObject({ user: 'me', password: 'hunter2' });
      expect(JSON.stringify(redactConfig(config))).not.toContain('hunter2');
    }
    const config = camera('type: command, command: [cam], env: {ANY: hunter3}', folder);
    expect(JSON.stringify(redactConfig(config))).not.toContain('hunter3');
  });

  test('in a URL, or without a user, are refused without being shown', () => {
    const said = (source: string): string => {
      try {
        camera(source, tempDir());
      } catch (error) {
        return reasonOf(error);
      }
      throw new Error('was not refused');
    };
    const inUrl = said('type: rtsp, url: "rtsp://me:hunter2@cam/a"');
    expect(inUrl).toContain('v.yaml:2:');
    expect(inUrl).toContain('user and password have keys of their own');
    expect(inUrl).not.toContain('hunter2');
    expect(said('type: http, url: "http://me:hun/ter2@cam/a"')).not.toContain('ter2');
    expect(said('type: http, url: "http://cam/a", password: hunter2')).toMatch(
      /user: a password needs a user$/,
    );
    const both = said('type: rtsp, url: "rtsp://cam/a", user: a, password: x, passwordFile: y');
    expect(both).toContain('give password or passwordFile, not both');
  });
});

describe('files with secrets', () => {
  const found = (text: string): string[] => {
    const folder = tempDir();
    const file = join(folder, 'v.yaml');
    writeFileSync(file, text);
    return secretFilesOf(file, {}).map((path) => relative(folder, path));
  };

  test.each([
    'cameras: {yard: {source: {type: command, command: [cam], env: {CAMERA_PASS: hunter2}}}}',
    'cameras: {yard: {source: {type: command, command: [cam], env: {passwordFile: hunter2}}}}',
    'mqtt: {user: me, password: hunter2}',
    'detector: {remote: {token: hunter2}}',
    'detector: {remote: {apiKey: hunter2}}',
  ])('are the configuration that holds one: %s', (text) => {
    expect(found(text)).toEqual(['v.yaml']);
  });

  test.each([
    'cameras: {yard: {source: {type: command, command: [cam], env: {CAMERA_PASS: "${PASS}"}}}}',
    'mqtt: {user: me, password: "${PASS}"}',
    'cameras: {token: {source: {type: rtsp, url: "rtsp://cam/a"}}}',
    'mqtt: {tls: {caFile: ca.pem, certFile: cert.pem}}',
    'mqtt: {password: [',
  ])('are none that leave it to the environment, or have none: %s', (text) => {
    expect(found(text)).toEqual([]);
  });

  test('are those that it names', () => {
    const names = 'passwordFile: a, keyPasswordFile: b, tokenFile: c, keyFile: d';
    expect(found(`mqtt: {${names}}`)).toEqual(['a', 'b', 'c', 'd']);
  });
});

describe('printing', () => {
  test('hides passwords at any depth and leaves the original alone', () => {
    const config = {
      mqtt: { user: 'me', password: 'hunter2', passwordFile: 'p', embedded: { password: 'hunter3' } },
      list: [{ apiKey: 'hunter4', token: ['hunter5'] }],
      absent: { password: undefined },
    };
    const before = structuredClone(config);
    expect(redactConfig(config)).toEqual({
      mqtt: { user: 'me', password: '[hidden]', passwordFile: 'p', embedded: { password: '[hidden]' } },
      list: [{ apiKey: '[hidden]', token: '[hidden]' }],
      absent: { password: undefined },
    });
    expect(config).toEqual(before);
  });

  test('hides user and password inside URLs', () => {
    expect(redactConfig({ url: 'rtsp://me:hunter2@cam:554/a' }).url).toBe('rtsp://[hidden]@cam:554/a');
    expect(hideCredentials('mqtt://a:p@ss@host, rtsp://b@c')).toBe('mqtt://[hidden]@host, rtsp://[hidden]@c');
    expect(hideCredentials('mqtt://host/a, me@host')).toBe('mqtt://host/a, me@host');
  });

  test('knows keys of secrets by their names', () => {
    const secret = ['password', 'mqttPassword', 'passwd', 'token', 'api_key', 'apiKey', 'clientSecret'];
    expect(secret.filter((key) => !isSecretKey(key))).toEqual([]);
    expect(['passwordFile', 'user', 'url', 'keepaliveS', 0].filter(isSecretKey)).toEqual([]);
  });
});
