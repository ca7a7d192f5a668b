// What may reach the shell of node-libcamera: numbers within bounds, words of a list, flags, a harmless path. Nothing else.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { shellSafe } from '../../daemon/camera/still.ts';

const OUTPUT = '/dev/shm/vedette-0-123/picture.jpg';

describe('options for a shell', () => {
  test('that are right are passed on, flags that are off left out', () => {
    const options = {
      output: OUTPUT,
      ...{ width: 1280, height: 720, camera: 1, rotation: 180, ev: 0.5, awb: 'daylight', nopreview: true },
      roi: { x: 0, y: 0.25, w: 0.5, h: 0.5 },
    };
    expect(shellSafe({ ...options, hflip: false, vflip: undefined })).toEqual(options);
  });

  test('that are negative are written with =, so that the program does not take them for an option', () => {
    expect(shellSafe({ ev: -0.5, brightness: -1 })).toEqual({ 'ev=-0.5': true, 'brightness=-1': true });
  });

  test.each([
    ['a path with a command', { output: '/tmp/x;reboot' }],
    ['a path with a space', { output: '/tmp/a b.jpg' }],
    ['a path that climbs', { output: '/tmp/../etc/passwd' }],
    ['a path that is an option', { output: '--help' }],
    ['a number as text', { width: '640' }],
    ['a number out of its bounds', { shutter: 1e12 }],
    ['no number', { gain: Number.NaN }],
    ['a word that is not in the list', { awb: 'auto;reboot' }],
    ['a flag with a value', { hflip: '$(reboot)' }],
    ['an option that is not in the list', { 'post-process-file': '/tmp/x' }],
    ['a name with a command', { '$(reboot)': true }],
    ['a name of every object', { constructor: 1 }],
    ['a region with more', { roi: { x: 0, y: 0, w: 1, h: 1, toString: '$(reboot)' } }],
    ['a region of text', { roi: { x: 0, y: 0, w: 1, h: '1;reboot' } }],
    ['an object', { width: { toString: '1' } }],
  ])('%s is refused', (_what, options) => {
    expect(() => shellSafe(options)).toThrow(/^refused for a shell: option/);
  });

  test('never hold a character that a shell takes for more than itself', () => {
    const value = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constantFrom('auto', OUTPUT));
    const name = fc.oneof(fc.string(), fc.constantFrom('output', 'width', 'ev', 'awb', 'hflip'));
    fc.assert(
      fc.property(fc.dictionary(name, value), (options) => {
        try {
          for (const part of Object.entries(shellSafe(options)).flat()) {
            expect(String(part)).toMatch(/^[\w./+=-]+$/);
          }
        } catch (error) {
          expect(String(error)).toContain('refused for a shell');
        }
      }),
      { numRuns: 2000 },
    );
  });
});
