// The codes of MQTT in words, and the table of docs/mqtt.md held against them; which version an attempt speaks.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ProtocolChoice } from '../../daemon/publish/protocol.ts';
import { adviceOn, codeWords, isVersionRefusal, mayBlameMessage } from '../../daemon/publish/reasons.ts';
import { ROOT } from '../support/needs.ts';

const WHO = { clientId: 'vedette-pi', hasUser: true };

describe('codes', () => {
  test('have words, unknown ones too', () => {
    expect(codeWords(4)).toBe('bad username or password (4)');
    expect(codeWords(0x8e)).toBe('session taken over (0x8E)');
    expect(codeWords(0xfe)).toBe('unknown reason (0xFE)');
    expect(codeWords(0x97, 'too\u001b[2J much')).toBe('quota exceeded (0x97): "too\\u001b[2J much"');
  });

  test('in docs/mqtt.md have the words of the log', () => {
    const text = readFileSync(join(ROOT, 'docs/mqtt.md'), 'utf8');
    const named = [...text.matchAll(/`([a-z3.1 ]+ \((\d|0x[0-9A-F]{2})\))`/gi)];
    expect(named.length).toBeGreaterThan(15);
    expect(named.filter(([, words, code]) => codeWords(Number(code)) !== words)).toEqual([]);
  });

  test('of a broker that stops, is busy or gave our name to another say nothing against a message', () => {
    for (const code of [0x89, 0x8b, 0x8d, 0x8e, 0x98]) expect(mayBlameMessage(code)).toBe(false);
    for (const code of [undefined, 0x80, 0x82, 0x95, 0x99]) expect(mayBlameMessage(code)).toBe(true);
  });

  test('have advice that names what can be changed', () => {
    expect(adviceOn(0x87, WHO)).toContain('check mqtt.user');
    expect(adviceOn(0x87, { ...WHO, hasUser: false })).toContain('set mqtt.user');
    expect(adviceOn(0x85, WHO)).toContain('vedette-pi');
    expect(adviceOn(0x9d, WHO)).toContain('mqtt.url');
    expect(adviceOn(0xfe, WHO)).not.toBe('');
  });

  test('that refuse a version are those of both versions', () => {
    expect([0, 1, 2, 0x84, 0x87, undefined].filter(isVersionRefusal)).toEqual([1, 0x84]);
  });
});

describe('the version that is spoken', () => {
  const closed = { closed: true };
  const away = { closed: false };

  test('with auto is 5, and 3.1.1 for good after a refusal in words', () => {
    const choice = new ProtocolChoice('auto');
    expect(choice.version).toBe(5);
    expect(choice.failed(away)).toBe(false);
    expect(choice.version).toBe(5);
    expect(choice.failed({ code: 0x84, closed: false })).toBe(true);
    expect(choice.version).toBe(4);
    choice.lost();
    expect(choice.failed(closed)).toBe(false);
    expect(choice.version).toBe(4);
  });

  test('with auto is 5 again when 3.1.1 is refused in turn', () => {
    const choice = new ProtocolChoice('auto');
    choice.failed({ code: 1, closed: false });
    expect(choice.failed({ code: 1, closed: false })).toBe(false);
    expect(choice.version).toBe(5);
  });

  test('with auto changes with every close without an answer, and begins with 5 after a connection', () => {
    const choice = new ProtocolChoice('auto');
    const spoken = Array.from({ length: 4 }, () => {
      choice.failed(closed);
      return choice.version;
    });
    expect(spoken).toEqual([4, 5, 4, 5]);
    choice.failed(closed);
    choice.lost();
    expect(choice.version).toBe(5);
  });

  test('that the configuration names stays', () => {
    for (const [setting, version] of [
      ['5', 5],
      ['3.1.1', 4],
    ] as const) {
      const choice = new ProtocolChoice(setting);
      expect(choice.failed({ code: 1, closed: false })).toBe(false);
      expect(choice.failed(closed)).toBe(false);
      expect(choice.version).toBe(version);
    }
  });
});
