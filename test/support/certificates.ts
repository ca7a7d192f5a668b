// A certificate authority of a test's own, made with openssl as an owner would make one (docs/mqtt.md), and certificates
// signed by it. Lives in a folder of the test.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../daemon/platform/clock.ts';
import { tempDir } from './temp-dir.ts';

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface CertificateOptions {
  /** Common name. */
  readonly name?: string;
  /** Names and addresses it is for; none by default, as for a client. */
  readonly subjects?: readonly string[];
  /** Days from now until it ends; negative: it has ended already. */
  readonly days?: number;
  /** The key is encrypted with it. */
  readonly keyPassword?: string;
}

const DAY_MS = 86_400_000;

export class Authority {
  readonly caFile: string;
  readonly #folder = tempDir();
  readonly #keyFile: string;
  #count = 0;

  /** `days` until its own certificate ends; negative: it has ended already. */
  constructor(days = 10) {
    this.caFile = join(this.#folder, 'ca.crt');
    this.#keyFile = join(this.#folder, 'ca.key');
    const request = this.#request('test authority', this.#keyFile);
    writeFileSync(join(this.#folder, 'index'), '');
    this.#sign(request, this.caFile, days, ['-selfsign', '-keyfile', this.#keyFile], 'CA:TRUE');
  }

  issue({ name = 'test', subjects = [], days = 5, keyPassword }: CertificateOptions = {}): Certificate {
    this.#count += 1;
    const certFile = join(this.#folder, `${this.#count}.crt`);
    const keyFile = join(this.#folder, `${this.#count}.key`);
    const request = this.#request(name, keyFile, keyPassword);
    const signer = ['-cert', this.caFile, '-keyfile', this.#keyFile];
    this.#sign(request, certFile, days, signer, 'CA:FALSE', subjects);
    return { certFile, keyFile };
  }

  #request(name: string, keyFile: string, keyPassword?: string): string {
    const request = join(this.#folder, 'request');
    openssl([
      ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'],
      ...['-subj', `/CN=${name}`, '-keyout', keyFile, '-out', request],
      ...(keyPassword === undefined ? ['-nodes'] : ['-passout', `pass:${keyPassword}`]),
    ]);
    return request;
  }

  /** `openssl ca`, the one command of openssl 3.0 that takes a date in the past. */
  #sign(
    request: string,
    out: string,
    days: number,
    signer: readonly string[],
    constraints: string,
    subjects: readonly string[] = [],
  ): void {
    const names = subjects.map((subject) => `${/^[\d.:]+$/.test(subject) ? 'IP' : 'DNS'}:${subject}`);
    const config = join(this.#folder, 'ca.conf');
    writeFileSync(
      config,
      [
        '[ca]',
        'default_ca = own',
        '[own]',
        `new_certs_dir = ${this.#folder}`,
        `database = ${join(this.#folder, 'index')}`,
        'rand_serial = yes',
        'unique_subject = no',
        'default_md = sha256',
        'policy = any',
        'x509_extensions = extensions',
        '[any]',
        'commonName = supplied',
        '[extensions]',
        `basicConstraints = ${constraints}`,
        ...(names.length === 0 ? [] : [`subjectAltName = ${names.join(',')}`]),
        '',
      ].join('\n'),
    );
    const dates = ['-startdate', dateOf(-40), '-enddate', dateOf(days)];
    openssl([
      ...['ca', '-batch', '-notext', '-config', config, ...signer],
      ...[...dates, '-in', request, '-out', out],
    ]);
  }
}

/** So many days from now, as openssl takes it. */
function dateOf(days: number): string {
  return new Date(systemClock.nowMs() + days * DAY_MS).toISOString().replace(/[-:T]|\.\d+/g, '');
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}
