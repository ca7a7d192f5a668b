// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to the environment are tested here
// Loading a configuration: every problem at its line and column, in words that name the limit and the value.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { defaultConfigPaths, findConfig, loadConfig, parseConfig } from '../../daemon/config/load.ts';
import { configSchema } from '../../daemon/config/schema.ts';
import { VedetteError } from '../../daemon/platform/errors.ts';
import { systemTimeZone } from '../../daemon/platform/time-zone.ts';
import { tempDir } from '../support/temp-dir.ts';

const CAMERAS = 'cameras: {yard: {source: {type: scene}}}\n';
const OPTIONS = { fileName: 'vedette.yaml', folder: '/etc/vedette', env: {} };

function refusal(act: () => unknown): VedetteError {
  try {
    act();
  } catch (error) {
    if (error instanceof VedetteError) return error;
    throw error;
  }
  throw new Error('was not refused');
}

/** The problem lines of a text that is refused. */
function problems(text: string, options: Partial<Parameters<typeof parseConfig>[1]> = {}): string[] {
  const error = refusal(() => parseConfig(text, { ...OPTIONS, ...options }));
  expect(error.code).toBe('CONFIG_INVALID');
  return error.message.split('\n');
}

describe('a configuration that is right', () => {
  test('gets the defaults of the schema', () => {
    const { config } = parseConfig(CAMERAS, OPTIONS);
    const location = { timeZone: systemTimeZone() };
    const cameras = { yard: { source: { type: 'scene' } } };
    expect(config).toEqual(configSchema.parse({ location, cameras }));
  });

  test('may have sections with nothing in them', () => {
    const { config } = parseConfig(`mqtt:\nlog:\nrules:\n${CAMERAS}`, OPTIONS);
    expect(config.mqtt.keepaliveS).toBe(30);
    expect(config.rules).toEqual({});
  });

  test('may name a camera 1, and use anchors and aliases', () => {
    const text = 'cameras:\n  1: &one\n    source: {type: scene, time: dusk}\n  007: *one\n';
    const { config } = parseConfig(text, OPTIONS);
    expect(Object.keys(config.cameras)).toEqual(['1', '007']);
    expect(config.cameras['007']).toEqual(config.cameras['1']);
  });

  test('has paths of videos and models relative to its own folder', () => {
    const text =
      'detector: {model: ./mine}\ncameras: {a: {source: {type: file, path: v/a.mp4}}, b: {source: {type: file, path: /b.mp4}}}\n';
    const { config } = parseConfig(text, OPTIONS);
    expect(config.cameras['a']?.source).toMatchObject({ path: '/etc/vedette/v/a.mp4' });
    expect(config.cameras['b']?.source).toMatchObject({ path: '/b.mp4' });
    expect(config.detector.model).toBe('/etc/vedette/mine');
    expect(parseConfig(CAMERAS, OPTIONS).config.detector.model).toBe('vedette-nano');
  });
});

const SOURCES = 'scene, file, folder, libcamera, v4l2, argus, rtsp, http, command';

