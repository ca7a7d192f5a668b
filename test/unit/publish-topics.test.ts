// Names of topics: how hostile or odd names become topic levels.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sanitise } from '../../daemon/core/names.ts';
import {
  cameraPath,
  cameraStatusPath,
  detectionsPath,
  deviceSlug,
  isSnapshotPathOf,
  labelSnapshotPath,
  outboxTopic,
  pathOf,
  STATUS_PATH,
  snapshotPath,
  topicOf,
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
    expect(topicOf('../Büro', STATUS_PATH)).toBe('vedette/___b_ro/status');
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
