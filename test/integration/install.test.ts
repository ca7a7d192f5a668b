// scripts/install.sh, below another root and in a system of its own, where stand-ins play npm, systemctl and udevadm.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, expect } from 'vitest';
import { ROOT, testNeeding } from '../support/needs.ts';
import { tempDir } from '../support/temp-dir.ts';

const testInstall = testNeeding({ programs: ['systemd-sysusers', 'unshare'] });
const NOTHING = /^Nothing to do: [^\n]+\n$/;
const PARTS = [
  'daemon',
  'config',
  'docs',
  'models',
  'scripts',
  'systemd',
  'package.json',
  'package-lock.json',
];

interface Trial {
  /** Where everything lands. */
  readonly root: string;
  /** The checkout that is installed: a copy, so that a test may change it. */
  readonly checkout: string;
  /** Runs the script; `own` as on a board, else with --root. */
  install(...args: readonly string[]): { status: number | null; output: string };
  /** What systemctl was asked. */
  systemctl(): string[];
}

function trial({ own = false }: { own?: boolean } = {}): Trial {
  const [root, checkout, programs] = [tempDir(), tempDir(), tempDir()];
  for (const part of [...PARTS, '.npmrc', 'README.md', 'CHANGELOG.md', 'LICENSE']) {
    cpSync(join(ROOT, part), join(checkout, part), { recursive: true });
  }
  const asked = join(programs, 'asked');
  const packages = `mkdir -p node_modules/.bin && ln -s ${process.execPath} node_modules/.bin/node && cp -Rs ${ROOT}/node_modules/. node_modules/ 2>/dev/null`;
  const standIns = {
    npm: `${packages}; exit 0`,
    udevadm: 'exit 0',
    'rpicam-vid': `echo 'Available cameras'; echo '0 : imx708 [4608x2592 10-bit RGGB] (/base/axi/pcie@120000/rp1/i2c@88000/imx708@1a)'`,
    systemctl: `[ "$1" = --version ] && echo 'systemd 252 (252.1)' && exit 0
[ "$1" = is-active ] && exec test -e ${asked}
[ "$1" = is-enabled ] && exec test -e /etc/systemd/system/multi-user.target.wants/vedette.service
echo "$*" >>${asked}
if [ "$1" = enable ]; then mkdir -p /etc/systemd/system/multi-user.target.wants; ln -s ../vedette.service /etc/systemd/system/multi-user.target.wants/; fi
if [ "$1" = restart ] && grep -q broken /opt/vedette/README.md; then exit 1; fi
exit 0`,
  };
  for (const [name, text] of Object.entries(standIns)) {
    writeFileSync(join(programs, name), `#!/bin/sh\n${text}\n`);
    chmodSync(join(programs, name), 0o755);
  }
  mkdirSync(join(root, 'etc'), { recursive: true });
  if (own) cpSync('/etc', join(root, 'etc'), { recursive: true, verbatimSymlinks: true });
  const script = join(checkout, 'scripts/install.sh');
  return {
    root,
    checkout,
    install: (...args) => {
      const inOwn = ['--mount', join(ROOT, 'test/fixtures/systemd/in-own-system.sh'), root, script, ...args];
      const env = { ...process.env, PATH: `${programs}${delimiter}${process.env['PATH']}` };
      const { status, stdout, stderr } = own
        ? spawnSync('unshare', inOwn, { encoding: 'utf8', env })
        : spawnSync(script, ['--root', root, ...args], { encoding: 'utf8', env });
      return { status, output: stdout + stderr };
    },
    systemctl: () => (existsSync(asked) ? readFileSync(asked, 'utf8').trim().split('\n') : []),
  };
}

/** Every file below, with its mode, owner and time of change, but for the packages. */
function tree(root: string): string[] {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' });
  return paths
    .filter((path) => !path.includes('node_modules') && existsSync(join(root, path)))
    .map((path) => {
      const { mode, uid, gid, mtimeMs } = statSync(join(root, path));
      return `${path} ${mode.toString(8)} ${uid}:${gid} ${mtimeMs}`;
    })
    .sort();
}

const release = (root: string): string => readlinkSync(join(root, 'opt/vedette'));

testNeeding({ programs: ['shellcheck'] })('the scripts are clean by shellcheck', () => {
  const scripts = [
    'scripts/install.sh',
    'scripts/vedette',
    'scripts/build-onnxruntime-jetson.sh',
    'test/fixtures/systemd/in-own-system.sh',
  ];
  const { status, stdout } = spawnSync('shellcheck', scripts, { cwd: ROOT, encoding: 'utf8' });
  expect([status, stdout]).toEqual([0, '']);
});

