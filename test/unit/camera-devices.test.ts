// Which cameras a board has, as its kernel and its tools tell it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { listVideoDevices, parseFormats, parseLibcameraList } from '../../daemon/camera/devices.ts';
import { SYSTEM_ROOTS } from '../../daemon/platform/system-files.ts';
import { tempDir } from '../support/temp-dir.ts';

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

test('the formats of a USB camera are read with their sizes and greatest rates', () => {
  const text = `ioctl: VIDIOC_ENUM_FMT
\tType: Video Capture

\t[0]: 'YUYV' (YUYV 4:2:2)
\t\tSize: Discrete 640x480
\t\t\tInterval: Discrete 0.033s (30.000 fps)
\t\t\tInterval: Discrete 0.042s (24.000 fps)
\t\tSize: Discrete 1280x720
\t\t\tInterval: Discrete 0.100s (10.000 fps)
\t[1]: 'MJPG' (Motion-JPEG, compressed)
\t\tSize: Discrete 1920x1080
\t\t\tInterval: Discrete 0.200s (5.000 fps)
\t\t\tInterval: Discrete 0.033s (30.000 fps)
\t[2]: 'RGGB' (8-bit Bayer RGRG/GBGB)
\t\tSize: Stepwise 16x16 - 3280x2464 with step 1/1
`;
  expect(parseFormats(text)).toEqual([
    { format: 'YUYV', sizes: ['640x480@30', '1280x720@10'] },
    { format: 'MJPG', sizes: ['1920x1080@30'] },
    { format: 'RGGB', sizes: ['16x16 - 3280x2464'] },
  ]);
  expect(parseFormats('')).toEqual([]);
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
