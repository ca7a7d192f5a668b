// TLS towards the broker: reads the files of `mqtt.tls`, anew for every attempt so that renewed certificates are picked up
// without a restart, checks that they belong together, and says in the owner's words what a failed handshake means. Never
// shows what stands in a key. Main thread; files are read asynchronously.
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import type { MqttConfig } from '../config/types.ts';
import { readProblem, reasonOf, VedetteError } from '../platform/errors.ts';

type TlsSettings = MqttConfig['tls'];

/** What goes to `tls.connect`; certificates and key are PEM. */
export interface TlsOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
  readonly servername?: string;
  readonly checkServerIdentity?: typeof checkServerIdentity;
  readonly rejectUnauthorized: boolean;
}

/** A bundle of every public CA has a quarter of this. */
const FILE_BYTES_MAX = 1024 * 1024;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** True for the schemes that need these files. */
export function isTlsUrl(url: string): boolean {
  return /^(mqtts|wss):/.test(url);
}

/** Reads and checks the files. Throws MQTT_TLS naming the key, the file and what is wrong with it. */
export async function readTls(settings: TlsSettings, nowMs: number): Promise<TlsOptions> {
  const { caFile, certFile, keyFile, keyPassword, serverName, insecure } = settings;
  const [ca, cert, key] = await Promise.all([
    caFile === undefined ? undefined : readPem('caFile', caFile),
    certFile === undefined ? undefined : readPem('certFile', certFile),
    keyFile === undefined ? undefined : readPem('keyFile', keyFile),
  ]);
  if (ca !== undefined) checkAuthorities(ca, nowMs);
  if (cert !== undefined && key !== undefined) checkPair(cert, key, keyPassword, nowMs);
  return {
    ...(ca === undefined ? {} : { ca: ca.text }),
    ...(cert === undefined ? {} : { cert: cert.text }),
    ...(key === undefined ? {} : { key: key.text }),
    ...(keyPassword === undefined ? {} : { passphrase: keyPassword }),
    ...(serverName === undefined ? {} : identity(serverName)),
    rejectUnauthorized: !insecure,
  };
}

/** An address may stand in a certificate, but not in the handshake (RFC 6066, section 3). */
function identity(serverName: string): Partial<TlsOptions> {
  return {
    ...(isIP(serverName) === 0 ? { servername: serverName } : {}),
    checkServerIdentity: (_host, certificate) => checkServerIdentity(serverName, certificate),
  };
}

interface PemFile {
  /** E.g. `mqtt.tls.caFile: '/etc/vedette/ca.crt'`, the beginning of every message about it. */
  readonly name: string;
  readonly text: string;
}

async function readPem(key: 'caFile' | 'certFile' | 'keyFile', path: string): Promise<PemFile> {
  const name = `mqtt.tls.${key}: '${path}'`;
  try {
    const info = await stat(path);
    // A FIFO or a device would block or never end.
    if (!info.isFile()) throw problem(name, 'is not a file');
    const { size } = info;
    if (size > FILE_BYTES_MAX) throw problem(name, `has ${size} bytes (limit ${FILE_BYTES_MAX})`);
    return { name, text: await readFile(path, 'utf8') };
  } catch (error) {
    if (error instanceof VedetteError) throw error;
    throw problem(name, readProblem(error), error);
  }
}

function problem(name: string, what: string, cause?: unknown): VedetteError {
  return new VedetteError('MQTT_TLS', `${name} ${what}`, {}, cause);
}

function certificatesIn({ name, text }: PemFile): [X509Certificate, ...X509Certificate[]] {
  const [first, ...others] = text.match(CERTIFICATE) ?? [];
  if (first === undefined) {
    throw problem(name, 'holds no certificate in PEM form (convert it: openssl x509 -inform der)');
  }
  const parse = (block: string): X509Certificate => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw problem(name, `holds a certificate that cannot be read (${reasonOf(error)})`, error);
    }
  };
  return [parse(first), ...others.map(parse)];
}

/** One that is good is enough: files of several CAs keep old ones. */
function checkAuthorities(file: PemFile, nowMs: number): void {
  const certificates = certificatesIn(file);
  if (certificates.every((certificate) => expired(certificate, nowMs))) {
    throw problem(file.name, `expired on ${day(certificates[0])}; put the new CA certificate there`);
  }
}