describe('install.sh --root', () => {
  testInstall(
    'installs code, user, configuration, unit, rules and command, and a second run changes nothing',
    () => {
      const { root, install } = trial();
      const first = install();
      expect(first).toMatchObject({ status: 0 });
      const installed = [
        'etc/systemd/system/vedette.service',
        'etc/udev/rules.d/99-vedette.rules',
        'etc/vedette/vedette.yaml',
        `${release(root).slice(1)}/node_modules/.bin/node`,
        `${release(root).slice(1)}/daemon/main.ts`,
      ];
      expect(installed.filter((path) => !existsSync(join(root, path)))).toEqual([]);
      expect(readlinkSync(join(root, 'usr/local/bin/vedette'))).toBe('/opt/vedette/scripts/vedette');
      const account = /^vedette:x:(\d+):(\d+):/m.exec(readFileSync(join(root, 'etc/passwd'), 'utf8'))!;
      const config = statSync(join(root, 'etc/vedette/vedette.yaml'));
      expect([config.mode & 0o777, config.uid, config.gid]).toEqual([0o640, 0, Number(account[2])]);
      expect(statSync(join(root, 'var/lib/vedette')).uid).toBe(Number(account[1]));

      const before = tree(root);
      expect(install()).toEqual({ status: 0, output: expect.stringMatching(NOTHING) });
      expect(tree(root)).toEqual(before);
    },
  );

  testInstall('writes a first configuration that the installed command accepts', () => {
    const { root, install } = trial();
    expect(install('--camera', 'scene').status).toBe(0);
    const check = ['check', '--config', join(root, 'etc/vedette/vedette.yaml')];
    const command = join(root, release(root), 'scripts/vedette');
    const { status, stdout, stderr } = spawnSync(command, check, { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain('1 camera, 1 rule');
  });

  testInstall(
    'brings new code in one step, and keeps the configuration, the data and what an owner added',
    () => {
      const { root, checkout, install } = trial();
      install();
      const old = release(root);
      const config = join(root, 'etc/vedette/vedette.yaml');
      const own = join(root, 'etc/systemd/system/vedette.service.d/override.conf');
      mkdirSync(join(own, '..'), { recursive: true });
      writeFileSync(own, '[Service]\n');
      writeFileSync(config, '# mine\n');
      writeFileSync(join(root, 'var/lib/vedette/vedette.db'), 'rows');
      mkdirSync(join(root, 'opt/vedette-of-somebody-else'));
      writeFileSync(join(checkout, 'README.md'), 'newer\n');
      expect(install().status).toBe(0);
      expect(release(root)).not.toBe(old);
      expect(readFileSync(join(root, release(root), 'README.md'), 'utf8')).toBe('newer\n');
      expect(existsSync(join(root, old))).toBe(false);
      expect(readFileSync(config, 'utf8')).toBe('# mine\n');
      expect(readFileSync(join(root, 'var/lib/vedette/vedette.db'), 'utf8')).toBe('rows');
      expect([own, join(root, 'opt/vedette-of-somebody-else')].map((path) => existsSync(path))).toEqual([
        true,
        true,
      ]);
    },
  );

  testInstall(
    'takes everything away but configuration and data, these with --purge, and a second time nothing',
    () => {
      const { root, install } = trial();
      install();
      expect(install('uninstall').status).toBe(0);
      expect(readdirSync(join(root, 'opt'))).toEqual([]);
      expect(readdirSync(join(root, 'usr/local/bin'))).toEqual([]);
      expect(readdirSync(join(root, 'etc/systemd/system'))).toEqual(['multi-user.target.wants']);
      expect(readdirSync(join(root, 'etc/udev/rules.d'))).toEqual([]);
      expect(existsSync(join(root, 'etc/vedette/vedette.yaml'))).toBe(true);
      expect(install('uninstall').output).toMatch(NOTHING);
      expect(install('uninstall', '--purge').status).toBe(0);
      expect(['etc/vedette', 'var/lib/vedette'].filter((path) => existsSync(join(root, path)))).toEqual([]);
      expect(readFileSync(join(root, 'etc/passwd'), 'utf8')).not.toContain('vedette');
      expect(install('uninstall', '--purge').output).toMatch(NOTHING);
    },
  );

  testInstall('only says what it would do with --dry-run', () => {
    const { root, install } = trial();
    const before = tree(root);
    const { status, output } = install('--dry-run');
    expect(status).toBe(0);
    expect(output).toContain('configuration: ');
    expect(tree(root)).toEqual(before);
  });

  testInstall('refuses a folder that is not its own, and words that it does not know', () => {
    const { root, install } = trial();
    mkdirSync(join(root, 'opt/vedette'), { recursive: true });
    expect(install()).toMatchObject({ status: 1, output: expect.stringContaining('is a folder of its own') });
    expect(install('--camera', 'fish').status).toBe(64);
    expect(install('--frobnicate').status).toBe(64);
    expect(install('--purge').status).toBe(64);
  });
});

describe('install.sh on a board', () => {
  testInstall(
    'takes the camera it finds, starts the service, leaves it running when nothing changed, and stops it at the end',
    () => {
      const { root, install, systemctl } = trial({ own: true });
      expect(install()).toMatchObject({ status: 0, output: expect.stringContaining('Done.') });
      const asked = ['daemon-reload', 'enable --quiet vedette.service', 'restart vedette.service'];
      expect(systemctl()).toEqual(asked);
      expect(install()).toEqual({ status: 0, output: expect.stringMatching(NOTHING) });
      expect(systemctl()).toEqual(asked);
      expect(install('uninstall', '--purge').status).toBe(0);
      expect(systemctl().slice(3)).toEqual(['disable --now --quiet vedette.service', 'daemon-reload']);
      expect(readdirSync(join(root, 'opt'))).toEqual([]);
      expect(install('uninstall', '--purge').output).toMatch(NOTHING);
    },
  );

  testInstall('gives the old code back when the new one does not start', () => {
    const { root, checkout, install, systemctl } = trial({ own: true });
    expect(install().status).toBe(0);
    const old = release(root);
    writeFileSync(join(checkout, 'README.md'), 'broken\n');
    expect(install()).toMatchObject({ status: 1, output: expect.stringContaining('the old one is back') });
    expect(release(root)).toBe(old);
    expect(systemctl().slice(-2)).toEqual(['restart vedette.service', 'restart vedette.service']);
  });
});
