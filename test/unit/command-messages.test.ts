// Commands and requests read as hostile: what is taken, and in which words the rest is refused.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VedetteError } from '../../daemon/platform/errors.ts';
import {
  COMMAND_BYTES_MAX,
  commandText,
  readRequest,
  readSwitch,
  refusalPayload,
  switchOf,
  switchText,
} from '../../daemon/publish/command-messages.ts';

const ARMED = { key: 'arm', name: 'armed' } as const;
const THRESHOLD = { key: 'camera/porch/threshold', name: 'threshold' } as const;

/** The refusal of something that throws one. */
function refusalOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof VedetteError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'taken';
}

describe('a value', () => {
  test('of a switch is ON or OFF, of a threshold a number from 0 to 1 or auto', () => {
    expect([readSwitch(ARMED, 'ON'), readSwitch(ARMED, 'OFF')]).toEqual([true, false]);
    const texts = ['0', '1', '0.5', '0.123456', '1.0', '1.000000', 'auto'];
    expect(texts.map((text) => readSwitch(THRESHOLD, text))).toEqual([0, 1, 0.5, 0.123456, 1, 1, null]);
  });

  test.each(['', 'on', 'On', 'ON\n', ' ON', 'TRUE', '1', '"ON"', 'ONOFF', 'О\u041d'])(
    '%j is no ON',
    (text) => {
      expect(refusalOf(() => readSwitch(ARMED, text))).toMatch(
        /^COMMAND_INVALID: arm: must be ON or OFF \(got '/,
      );
    },
  );

  test.each([
    '',
    '-0',
    '-0.1',
    '1.1',
    '1.0000001',
    '.5',
    '0.',
    '5e-1',
    '0x0',
    'NaN',
    'Infinity',
    '0,5',
    '00',
    ' 0',
    '٠',
  ])('%j is no threshold', (text) => {
    const words = /^COMMAND_INVALID: camera\/porch\/threshold: must be a number from 0 to 1, or auto \(got '/;
    expect(refusalOf(() => readSwitch(THRESHOLD, text))).toMatch(words);
  });

  test('reads back what it says', () => {
    for (const value of [0, 0.35, 1, null]) expect(readSwitch(THRESHOLD, switchText(value))).toBe(value);
    expect([1e-9, 1e-6, 0.123456789].map(switchText)).toEqual(['0', '0.000001', '0.123457']);
    for (const value of [true, false]) expect(readSwitch(ARMED, switchText(value))).toBe(value);
  });
});

describe('a topic', () => {
  const cameras = ['porch', 'lane'];

  test('names a switch that there is', () => {
    expect(switchOf('arm/set', cameras)).toEqual(ARMED);
    expect(switchOf('camera/porch/threshold/set', cameras)).toEqual(THRESHOLD);
  });

  test.each([
    ['camera/yard/armed/set', "there is no camera 'yard' (there are porch, lane)"],
    ['camera/constructor/armed/set', "there is no camera 'constructor' (there are porch, lane)"],
    ['camera//armed/set', "there is no camera '' (there are porch, lane)"],
    ['camera/\u001b[2J/armed/set', "there is no camera '\\u001b[2J' (there are porch, lane)"],
    [
      'camera/porch/toString/set',
      "camera 'porch' has no switch 'toString' (it has enabled, detect, armed, threshold)",
    ],
  ])('%j is refused in words', (path, words) => {
    expect(refusalOf(() => switchOf(path, cameras))).toBe(`COMMAND_UNKNOWN: ${words}`);
  });
});

describe('a payload', () => {
  test('is UTF-8 of a few kilobytes', () => {
    expect(commandText(Buffer.alloc(COMMAND_BYTES_MAX, 'a'))).toHaveLength(COMMAND_BYTES_MAX);
    expect(refusalOf(() => commandText(Buffer.alloc(COMMAND_BYTES_MAX + 1, 'a')))).toBe(
      'COMMAND_INVALID: 4097 bytes are more than a command may have (4096)',
    );
    const broken = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf8, 0x88, 0x80, 0x80, 0x80], [0xe2, 0x82]];
    for (const bytes of broken) {
      expect(refusalOf(() => commandText(Buffer.from(bytes)))).toMatch(/^COMMAND_INVALID: .* not UTF-8$/);
    }
  });
});

