// A real Mosquitto on a free port of 127.0.0.1, for tests of whatever speaks MQTT. It can be stopped, killed, frozen
// and started again on the same port; it never outlives the test.
import { pbkdf2Sync, randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect as connectSocket, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Child } from '../../daemon/platform/child.ts';
import { systemClock } from '../../daemon/platform/clock.ts';
import type { Certificate } from './certificates.ts';
import { programPath } from './needs.ts';
import { tempDir } from './temp-dir.ts';
import { waitFor } from './wait.ts';

export interface MosquittoOptions {
  /** Clients must give these; without them anyone may connect. */
  readonly user?: string;
  readonly password?: string;
  /** A second listener with TLS, see `tlsUrl`. */
  readonly tls?: MosquittoTls;
  /** Keeps retained messages and sessions on disk, written at every change, so that they survive a kill. */
  readonly persistent?: boolean;
  /** Further lines of mosquitto.conf. */
  readonly lines?: readonly string[];
}

export interface MosquittoTls extends Certificate {
  /** Clients must show a certificate of this authority. */
  readonly clientCaFile?: string;
  /** E.g. 'tlsv1.2'; both 1.2 and 1.3 by default. */
  readonly version?: string;
}

export class Mosquitto {
  readonly port: number;
  readonly tlsPort: number;
  readonly #config: string;
  #child: Child | undefined;

  private constructor(ports: { readonly port: number; readonly tlsPort: number }, config: string) {
    this.port = ports.port;
    this.tlsPort = ports.tlsPort;
    this.#config = config;
  }

  /** Started and accepting connections. Only inside a test: it ends with it. */
  static async start(options: MosquittoOptions = {}): Promise<Mosquitto> {
    const broker = await Mosquitto.prepare(options);
    await broker.restart();
    return broker;
  }

  /** A port and a configuration, nothing running yet. */
  static async prepare(options: MosquittoOptions = {}): Promise<Mosquitto> {
    const broker = await Mosquitto.in(tempDir(), options);
    onTestFinished(() => broker.kill());
    return broker;
  }

  /** The same in this folder and outside a test: whoever makes it ends it. */
  static async in(folder: string, options: MosquittoOptions = {}): Promise<Mosquitto> {
    const ports = { port: await freePort(), tlsPort: await freePort() };
    const config = join(folder, 'mosquitto.conf');
    const { tls } = options;
    const lines = [...configLines(folder, ports.port, options), ...tlsLines(ports.tlsPort, tls), ''];
    writeFileSync(config, lines.join('\n'));
    return new Mosquitto(ports, config);
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** Only with `tls`. */
  get tlsUrl(): string {
    return `mqtts://localhost:${this.tlsPort}`;
  }

  /** SIGTERM, and gone when this resolves. */
  async stop(): Promise<void> {
    await this.#child?.stop(5000);
    this.#child = undefined;
  }

  /** SIGKILL, also while frozen. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#child?.exited;
    this.#child = undefined;
  }

  /** Not running: the next start knows no session and no retained message. */
  forget(): void {
    rmSync(join(dirname(this.#config), 'mosquitto.db'), { force: true });
  }

  /** Keeps its connections but answers nothing (SIGSTOP). */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  /** Reads its access list again. */
  reload(): void {
    this.#child?.kill('SIGHUP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Starts it again on the same port, after ending the one that runs. */
  async restart(): Promise<void> {
    await this.stop();
    const program = programPath('mosquitto');
    if (program === undefined) throw new Error('mosquitto is not installed: use testNeeding');
    const child = new Child({
      command: program,
      args: ['-c', this.#config],
      stdio: ['ignore', 'ignore', 'pipe'],
      clock: systemClock,
    });
    this.#child = child;
    await waitFor(`mosquitto on port ${this.port}`, () => {
      if (!child.running) throw new Error(`mosquitto ended: ${child.stderr}`);
      return accepts(this.port);
    });
  }
}

function configLines(folder: string, port: number, options: MosquittoOptions): string[] {
  const { user, password, persistent = false, lines = [] } = options;
  const passwordFile = join(folder, 'passwords');
  if (user !== undefined) writeFileSync(passwordFile, passwordLine(user, password ?? ''), { mode: 0o600 });
  return [
    // As root Mosquitto would become the user `mosquitto`, who may not read or write this folder.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    `listener ${port} 127.0.0.1`,
    ...(user === undefined
      ? ['allow_anonymous true']
      : ['allow_anonymous false', `password_file ${passwordFile}`]),
    ...(persistent
      ? [
          'persistence true',
          `persistence_location ${folder}/`,
          'autosave_on_changes true',
          'autosave_interval 1',
        ]
      : ['persistence false']),
    ...lines,
  ];
}

function tlsLines(port: number, tls: MosquittoTls | undefined): string[] {
  if (tls === undefined) return [];
  const { certFile, keyFile, clientCaFile, version } = tls;
  return [
    `listener ${port} 127.0.0.1`,
    `certfile ${certFile}`,
    `keyfile ${keyFile}`,
    ...(clientCaFile === undefined ? [] : [`cafile ${clientCaFile}`, 'require_certificate true']),
    ...(version === undefined ? [] : [`tls_version ${version}`]),
  ];
}

/** One line of a password file as mosquitto_passwd writes it: PBKDF2 with SHA-512, 101 rounds. */
function passwordLine(user: string, password: string): string {
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(password, salt, 101, 64, 'sha512');
  return `${user}:$7$101$${salt.toString('base64')}$${hash.toString('base64')}\n`;
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectSocket(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
