// What `vedette models pull` is asked for: an address with a hash, or an entry of the catalogue. Pure.
import { VedetteError } from '../platform/errors.ts';
import { hideCredentials } from '../platform/redact.ts';
import type { CatalogueEntry } from './catalogue.ts';
import { nameOfFile } from './store.ts';

export interface PullSource {
  readonly url: URL;
  /** 64 lower-case hexadecimal digits. */
  readonly sha256: string;
  /** What the model is called if nothing else is said. */
  readonly name: string;
  /** The file's own name. */
  readonly file: string;
  readonly entry: CatalogueEntry | undefined;
}

const SHA256 = /^[0-9a-f]{64}$/;
const ARCHIVE = /\.(?:zip|tar|tgz|tar\.\w+|gz|bz2|xz|7z|rar)$/i;

/** Throws USAGE, with what to do, for what is neither, and where the hash is missing or another than the catalogue's. */
export function pullSource(
  wanted: string,
  wantedSha256: string | undefined,
  catalogue: readonly CatalogueEntry[],
): PullSource {
  const entry = catalogue.find(({ name, url }) => wanted === name || wanted === url);
  const url = entry === undefined ? addressOf(wanted, catalogue) : new URL(entry.url);
  const file = fileOf(url);
  if (ARCHIVE.test(file)) {
    throw usage(`'${file}' is an archive: fetch and unpack it, then: vedette models add <the .onnx file>`);
  }
  const sha256 =
    wantedSha256
      ?.trim()
      .toLowerCase()
      .replace(/^sha256:/, '') ?? entry?.sha256;
  if (sha256 === undefined) {
    throw usage(
      '--sha256 is needed for an address that is not in the catalogue: the page of the model has it, or sha256sum of a copy that you trust',
    );
  }
  if (!SHA256.test(sha256))
    throw usage(`--sha256 must be 64 hexadecimal digits (got '${sha256.slice(0, 80)}')`);
  if (entry !== undefined && sha256 !== entry.sha256) {
    throw usage(`--sha256: the catalogue has ${entry.sha256} for '${entry.name}' (got ${sha256})`);
  }
  return { url, sha256, name: entry?.name ?? nameOfFile(file), file, entry };
}

/** The last part of the path; 'model.onnx' where there is none. */
function fileOf({ pathname }: URL): string {
  const last = pathname.split('/').at(-1) ?? '';
  return last === '' ? 'model.onnx' : last;
}

function addressOf(wanted: string, catalogue: readonly CatalogueEntry[]): URL {
  const url = /^[a-z][a-z0-9+.-]*:/i.test(wanted) && URL.canParse(wanted) ? new URL(wanted) : undefined;
  if (url?.protocol === 'https:' || url?.protocol === 'http:') return url;
  const shown = `'${hideCredentials(wanted.slice(0, 200))}'`;
  if (url?.protocol === 'file:')
    throw usage(`${shown} is a file of this board: vedette models add ${url.pathname}`);
  if (url !== undefined)
    throw usage(`${shown}: models are pulled over https or http (got ${url.protocol}//)`);
  if (/[/\\]|\.onnx$/i.test(wanted)) {
    throw usage(
      `${shown} is neither an address nor in the catalogue; a file of this board: vedette models add ${shown.slice(1, -1)}`,
    );
  }
  const names = catalogue.map(({ name }) => name).join(', ');
  throw usage(
    `${shown} is not in the catalogue, which has ${names}; anything else by its address (https://…) and --sha256`,
  );
}

/** Refuses by its first bytes what is whole and still no ONNX file. Throws MODEL_UNSUPPORTED. */
export function refuseOther(head: Buffer, file: string): void {
  const starts = (...bytes: number[]): boolean => bytes.every((byte, at) => head[at] === byte);
  const what =
    starts(0x50, 0x4b, 3, 4) || starts(0x1f, 0x8b) || starts(0xfd, 0x37, 0x7a) || starts(0x42, 0x5a, 0x68)
      ? 'an archive: unpack it, then add the .onnx file'
      : head.toString('latin1', 4, 8) === 'TFL3'
        ? 'a TensorFlow Lite model: convert it with tf2onnx (--tflite), then add the .onnx file'
        : undefined;
  if (what !== undefined)
    throw new VedetteError('MODEL_UNSUPPORTED', `'${file}' is ${what} (vedette models add)`, { file });
}

function usage(what: string): VedetteError {
  return new VedetteError('USAGE', what);
}
