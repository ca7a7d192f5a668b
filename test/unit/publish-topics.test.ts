// Names of topics: how hostile or odd names become topic levels.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NAME_LENGTH_MAX, sanitise } from '../../daemon/core/names.ts';
import {
  cameraPath,
  cameraStatusPath,
  detectionsPath,
  deviceSlug,
  isSnapshotPathOf,
  labelOfPath,
  labelPath,
  labelSnapshotPath,
  outboxTopic,
  pathOf,
  STATUS_PATH,
  snapshotPath,
  topicOf,
  zoneLabelPath,
} from '../../daemon/publish/topics.ts';

describe('topics', () => {
  test('are built from the device and the camera', () => {
    expect(topicOf('porch-pi', STATUS_PATH)).toBe('vedette/porch-pi/status');
    expect(outboxTopic('porch-pi', 'event')).toBe('vedette/porch-pi/event');
    expect(outboxTopic('porch-pi', 'alert')).toBe('vedette/porch-pi/alert');
    expect(outboxTopic('porch-pi', 'gap')).toBe('vedette/porch-pi/gap');
    expect(cameraStatusPath('door')).toBe('camera/door/status');
    expect(detectionsPath('door')).toBe('camera/door/detections');
    expect(snapshotPath('door')).toBe('camera/door/snapshot');
    expect(labelSnapshotPath('door', 'Stop Sign')).toBe('camera/door/label/stop_sign/snapshot');
  });

  test('a path is found again in its topic, in ours only', () => {
    expect(pathOf(topicOf('pi', snapshotPath('door')))).toBe('camera/door/snapshot');
    expect(pathOf('homeassistant/device/pi/config')).toBeUndefined();
    expect(pathOf('vedette/pi')).toBeUndefined();
  });

  test('pictures of a camera are told from its other topics and from other cameras', () => {
    expect(isSnapshotPathOf(['door'], snapshotPath('door'))).toBe(true);
    expect(isSnapshotPathOf(['door'], labelSnapshotPath('door', 'dog'))).toBe(true);
    expect(isSnapshotPathOf(['door'], cameraStatusPath('door'))).toBe(false);
    expect(isSnapshotPathOf(['door'], snapshotPath('door2'))).toBe(false);
    expect(cameraPath('door')).toBe('camera/door/');
  });

  test('a name cannot add a level, a wildcard or a control character', () => {
    expect(cameraStatusPath('a/+/#\u0000')).toBe('camera/a_____/status');
    expect(topicOf('../Büro', STATUS_PATH)).toBe(`vedette/${sanitise('../Büro')}/status`);
    expect(sanitise('../Büro')).toMatch(/^___b_ro-[a-z0-9]+$/);
  });

  test('labels in another script are topics of their own, the same in every life', () => {
    expect(labelPath('door', '行人')).toBe('camera/door/label/__-1gjtywu');
    expect(labelPath('door', '汽车')).toBe('camera/door/label/__-1co49bu');
    expect(labelPath('door', 'Bürger')).toBe('camera/door/label/b_rger-1cbf9bi');
    expect(labelPath('door', 'Börger')).toBe('camera/door/label/b_rger-nk4v0');
    expect(zoneLabelPath('door', 'step', '行人')).toBe('camera/door/zone/step/__-1gjtywu');
    expect(labelOfPath(labelPath('door', '行人'))).toEqual({ camera: 'door', label: sanitise('行人') });
    expect(sanitise('🚗')).not.toBe(sanitise('🚶'));
    // Latin letters that `toLowerCase` makes ASCII ones of.
    expect(sanitise('\u212A9')).not.toBe('k9');
  });

  test('capital letters, spaces and punctuation add nothing to a name', () => {
    expect(['traffic light', 'Stop Sign', "it's", 'car (parked)', 'a – b', 'C++'].map(sanitise)).toEqual([
      'traffic_light',
      'stop_sign',
      'it_s',
      'car__parked_',
      'a___b',
      'c__',
    ]);
  });

  test('labels that differ beyond the longest name are topics of their own', () => {
    const begin = 'a'.repeat(NAME_LENGTH_MAX);
    expect(sanitise(begin)).toBe(begin);
    expect(sanitise(`${begin}b`)).not.toBe(sanitise(`${begin}c`));
  });

  test('any string becomes one clean level', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        expect(sanitise(name)).toMatch(/^[a-z0-9_-]{1,64}$/);
        expect(sanitise(sanitise(name))).toBe(sanitise(name));
        expect(deviceSlug(name)).toMatch(/^[a-z0-9_-]{1,64}$/);
      }),
    );
  });

  test('the default device name is the first label of the host name', () => {
    expect(deviceSlug('Porch-Pi.local')).toBe('porch-pi');
    expect(deviceSlug('my board_2')).toBe('my-board_2');
    expect(deviceSlug('--')).toBe('vedette');
    expect(deviceSlug('')).toBe('vedette');
  });
});
