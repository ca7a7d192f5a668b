// What `vedette doctor` makes of a board's files: those of a Pi 4, a Pi 5, a Jetson Orin and a PC, written here as those
// boards show them.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { deviceFindings, secretFindings } from '../../daemon/platform/access.ts';
import { cpuFindings, cutsByteSums, readCpu } from '../../daemon/platform/cpu.ts';
import { hardwareFindings, readHardware } from '../../daemon/platform/hardware.ts';
import {
  flagsNow,
  hwmonFinding,
  parseThrottled,
  throttlingFinding,
  throttlingOf,
} from '../../daemon/platform/power.ts';
import type { SystemRoots } from '../../daemon/platform/system-files.ts';
import { temperatureFindings, thermalZones } from '../../daemon/platform/temperature.ts';
import { timeFindings } from '../../daemon/platform/time-sync.ts';
import { tempDir } from '../support/temp-dir.ts';

/** Roots in a fresh folder with these files (path below the root: text). */
function board(files: Readonly<Record<string, string>>): SystemRoots {
  const root = tempDir();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const at = (name: string): string => join(root, name);
  return { proc: at('proc'), sys: at('sys'), dev: at('dev'), run: at('run'), etc: at('etc') };
}

function armCores(count: number, part: string, features: string): string {
  const core = (index: number): string =>
    `processor\t: ${index}\nBogoMIPS\t: 108.00\nFeatures\t: ${features}\nCPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: ${part}\nCPU revision\t: 3\n`;
  return Array.from({ length: count }, (_, index) => core(index)).join('\n');
}

const PI_4 = `${armCores(4, '0xd08', 'fp asimd evtstrm crc32 cpuid')}\nRevision\t: c03114\nSerial\t: 10000000abcdef01\nModel\t: Raspberry Pi 4 Model B Rev 1.4\n`;
const PI_5 = armCores(
  4,
  '0xd0b',
  'fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp',
);
const ORIN = armCores(
  6,
  '0xd42',
  'fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp uscat ilrcpc flagm paca pacg',
);
const PC =
  'processor\t: 0\nmodel name\t: Intel(R) N100\nflags\t\t: fpu sse4_2 avx2 avx_vnni\n\nprocessor\t: 1\nmodel name\t: Intel(R) N100\nflags\t\t: fpu sse4_2 avx2 avx_vnni\n\n';

