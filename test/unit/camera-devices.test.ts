// Which cameras a board has, as its kernel and its tools tell it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { decodersOf } from '../../daemon/camera/decoder-findings.ts';
import type { DecoderSupport } from '../../daemon/camera/decoders.ts';
import { cameraDeviceFindings, listVideoDevices, parseLibcameraList } from '../../daemon/camera/devices.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import { SYSTEM_ROOTS } from '../../daemon/platform/system-files.ts';
import { tempDir } from '../support/temp-dir.ts';

afterEach(() => void vi.unstubAllEnvs());

test('codecs, image processors and raw sensors of a Raspberry Pi are no cameras', () => {
  const sys = tempDir();
  const names = {
    video0: 'HD Pro Webcam C920',
    video2: 'unicam-image',
    video10: 'bcm2835-codec-decode',
    video13: 'bcm2835-isp-output0',
    video19: 'rpivid',
    video20: 'pispbe-input',
    video21: 'rp1-cfe-csi2_ch0',
  };
  for (const [node, name] of Object.entries(names)) {
    mkdirSync(join(sys, 'class/video4linux', node), { recursive: true });
    writeFileSync(join(sys, 'class/video4linux', node, 'name'), `${name}\n`);
  }
  const { cameras, others } = listVideoDevices({ ...SYSTEM_ROOTS, sys });
  expect(cameras).toEqual([{ path: '/dev/video0', name: 'HD Pro Webcam C920' }]);
  expect(others.map(({ path }) => path)).toEqual(
    Object.keys(names)
      .slice(1)
      .map((node) => `/dev/${node}`),
  );
  expect(listVideoDevices({ ...SYSTEM_ROOTS, sys: tempDir() })).toEqual({ cameras: [], others: [] });
});

test('the list of rpicam-hello is read', () => {
  const text = `Available cameras
-----------------
0 : imx708_wide [4608x2592 10-bit RGGB] (/base/axi/pcie@120000/rp1/i2c@88000/imx708@1a)
    Modes: 'SRGGB10_CSI2P' : 1536x864 [120.13 fps - (768, 432)/3072x1728 crop]
                             4608x2592 [14.35 fps - (0, 0)/4608x2592 crop]
1 : imx219 [3280x2464 10-bit RGGB] (/base/axi/pcie@120000/rp1/i2c@80000/imx219@10)
`;
  expect(parseLibcameraList(text)).toEqual([
    { index: 0, sensor: 'imx708_wide', size: '4608x2592' },
    { index: 1, sensor: 'imx219', size: '3280x2464' },
  ]);
  expect(parseLibcameraList('No cameras available!\n')).toEqual([]);
});

test('a USB camera is told with its formats, its second device without', async () => {
  const [sys, programs] = [tempDir(), tempDir()];
  for (const node of ['video0', 'video1']) {
    mkdirSync(join(sys, 'class/video4linux', node), { recursive: true });
    writeFileSync(join(sys, 'class/video4linux', node, 'name'), 'C920\n');
  }
  const lines = [
    '[video4linux2,v4l2 @ 0x55] Raw       :     yuyv422 :           YUYV 4:2:2 : 640x480 1280x720',
    '[video4linux2,v4l2 @ 0x55] Compressed:       mjpeg :          Motion-JPEG : 1920x1080',
  ];
  const say = `case "$*" in *list_formats*video0*) printf '%s\\n' '${lines.join("' '")}' >&2;; esac; exit 1`;
  writeFileSync(join(programs, 'ffmpeg'), `#!/bin/sh\n${say}\n`, { mode: 0o755 });
  vi.stubEnv('PATH', `${programs}:/usr/bin:/bin`);
  const signal = new AbortController().signal;
  expect(await cameraDeviceFindings(systemClock, signal, { ...SYSTEM_ROOTS, sys })).toMatchObject([
    {
      level: 'ok',
      subject: '/dev/video0',
      message: 'C920: yuyv422 640x480 1280x720, mjpeg 1920x1080',
      facts: { formats: [{ name: 'yuyv422', sizes: ['640x480', '1280x720'] }, { name: 'mjpeg' }] },
    },
    { level: 'ok', subject: '/dev/video1', message: expect.stringContaining('lists no format') },
  ]);
});

test('a decoder whose device is there and that ffmpeg does not know is a warning, those of other boards share a line', () => {
  const support = (name: DecoderSupport['name'], device?: string, usable = false): DecoderSupport => {
    return { name, device, usable, reason: `reason ${name}`, codecs: undefined, scaler: undefined };
  };
  const supports = [
    support('nvmpi'),
    support('nvdec'),
    support('drm', '/dev/video19'),
    support('v4l2m2m', '/dev/video10', true),
  ];
  expect(decodersOf('5.1', supports)).toMatchObject([
    { level: 'ok', message: 'ffmpeg 5.1; hardware decoders: v4l2m2m' },
    { level: 'ok', subject: 'v4l2m2m', message: 'reason v4l2m2m' },
    { level: 'warning', subject: 'drm', message: 'reason drm' },
    { level: 'ok', subject: 'not of this board', message: 'nvmpi (reason nvmpi), nvdec (reason nvdec)' },
  ]);
});