function checkPair(cert: PemFile, key: PemFile, password: string | undefined, nowMs: number): void {
  const [certificate] = certificatesIn(cert);
  if (expired(certificate, nowMs)) {
    throw problem(cert.name, `expired on ${day(certificate)}; put a renewed certificate there`);
  }
  if (certificate.validFromDate.getTime() > nowMs) {
    const from = certificate.validFromDate.toISOString();
    throw problem(cert.name, `is not valid before ${from}; check the clock of this board`);
  }
  if (!certificate.checkPrivateKey(privateKey(key, password))) {
    throw problem(key.name, `is not the key of the certificate in ${cert.name}`);
  }
}

function privateKey({ name, text }: PemFile, password: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: text, ...(password === undefined ? {} : { passphrase: password }) });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_MISSING_PASSPHRASE' || (password === undefined && /ENCRYPTED/.test(text))) {
      throw problem(name, 'has a password, set mqtt.tls.keyPassword or keyPasswordFile');
    }
    if (password !== undefined && /ENCRYPTED/.test(text)) {
      throw problem(name, 'cannot be opened with mqtt.tls.keyPassword');
    }
    throw problem(name, 'holds no private key in PEM form');
  }
}

function expired({ validToDate }: X509Certificate, nowMs: number): boolean {
  return validToDate.getTime() < nowMs;
}

function day({ validToDate }: X509Certificate): string {
  return validToDate.toISOString().slice(0, 10);
}

/** Codes of Node and OpenSSL that speak of TLS: `tls`, "X509 certificate error codes", and ERR_SSL_* of a handshake. */
const TLS_CODE =
  /^(ERR_(SSL|TLS|OSSL)_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_(CA|PURPOSE)$|HOSTNAME_MISMATCH$|PATH_LENGTH_EXCEEDED$|EPROTO$)/;

/** What a failed handshake means and what to do; undefined when the error is not one of TLS. */
export function tlsProblem(error: unknown, settings: TlsSettings): string | undefined {
  const code = codeOf(error);
  if (code === undefined || !TLS_CODE.test(code)) return undefined;
  const advice = handshakeAdvice(code, settings);
  return advice === undefined ? reasonOf(error).trim() : `${advice} (${code})`;
}

/** When writing meets the error, Node calls it EPROTO and leaves OpenSSL's reason in the text: `…:wrong version number:…`. */
function codeOf(error: unknown): string | undefined {
  const code = (error as { readonly code?: unknown } | undefined)?.code;
  if (typeof code !== 'string') return undefined;
  const reason = code === 'EPROTO' ? /SSL routines:[^:]*:([^:]+):/.exec(reasonOf(error))?.[1] : undefined;
  return reason === undefined ? code : `ERR_SSL_${reason.toUpperCase().replace(/\W+/g, '_')}`;
}

/** What may be behind a close without an answer: a reset can overtake the alert that would say it. */
export function closedProblem(reason: string, { certFile }: TlsSettings): string {
  return certFile === undefined
    ? `${reason} (it may want a certificate of ours, mqtt.tls.certFile, or not speak TLS there)`
    : `${reason} (it may not accept mqtt.tls.certFile: '${certFile}', or not speak TLS there)`;
}

function handshakeAdvice(code: string, { caFile, certFile, serverName }: TlsSettings): string | undefined {
  if (/^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|CERT_SIGNATURE|CERT_UNTRUSTED|INVALID_CA)/.test(code)) {
    return caFile === undefined
      ? "the broker's certificate is not signed by a public CA, name the file of its CA in mqtt.tls.caFile"
      : `the broker's certificate is not signed by the CA in mqtt.tls.caFile: '${caFile}'`;
  }
  if (code === 'CERT_HAS_EXPIRED') return "the broker's certificate has expired, renew it at the broker";
  if (code === 'CERT_NOT_YET_VALID') {
    return "the broker's certificate is not valid yet, check the clock of this board";
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' || code === 'HOSTNAME_MISMATCH') {
    return serverName === undefined
      ? "the broker's certificate is for another name than the host of mqtt.url, use a name it is for or set mqtt.tls.serverName"
      : `the broker's certificate is not for mqtt.tls.serverName: '${serverName}'`;
  }
  if (/ALERT_(CERTIFICATE_REQUIRED|HANDSHAKE_FAILURE)$/.test(code) && certFile === undefined) {
    return 'the broker wants a certificate of ours, set mqtt.tls.certFile and keyFile';
  }
  if (/ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_\w+|UNSUPPORTED_CERTIFICATE)$/.test(code)) {
    return `the broker does not accept mqtt.tls.certFile: '${certFile}'`;
  }
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|UNKNOWN_PROTOCOL|HTTP_REQUEST/.test(code)) {
    return 'what answers there does not speak TLS, check the scheme and port of mqtt.url';
  }
  return undefined;
}