describe('the processor', () => {
  test('of a Pi 4 has no dot-product instructions, and that is a warning with advice', () => {
    const cpu = readCpu(board({ 'proc/cpuinfo': PI_4 }), 'arm64');
    expect(cpu).toMatchObject({ cores: 4, model: 'Cortex-A72', features: [] });
    expect(cpuFindings(cpu)).toEqual([
      expect.objectContaining({
        level: 'warning',
        message: '4 x Cortex-A72 (arm64): no dotprod, no i8mm, no fp16',
        advice: expect.stringContaining('int8 models can be slower than float ones'),
      }),
    ]);
  });

  test('of a Pi 5 has them', () => {
    const cpu = readCpu(board({ 'proc/cpuinfo': PI_5 }), 'arm64');
    expect(cpu).toMatchObject({ cores: 4, model: 'Cortex-A76', features: ['dotprod', 'fp16'] });
    expect(cpuFindings(cpu)).toMatchObject([
      { level: 'ok', message: '4 x Cortex-A76 (arm64): dotprod, fp16, no i8mm' },
    ]);
  });

  test('of an Orin and of a PC are named with their features', () => {
    expect(readCpu(board({ 'proc/cpuinfo': ORIN }), 'arm64')).toMatchObject({
      cores: 6,
      model: 'Cortex-A78AE',
      features: ['dotprod', 'fp16'],
    });
    expect(readCpu(board({ 'proc/cpuinfo': PC }), 'x64')).toMatchObject({
      cores: 2,
      model: 'Intel(R) N100',
      features: ['avx2', 'avx_vnni'],
    });
  });

  test('with cores of two kinds has only the features that all of them have', () => {
    const rk3588 = `${armCores(4, '0xd05', 'fp asimd asimddp')}\n${armCores(4, '0xd0b', 'fp asimd asimddp fphp')}`;
    expect(readCpu(board({ 'proc/cpuinfo': rk3588 }), 'arm64')).toMatchObject({
      cores: 8,
      model: 'Cortex-A55 / Cortex-A76',
      features: ['dotprod'],
    });
  });

  test('with the governor powersave is a warning, but not where that governor follows the load', () => {
    const governed = (driver: string) =>
      readCpu(
        board({
          'proc/cpuinfo': PI_5,
          'sys/devices/system/cpu/cpu0/cpufreq/scaling_governor': 'powersave\n',
          'sys/devices/system/cpu/cpu0/cpufreq/scaling_driver': `${driver}\n`,
        }),
        'arm64',
      );
    expect(cpuFindings(governed('cpufreq-dt'))[1]).toMatchObject({ level: 'warning', subject: 'governor' });
    expect(cpuFindings(governed('intel_pstate'))[1]).toMatchObject({ level: 'ok', subject: 'governor' });
  });

  test('cuts off sums of bytes on x64 without VNNI only', () => {
    const zen3 = 'processor\t: 0\nmodel name\t: AMD EPYC 7763\nflags\t\t: fpu sse4_2 avx2\n\n';
    const zen4 = zen3.replace('avx2', 'avx2 avx512_vnni');
    const cuts = (cpuinfo: string, arch: string): boolean =>
      cutsByteSums(readCpu(board({ 'proc/cpuinfo': cpuinfo }), arch));
    expect([cuts(zen3, 'x64'), cuts(zen4, 'x64'), cuts(PC, 'x64'), cuts(PI_4, 'arm64')]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  test('that cannot be read is said', () => {
    expect(cpuFindings(readCpu(board({}), 'arm64'))).toMatchObject([{ level: 'warning' }]);
  });
});

describe('power', () => {
  test('the bits of vcgencmd are split into now and since the start', () => {
    expect(parseThrottled('throttled=0x50005\n')).toBe(0x50005);
    expect(parseThrottled('50005\n')).toBe(0x50005);
    expect(parseThrottled('VCHI initialization failed')).toBeUndefined();
    expect(throttlingOf(0x50005)).toEqual({
      now: ['under-voltage', 'throttled'],
      before: ['under-voltage', 'throttled'],
    });
    expect(throttlingOf(0xa000a)).toEqual({
      now: ['frequency capped', 'soft temperature limit'],
      before: ['frequency capped', 'soft temperature limit'],
    });
  });

  test.each([
    [0x0, 'ok', /^no under-voltage/, undefined],
    [0x50005, 'fault', /^now: under-voltage, throttled$/, /power supply/],
    [0x50000, 'warning', /^since the board was started: under-voltage, throttled$/, /power supply/],
    [0xe0008, 'warning', /^now: soft temperature limit; since .*: frequency capped, throttled$/, /fan/],
  ] as const)('the bits 0x%s are %s', (bits, level, message, advice) => {
    const finding = throttlingFinding(bits, 'vcgencmd');
    expect(finding.level).toBe(level);
    expect(finding.message).toMatch(message);
    if (advice === undefined) expect(finding.advice).toBeUndefined();
    else expect(finding.advice).toMatch(advice);
  });

  test('what holds at this moment is read from the firmware, else from the hwmon driver', () => {
    const firmware = (bits: string) =>
      flagsNow(board({ 'sys/devices/platform/soc/soc:firmware/get_throttled': bits }));
    expect(firmware('50005\n')).toEqual(['under-voltage', 'throttled']);
    expect(firmware('50000\n')).toEqual([]);
    const volt = (alarm: string, watched?: string[]) =>
      flagsNow(
        board({
          'sys/class/hwmon/hwmon1/name': 'rpi_volt\n',
          'sys/class/hwmon/hwmon1/in0_lcrit_alarm': alarm,
        }),
        watched,
      );
    expect(volt('1\n')).toEqual(['under-voltage']);
    expect(volt('0\n')).toEqual([]);
    expect(flagsNow(board({}))).toEqual([]);
    // The driver knows nothing of heat: that is what was watched otherwise.
    expect(volt('0\n', ['under-voltage', 'throttled'])).toEqual(['throttled']);
    expect(volt('1\n', ['throttled'])).toEqual(['under-voltage', 'throttled']);
    expect(flagsNow(board({}), ['throttled'])).toEqual(['throttled']);
  });

  test('the hwmon driver of a Pi answers where the firmware does not', () => {
    const volt = (alarm: string) =>
      hwmonFinding(
        board({
          'sys/class/hwmon/hwmon0/name': 'cpu_thermal\n',
          'sys/class/hwmon/hwmon1/name': 'rpi_volt\n',
          'sys/class/hwmon/hwmon1/in0_lcrit_alarm': alarm,
        }),
      );
    expect(volt('0\n')).toMatchObject({ level: 'ok' });
    expect(volt('1\n')).toMatchObject({ level: 'fault', message: 'now: under-voltage' });
  });

  test('the counters of a Jetson are told', () => {
    const jetson = (third: string) =>
      hwmonFinding(
        board({
          'sys/class/hwmon/hwmon3/name': 'soctherm_oc\n',
          'sys/class/hwmon/hwmon3/oc1_event_cnt': '0\n',
          'sys/class/hwmon/hwmon3/oc2_event_cnt': '0\n',
          'sys/class/hwmon/hwmon3/oc3_event_cnt': third,
        }),
      );
    expect(jetson('0\n')).toMatchObject({ level: 'ok' });
    expect(jetson('37\n')).toMatchObject({
      level: 'warning',
      message: 'since the board was started: 37 x instantaneous over-current',
    });
  });

  test('a board without any of these has no finding of hwmon', () => {
    expect(hwmonFinding(board({ 'sys/class/hwmon/hwmon0/name': 'nvme\n' }))).toBeUndefined();
  });
});

describe('temperature', () => {
  const zones = (milli: string) =>
    temperatureFindings(
      thermalZones(
        board({
          'sys/class/thermal/thermal_zone0/type': 'cpu-thermal\n',
          'sys/class/thermal/thermal_zone0/temp': milli,
          'sys/class/thermal/thermal_zone1/type': 'gpu-thermal\n',
          'sys/class/thermal/thermal_zone1/temp': '-256000\n',
        }),
      ),
    );

  test.each([
    ['48312\n', 'ok', '48.3 °C (cpu-thermal)'],
    ['78000\n', 'warning', '78.0 °C (cpu-thermal), over 75 °C'],
    ['85500\n', 'fault', '85.5 °C (cpu-thermal), limit 85 °C: the board slows down'],
  ])('%s is %s', (milli, level, message) => {
    expect(zones(milli)).toMatchObject([{ level, message }]);
  });

  test('a board without a zone is not measured', () => {
    expect(temperatureFindings(thermalZones(board({})))).toMatchObject([
      { level: 'ok', message: expect.stringContaining('not measured here') },
    ]);
  });
});

describe('the clock', () => {
  const NOW = Date.UTC(2026, 5, 1);
  test('in 1970 is a fault, not synchronised a warning, synchronised well', () => {
    const pi4 = { synchronised: true, realTimeClock: false };
    expect(timeFindings({ ...pi4, synchronised: false }, 0)[0]).toMatchObject({
      level: 'fault',
      message: '1970-01-01T00:00:00.000Z cannot be right, no real-time clock in this board',
    });
    expect(timeFindings({ ...pi4, synchronised: false }, NOW)[0]).toMatchObject({
      level: 'warning',
      advice: expect.stringContaining('set-ntp true'),
    });
    expect(timeFindings(pi4, NOW)[0]).toMatchObject({ level: 'ok' });
    expect(timeFindings({ synchronised: undefined, realTimeClock: true }, NOW)[0]).toMatchObject({
      level: 'ok',
      message: expect.stringContaining('nothing here can say'),
    });
  });
});

describe('hardware', () => {
  test('is named from the device tree, and little memory is a warning', () => {
    const pi = (available: number) =>
      hardwareFindings(
        readHardware(
          board({
            'proc/device-tree/model': 'Raspberry Pi 5 Model B Rev 1.0\0',
            'proc/meminfo': `MemTotal:        8062000 kB\nMemAvailable:    ${available} kB\n`,
          }),
        ),
      );
    expect(pi(7_000_000)).toMatchObject([
      {
        level: 'ok',
        message: expect.stringMatching(/^Raspberry Pi 5 Model B Rev 1\.0, Linux .*; 8255 MB of memory/),
      },
    ]);
    expect(pi(200_000)).toMatchObject([
      { level: 'warning', message: expect.stringContaining('205 MB available') },
    ]);
  });
});

describe('permissions', () => {
  test('device files that are closed to the user are told by their group', () => {
    const roots = board({
      'dev/video0': '',
      'dev/video10': '',
      'dev/dri/renderD128': '',
      'dev/dma_heap/system': '',
      'dev/null': '',
      'etc/group': `root:x:0:\nvideo:x:${process.getgid!()}:\n`,
    });
    expect(deviceFindings(roots, () => true)).toMatchObject([
      { level: 'ok', message: expect.stringContaining('all 4 camera and graphics devices') },
    ]);
    const [finding, ...others] = deviceFindings(roots, (path) => !path.includes('video'));
    expect(others).toEqual([]);
    expect(finding).toMatchObject({
      level: 'warning',
      message: expect.stringMatching(/may not use \S+video0, \S+video10 \(group (?:video|root)\)$/),
      advice: expect.stringMatching(/^sudo usermod -aG /),
    });
  });

  test('a secret that everybody can read is told with the command that closes it', () => {
    const folder = tempDir();
    const [open, closed, link] = ['open', 'closed', 'link'].map((name) => join(folder, name));
    writeFileSync(open!, 'hunter2', { mode: 0o644 });
    writeFileSync(closed!, 'hunter2', { mode: 0o640 });
    symlinkSync(closed!, link!);
    expect(secretFindings([open!, closed!, link!])).toMatchObject([
      { level: 'warning', subject: 'secrets', advice: `chmod o-r ${open}` },
    ]);
    expect(secretFindings([closed!, link!])).toMatchObject([{ level: 'ok' }]);
    expect(secretFindings([])).toEqual([]);
  });
});
