// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to the environment are tested here
// References to the environment in a configuration: replaced, escaped, turned into numbers, refused.
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../daemon/config/load.ts';
import { reasonOf } from '../../daemon/platform/errors.ts';

const CAMERAS = 'cameras: {yard: {source: {type: scene}}}\n';
const OPTIONS = { fileName: 'vedette.yaml', folder: '/etc/vedette', env: {} };

/** The problem lines of a text that is refused. */
function problems(text: string, { env }: { env: NodeJS.ProcessEnv } = { env: {} }): string[] {
  try {
    parseConfig(text, { ...OPTIONS, env });
  } catch (error) {
    return reasonOf(error).split('\n');
  }
  throw new Error('was not refused');
}

describe('the environment', () => {
  const one = (text: string, env: NodeJS.ProcessEnv) =>
    parseConfig(`${text}\n${CAMERAS}`, { ...OPTIONS, env }).config;

  test('is put into text, with defaults and escapes', () => {
    const env = { A: 'x', EMPTY: '' };
    expect(one('mqtt: {user: "${A}-${B:-b}-${EMPTY:-c}-$${A}-$A"}', env).mqtt.user).toBe('x-b-c-${A}-$A');
  });

  test('is not looked at again, so a password may hold anything', () => {
    expect(one('mqtt: {user: "${A}"}', { A: '${A} *x: "' }).mqtt.user).toBe('${A} *x: "');
  });

  test('becomes a number or boolean where the schema wants one and stays text elsewhere', () => {
    const env = { PORT: '1999', PASSWORD: '0123', ON: 'true', HALF: '.5' };
    const { mqtt, track } = one(
      'mqtt: {embedded: {port: "${PORT}", enabled: "${ON}", user: u, password: "${PASSWORD}"}}\ntrack: {scoreMin: "${HALF}"}',
      env,
    );
    expect(mqtt.embedded).toMatchObject({ port: 1999, enabled: true, password: '0123' });
    expect(track.scoreMin).toBe(0.5);
  });

  test('does not turn a part of a text, or a text that is no number, into a number', () => {
    const port = (text: string): string[] =>
      problems(`mqtt: {embedded: {port: "${text}"}}\n${CAMERAS}`, { env: { P: '18', X: '0x10' } });
    expect(port('${P}83')).toEqual([expect.stringContaining("must be a number (got '${P}83')")]);
    expect(port('${X}')).toEqual([expect.stringContaining("must be a number (got '${X}')")]);
  });

  test('an unset variable is one problem at its place', () => {
    expect(problems(`log:\n  level: \${LEVEL}\n${CAMERAS}`)).toEqual([
      'vedette.yaml:2:10 log.level: the environment variable LEVEL is not set (give a default with ${LEVEL:-value})',
    ]);
    expect(problems(`mqtt: {user: "\${constructor}"}\n${CAMERAS}`)[0]).toContain('constructor is not set');
  });

  test('the same problem at the same place is said once', () => {
    expect(problems(`mqtt: {user: "\${A} \${A}"}\n${CAMERAS}`)).toHaveLength(1);
  });

  test('a reference that is none is a problem', () => {
    for (const text of ['${', '${}', '${a b}', '${1A}', '${A']) {
      expect(problems(`mqtt: {user: '${text}'}\n${CAMERAS}`, { env: { A: 'x' } })).toEqual([
        expect.stringContaining('must be followed by the name of an environment variable'),
      ]);
    }
  });
});
