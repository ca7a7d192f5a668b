// Names of topics: how hostile or odd names become topic levels.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sanitise } from '../../daemon/core/names.ts';
import {
  cameraStatusTopic,
  detectionsTopic,
  deviceSlug,
  healthTopic,
  labelSnapshotTopic,
  outboxTopic,
  snapshotTopic,
  statusTopic,
} from '../../daemon/publish/topics.ts';

describe('topics', () => {
  test('are built from the device and the camera', () => {
    expect(statusTopic('porch-pi')).toBe('vedette/porch-pi/status');
    expect(healthTopic('porch-pi')).toBe('vedette/porch-pi/health');
    expect(outboxTopic('porch-pi', 'event')).toBe('vedette/porch-pi/event');
    expect(outboxTopic('porch-pi', 'alert')).toBe('vedette/porch-pi/alert');
    expect(outboxTopic('porch-pi', 'gap')).toBe('vedette/porch-pi/gap');
    expect(cameraStatusTopic('porch-pi', 'door')).toBe('vedette/porch-pi/camera/door/status');
    expect(detectionsTopic('porch-pi', 'door')).toBe('vedette/porch-pi/camera/door/detections');
    expect(snapshotTopic('porch-pi', 'door')).toBe('vedette/porch-pi/camera/door/snapshot');
    expect(labelSnapshotTopic('porch-pi', 'door', 'Stop Sign')).toBe(
      'vedette/porch-pi/camera/door/label/stop_sign/snapshot',
    );
  });

  test('a name cannot add a level, a wildcard or a control character', () => {
    expect(cameraStatusTopic('pi', 'a/+/#\u0000')).toBe('vedette/pi/camera/a_____/status');
    expect(statusTopic('../Büro')).toBe('vedette/___b_ro/status');
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