describe('a request', () => {
  const good = { id: 'a-1_Z', counter: 'alert', afterSeq: 7 };

  test('is a JSON object of known keys', () => {
    expect(readRequest(JSON.stringify(good)).read('events')).toEqual({ ...good, limit: 100 });
    expect(readRequest('{"id":"b","camera":"porch"}').read('snapshot')).toEqual({ id: 'b', camera: 'porch' });
  });

  test.each([
    ['', /not JSON: ''/],
    ['{', /not JSON: '{'/],
    ['[]', /must be a JSON object \(got a list of 0\)/],
    ['null', /must be a JSON object \(got nothing\)/],
    ['"\u0007"', /not JSON: '"\\u0007"'/],
    ['{}', /^COMMAND_INVALID: id: must be 1 to 64 of .* \(got nothing\)/],
    ['{"id":7}', /id: .*\(got 7\)/],
    ['{"id":"a/b"}', /id: .*\(got 'a\/b'\)/],
    ['{"id":"error"}', /and not 'error'/],
    [`{"id":"${'x'.repeat(65)}"}`, /id: .*…'\)/],
    ['{"id":"a"}', /counter: .*"event"\|"alert".* \(got nothing\)/],
    ['{"id":"a","counter":"gap","afterSeq":0}', /counter: .*\(got 'gap'\)/],
    ['{"id":"a","counter":"event","afterSeq":-1}', /afterSeq: .*>=0.*\(got -1\)/],
    ['{"id":"a","counter":"event","afterSeq":1e300}', /afterSeq: .*\(got 1e\+300\)/],
    ['{"id":"a","counter":"event","afterSeq":"1"}', /afterSeq: .*\(got '1'\)/],
    ['{"id":"a","counter":"event","afterSeq":1,"limit":201}', /limit: .*<=200.*\(got 201\)/],
    [
      '{"id":"a","counter":"event","afterSeq":1,"more\u007f":2}',
      /there is no key 'more\\u007f' \(there are id, /,
    ],
    ['{"id":"a","counter":"event","afterSeq":1,"__proto__":2}', /there is no key '__proto__'/],
    ['{"id":"a","counter":{"deep":[[[[]]]]},"afterSeq":1}', /counter: .*\(got a mapping\)/],
  ])('%j is refused in words', (text, words) => {
    expect(refusalOf(() => readRequest(text).read('events'))).toMatch(words);
  });

  test('that is nested as deep as fits is refused like any other', () => {
    const deep = '['.repeat(COMMAND_BYTES_MAX / 2) + ']'.repeat(COMMAND_BYTES_MAX / 2);
    expect(refusalOf(() => readRequest(deep).read('events'))).toContain('must be a JSON object');
  });

  test('with a good id is answered to it, whatever else is wrong', () => {
    expect(readRequest('{"id":"abc","nonsense":1}').id).toBe('abc');
    expect(readRequest('{"id":"a b"}').id).toBeUndefined();
    expect(readRequest('{"id":"error"}').id).toBeUndefined();
  });
});

test('whatever comes, a refusal is JSON without a control character and shorter than what it answers could be', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 3000 }),
      fc.string({ unit: 'binary' }),
      (text, path) => {
        for (const act of [
          () => readRequest(text).read('events'),
          () => readRequest(JSON.stringify({ id: text, [path]: text })).read('snapshot'),
          () => switchOf(`camera/${path}/${text}/set`, ['porch']),
          () => readSwitch(ARMED, `${text}x`),
        ]) {
          try {
            act();
          } catch (error) {
            expect(error).toBeInstanceOf(VedetteError);
            const payload = refusalPayload(error as VedetteError, { path, nowMs: 0 });
            // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that must not be there
            expect(payload).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/);
            expect(payload.length).toBeLessThan(3000);
            JSON.parse(payload);
          }
        }
      },
    ),
  );
});