describe('a value that is wrong is named with its limit, its place and what was seen', () => {
  test.each([
    ['mqtt: {keepaliveS: 1}', '1:20 mqtt.keepaliveS: must be at least 5 (got 1)'],
    ['track: {scoreMin: 1.5}', '1:19 track.scoreMin: must be at most 1 (got 1.5)'],
    ['mqtt:\n  windowMax: 1.5', '2:14 mqtt.windowMax: must be a whole number (got 1.5)'],
    ['mqtt:\n  healthS: often', "2:12 mqtt.healthS: must be a number (got 'often')"],
    ['mqtt: {detections: 1}', '1:20 mqtt.detections: must be true or false (got 1)'],
    ['mqtt: {user: 7}', '1:14 mqtt.user: must be text: put it in quotes (got 7)'],
    ['mqtt: [1, 2]', '1:7 mqtt: must be a mapping (key: value) (got a list of 2)'],
    ['rules: 5', '1:8 rules: must be a mapping (name: value) (got 5)'],
    ['detector: {providers: cpu}', "1:23 detector.providers: must be a list (got 'cpu')"],
    ['detector: {providers: []}', '1:23 detector.providers: must have at least 1 item (got 0)'],
    [
      'log: {level: wrn}',
      "1:14 log.level: must be one of trace, debug, info, warn, error; did you mean warn? (got 'wrn')",
    ],
    ['mqtt: {password: x}', '1:1 mqtt.user: a password needs a user'],
    ['mqtt: {user: ""}', '1:14 mqtt.user: must not be empty'],
    [
      'rules: {"A b": {trigger: {type: enter, zone: z}}}',
      "1:9 rules['A b']: a rule name must be 1 to 64 of a-z, 0-9, '-' and '_' (it becomes part of MQTT topics) (got 'A b')",
    ],
    [
      'rules: {r: {trigger: {type: entr}}}',
      "1:29 rules.r.trigger.type: must be one of enter, exit, dwell, cross, count, absence, appear, sequence, stationary, removed, fault; did you mean enter? (got 'entr')",
    ],
    ['rules: {r: {trigger: {type: enter}}}', '1:13 rules.r.trigger.zone: is missing, must be text'],
    ['mqtt: {embedded: {user: me}}', '1:25 mqtt.embedded.user: user and password belong together'],
  ])('%s', (text, line) => {
    expect(problems(`${text}\n${CAMERAS}`)).toEqual([`vedette.yaml:${line}`]);
  });

  test.each([
    ['mqtt://broker:99999'],
    ['mqtt://broker:1883a'],
    ['mqtt://[::1'],
    ['mqtt://broker?x=1'],
    ['ws://me@nas'],
  ])('a broker cannot be %s', (url) => {
    const lines = problems(`mqtt: {url: '${url}'}\n${CAMERAS}`);
    expect(lines).toEqual([
      expect.stringMatching(/^vedette\.yaml:1:13 mqtt\.url: must look like mqtt:\/\/host:port, /),
    ]);
  });

  test.each([
    ['{source: {type: ftp}}', `1:30 cameras.c.source.type: must be one of ${SOURCES} (got 'ftp')`],
    ['{source: {time: day}}', `1:15 cameras.c.source.type: is missing, must be one of ${SOURCES}`],
    ['{source: {type: file}}', '1:15 cameras.c.source.path: is missing, must be text'],
    ['', '1:11 cameras.c.source: is missing, must be a mapping (key: value)'],
    [
      '{source: {type: scene}, detect: {width: 100}}',
      '1:54 cameras.c.detect.width: must be a multiple of 64 (got 100)',
    ],
    [
      '{source: {type: scene}, zones: {z: {points: [[0, 0], [1, 1]]}}}',
      '1:58 cameras.c.zones.z.points: must have at least 3 items (got 2)',
    ],
    [
      '{source: {type: scene}, zones: {z: {points: [[0, 0], [1, 1], [0, 2]]}}}',
      '1:79 cameras.c.zones.z.points[2][1]: must be at most 1 (got 2)',
    ],
  ])('a camera %s', (camera, line) => {
    expect(problems(`cameras: {c: ${camera}}`)).toEqual([`vedette.yaml:${line}`]);
  });

  test('no camera at all is said at the place where cameras should be', () => {
    expect(problems('log: {}')).toEqual([
      'vedette.yaml:1:1 cameras: is missing, must be a mapping (name: value)',
    ]);
    expect(problems('log: {}\ncameras:\n')).toEqual(['vedette.yaml:2:9 cameras: at least one camera']);
  });

  test('an unknown key is refused with the key that was probably meant', () => {
    expect(problems(`mqtt:\n  keepalive: 30\n${CAMERAS}`)).toEqual([
      "vedette.yaml:2:3 mqtt.keepalive: unknown key 'keepalive' (did you mean 'keepaliveS'?)",
    ]);
    expect(problems('cameras: {c: {source: {type: scene, pace: fast, sed: 2}}}')).toEqual([
      "vedette.yaml:1:37 cameras.c.source.pace: unknown key 'pace' (known here: type, time, lens, seed, noise, leaves, flicker, rain, happenings)",
      "vedette.yaml:1:49 cameras.c.source.sed: unknown key 'sed' (did you mean 'seed'?)",
    ]);
  });

  test('all problems come at once, in the order of the file, and each with its fields', () => {
    const text = `mqtt:\n  url: http://x\n  keepaliveS: 1\nlogs: {}\n${CAMERAS}`;
    const error = refusal(() => parseConfig(text, OPTIONS));
    expect(error.data['problems']).toEqual([
      {
        file: 'vedette.yaml',
        line: 2,
        column: 8,
        path: 'mqtt.url',
        message: expect.stringContaining("(got 'http://x')"),
      },
      {
        file: 'vedette.yaml',
        line: 3,
        column: 15,
        path: 'mqtt.keepaliveS',
        message: 'must be at least 5 (got 1)',
      },
      {
        file: 'vedette.yaml',
        line: 4,
        column: 1,
        path: 'logs',
        message: "unknown key 'logs' (did you mean 'log'?)",
      },
    ]);
  });

  test('a rule over two keys speaks although a third key is wrong', () => {
    const lines = problems(`mqtt: {password: a, passwordFile: '', keepaliveS: 1}\n${CAMERAS}`);
    expect(lines.join('\n')).toContain('mqtt.passwordFile: give password or passwordFile, not both');
    expect(lines.join('\n')).toContain('mqtt.keepaliveS');
  });

  test('more than a hundred problems are cut short', () => {
    const text = `${CAMERAS}log:\n${Array.from({ length: 150 }, (_, i) => `  x${i}: 1\n`).join('')}`;
    const lines = problems(text);
    expect(lines).toHaveLength(101);
    expect(lines.at(-1)).toBe('vedette.yaml: and 50 more problems like these');
  });

  test('control characters of a value do not reach the terminal', () => {
    expect(problems(`mqtt: {url: "\\e[2J\\u202e"}\n${CAMERAS}`)[0]).toContain("(got '\\u001b[2J\\u202e')");
  });

  test('a long value is shortened', () => {
    expect(problems(`log: {level: ${'x'.repeat(500)}}\n${CAMERAS}`)[0]).toContain(
      `(got '${'x'.repeat(60)}…')`,
    );
  });
});

describe('the value of a secret is never shown', () => {
  test.each([
    ['wrong type', 'mqtt: {password: 31337}'],
    ['list', 'mqtt: {password: [hunter2]}'],
    ['alias', 'mqtt: {password: *hunter2}'],
    ['tag', 'mqtt: {password: !hunter2 x}'],
    ['unfinished reference', 'mqtt: {password: "hunter2${"}'],
    ['directive sign', 'mqtt: {password: @hunter2}'],
    ['escape', 'mqtt: {password: "\\hunter2"}'],
    ['URL', 'mqtt: {url: "mqtt://me:hunter2@host"}'],
    ['URL with a slash in the password', 'mqtt: {url: "mqtt://me:hunter2/@x@host"}'],
    ['URL longer than what is shown', `mqtt: {url: "mqtt://${'m'.repeat(70)}:hunter2@host"}`],
  ])('%s', (_, text) => {
    const error = refusal(() => parseConfig(`${text}\n${CAMERAS}`, OPTIONS));
    expect(error.message).toMatch(/^vedette.yaml:1:\d/);
    expect(`${error.message}${JSON.stringify(error.data)}`).not.toMatch(/hunter2|31337|mmm/);
  });

  test('a value from the environment is shown as it is written in the file', () => {
    const env = { URL: 'hunter2', N: '3' };
    expect(problems(`mqtt: {url: "\${URL}", keepaliveS: "\${N}"}\n${CAMERAS}`, { env })).toEqual([
      expect.stringMatching(/mqtt\.url: .*\(got '\$\{URL\}'\)$/),
      "vedette.yaml:1:35 mqtt.keepaliveS: must be at least 5 (got 3 from '${N}')",
    ]);
  });
});

describe('a text that is not a configuration', () => {
  test.each([
    ['', '1:1 the file is empty; it must have at least one camera'],
    ['# nothing\n', '1:1 the file is empty; it must have at least one camera'],
    ['[a]', '1:1 the file must be a mapping (key: value)'],
    ['hello', '1:1 the file must be a mapping (key: value)'],
    ['a: b: c', '1:4 a second "key:" on one line; put text that contains ": " in quotes'],
    ['a: "x', '1:6 a closing quote or bracket, a comma, a colon or a space is missing here'],
    ['a: 1\n---\nb: 1', '2:1 a second document begins here; a configuration is one document'],
    ['a: !x 1', '1:4 a ! begins a YAML tag, and this one is unknown; put text that begins with ! in quotes'],
    [`${CAMERAS}log: {? [a] : 1}`, '2:9 log: a key must be text'],
    [`log: {level: info}\n${CAMERAS}log: {}`, '3:1 log: is there twice'],
    ['cameras: {1: {source: {type: scene}}, "1": {source: {type: scene}}}', '1:39 cameras.1: is there twice'],
    [
      `mqtt: {user: *me}\n${CAMERAS}`,
      '1:14 mqtt.user: a * begins an alias, and this one has no anchor before it; put text that begins with * in quotes',
    ],
  ])('%s', (text, line) => {
    expect(problems(text)).toEqual([`vedette.yaml:${line}`]);
  });

  test('__proto__ and constructor are refused as keys and change nothing', () => {
    const lines = problems('cameras: {__proto__: {source: {type: scene}}, constructor: {polluted: 1}}\n');
    expect(lines.filter((line) => line.includes('reserved'))).toEqual([
      "vedette.yaml:1:11 cameras.__proto__: the name '__proto__' is reserved",
      "vedette.yaml:1:47 cameras.constructor: the name 'constructor' is reserved",
    ]);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  test('the - of a program that writes to standard output is named when it is not in quotes', () => {
    const text = 'cameras: {a: {source: {type: command, command: [ffmpeg, -]}}}\n';
    expect(refusal(() => parseConfig(text, OPTIONS)).message).toMatch(
      /^vedette\.yaml:1:57 .*in quotes \("-"\)/,
    );
    expect(() => parseConfig(text.replace('-]', '"-"]'), OPTIONS)).not.toThrow();
  });

  test('places are right after a syntax error', () => {
    const text = '[a---\n\nb';
    const { line } = (refusal(() => parseConfig(text, OPTIONS)).data['problems'] as { line: number }[]).at(
      -1,
    )!;
    expect(line).toBe(3);
  });

  test('a large file with a problem at every character is refused in seconds', () => {
    expect(problems('"'.repeat(1_000_000))).toHaveLength(101);
  });

  test('an alias bomb is refused', () => {
    const levels = Array.from({ length: 12 }, (_, i) => `a${i + 1}: &a${i + 1} [${`*a${i},`.repeat(9)}]`);
    expect(problems(`a0: &a0 [x]\n${levels.join('\n')}`)[0]).toMatch(/has more than 100000 values/);
  });

  test.each([
    ['an alias of itself', 'a: &a [*a]'],
    ['brackets without end', `a: ${'['.repeat(20_000)}`],
    ['closed brackets', `a: ${'['.repeat(5000)}${']'.repeat(5000)}`],
  ])('%s is nested too deeply', (_, text) => {
    const lines = problems(text);
    expect(lines.join('\n')).toMatch(/nested too deeply/);
  });
});

describe('semantic checks', () => {
  test('are placed at the value their path names, or above it', () => {
    const semanticChecks = () => [
      { path: ['cameras', 'yard', 'source', 'type'], message: 'is dull' },
      { path: ['mqtt', 'user'], message: 'is needed' },
      { path: ['track', 'scoreLow'], message: 'is low' },
    ];
    expect(problems(`mqtt: {url: mqtt://a}\n${CAMERAS}`, { semanticChecks })).toEqual([
      'vedette.yaml:1:1 mqtt.user: is needed',
      'vedette.yaml:1:1 track.scoreLow: is low',
      'vedette.yaml:2:33 cameras.yard.source.type: is dull',
    ]);
  });

  test('see the whole configuration, with its defaults', () => {
    const seen: unknown[] = [];
    const semanticChecks = (config: unknown) => {
      seen.push(config);
      return [];
    };
    const { config } = parseConfig(CAMERAS, { ...OPTIONS, semanticChecks });
    expect(seen).toEqual([config]);
  });

  test('speak in the same error as the schema, but not about sections with problems of their own', () => {
    const semanticChecks = () => [
      { path: ['rules', 'r', 'trigger', 'zone'], message: 'no such zone' },
      { path: ['mqtt', 'embedded', 'host'], message: 'unprotected' },
    ];
    const rule = 'rules: {r: {trigger: {type: enter, zone: z}}}\n';
    expect(problems(`mqtt: {keepaliveS: 1}\n${CAMERAS}${rule}`, { semanticChecks })).toEqual([
      'vedette.yaml:1:20 mqtt.keepaliveS: must be at least 5 (got 1)',
      'vedette.yaml:3:42 rules.r.trigger.zone: no such zone',
    ]);
    const brokenCamera = 'cameras: {a: {source: {type: scene}, zone: {}}}\n';
    expect(problems(`${brokenCamera}${rule}`, { semanticChecks })).toEqual(
      [
        "vedette.yaml:1:38 cameras.a.zone: unknown key 'zone' (did you mean 'zones'?)",
        'vedette.yaml:1:1 mqtt.embedded.host: unprotected',
      ].sort(),
    );
  });
});

describe('files', () => {
  test('a file is loaded and named by its base name in problems', () => {
    const folder = tempDir();
    const path = join(folder, 'my.yaml');
    writeFileSync(path, `\uFEFF${CAMERAS}`);
    expect(loadConfig(path, { env: {} }).config.cameras['yard']).toBeDefined();
    writeFileSync(path, 'cameras: 1');
    expect(refusal(() => loadConfig(path, { env: {} })).message).toMatch(/^my\.yaml:1:10 cameras: /);
  });

  test('the search finds the first that exists and else names all that were tried', () => {
    const folder = tempDir();
    const [missing, there] = [join(folder, 'a.yaml'), join(folder, 'b.yaml')];
    writeFileSync(there, CAMERAS);
    expect(findConfig([missing, there])).toBe(there);
    const error = refusal(() => findConfig([missing, '/nowhere.yaml']));
    expect(error.code).toBe('CONFIG_NOT_FOUND');
    expect(error.message).toContain(`tried ${missing}, /nowhere.yaml`);
    expect(refusal(() => loadConfig(missing, { env: {} })).code).toBe('CONFIG_NOT_FOUND');
  });

  test('a file that was named and is not there is told without a hint to name one', () => {
    const missing = join(tempDir(), 'a.yaml');
    expect(refusal(() => findConfig([missing])).message).toBe(`there is no configuration file ${missing}`);
  });

  test('a file that cannot be looked at is told as such, not as missing, and gives way to one that can', () => {
    const folder = tempDir();
    const [loop, there] = [join(folder, 'loop.yaml'), join(folder, 'b.yaml')];
    // Root may look into every folder, so a link to itself stands for one that is closed.
    symlinkSync(loop, loop);
    writeFileSync(there, CAMERAS);
    expect(findConfig([loop, there])).toBe(there);
    expect(findConfig([join(folder, 'a.yaml'), loop])).toBe(loop);
    expect(refusal(() => loadConfig(loop, { env: {} })).message).toBe(
      `loop.yaml:1:1 ${loop} cannot be read (ELOOP)`,
    );
  });

  test('the places to look are the environment, systemd, here and /etc', () => {
    expect(defaultConfigPaths({})).toEqual(['vedette.yaml', '/etc/vedette/vedette.yaml']);
    expect(defaultConfigPaths({ CONFIGURATION_DIRECTORY: '/etc/x:/etc/y' })).toEqual([
      '/etc/x/vedette.yaml',
      'vedette.yaml',
      '/etc/vedette/vedette.yaml',
    ]);
    expect(defaultConfigPaths({ VEDETTE_CONFIG: '/v.yaml', CONFIGURATION_DIRECTORY: '/etc/x' })).toEqual([
      '/v.yaml',
    ]);
  });

  test('a folder, a file over 1 MiB and a file that is not UTF-8 are refused', () => {
    const folder = tempDir();
    const path = join(folder, 'vedette.yaml');
    const message = () => refusal(() => loadConfig(path, { env: {} })).message;
    mkdirSync(path);
    expect(message()).toBe('vedette.yaml:1:1 is a folder, not a file');
    const other = join(folder, 'other.yaml');
    writeFileSync(other, `# ${'x'.repeat(1_048_576)}\n${CAMERAS}`);
    expect(refusal(() => loadConfig(other, { env: {} })).message).toMatch(/has \d+ bytes \(limit 1048576\)$/);
    writeFileSync(other, Buffer.from([0x61, 0x3a, 0xff]));
    expect(refusal(() => loadConfig(other, { env: {} })).message).toBe('other.yaml:1:1 is not UTF-8 text');
  });
});
