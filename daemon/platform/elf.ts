// What a shared library says of itself: for which processor it is, its name, what it needs, which versions of symbols it has
// and wants (ELF, Tool Interface Standard 1.2; symbol versions: LSB Core, chapter "Symbol Versioning"). Reads the file's
// headers and tables only, every offset held against the file: a file that is none is an error, never a crash. Any thread.
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface SharedLibrary {
  /** As Node names them; undefined for another processor: `machine` is its number in the file. */
  readonly arch: 'x64' | 'arm64' | undefined;
  readonly machine: number;
  /** The name by which others ask the loader for it (DT_SONAME). */
  readonly soname: string | undefined;
  /** Names of the libraries it needs (DT_NEEDED). */
  readonly needed: readonly string[];
  /** Versions of symbols that it has, for example VERS_1.30.0. */
  readonly versions: readonly string[];
  /** Versions of symbols that it wants of each library. */
  readonly wanted: ReadonlyMap<string, readonly string[]>;
}

const HEADER_BYTES = 64;
const MAGIC = 0x7f454c46;
const [CLASS_64, LITTLE_ENDIAN] = [2, 1];
const ARCHITECTURES: Readonly<Record<number, 'x64' | 'arm64'>> = { 62: 'x64', 183: 'arm64' };
const [PT_LOAD, PT_DYNAMIC] = [1, 2];
const [DT_NULL, DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_SONAME] = [0, 1, 5, 10, 14];
const [DT_VERDEF, DT_VERDEFNUM, DT_VERNEED, DT_VERNEEDNUM] = [0x6ffffffc, 0x6ffffffd, 0x6ffffffe, 0x6fffffff];
/** A base definition names the library itself, not a version. */
const VER_FLG_BASE = 1;
/** Of one table; the largest of a library of ONNX Runtime has 100 kB. */
const TABLE_BYTES_MAX = 16_000_000;
const ENTRIES_MAX = 4096;

/** Throws an Error whose message says what the file is, in words that follow its name. */
export function readSharedLibrary(path: string): SharedLibrary {
  const fd = openSync(path, 'r');
  try {
    return new ElfReader(fd).library();
  } finally {
    closeSync(fd);
  }
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

class ElfReader {
  readonly #fd: number;
  readonly #size: number;
  #segments: Segment[] = [];
  #strings: Buffer = Buffer.alloc(0);

  constructor(fd: number) {
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
  }

  library(): SharedLibrary {
    if (this.#size < HEADER_BYTES) throw new Error('is no shared library (too short)');
    const header = this.#read(0, HEADER_BYTES);
    if (header.readUInt32BE(0) !== MAGIC) throw new Error('is no shared library');
    const machine = header.readUInt16LE(18);
    const arch = ARCHITECTURES[machine];
    if (header[4] !== CLASS_64 || header[5] !== LITTLE_ENDIAN) {
      return { arch: undefined, machine, soname: undefined, needed: [], versions: [], wanted: new Map() };
    }
    this.#segments = this.#programHeaders(header);
    const dynamic = this.#segments.find(({ type }) => type === PT_DYNAMIC);
    if (dynamic === undefined) throw new Error('is no shared library (a program or an object file)');
    const entries = this.#dynamicEntries(dynamic);
    const value = (tag: number): number | undefined => entries.find(([found]) => found === tag)?.[1];
    this.#strings = this.#readAddress(value(DT_STRTAB) ?? 0, value(DT_STRSZ) ?? 0);
    const soname = value(DT_SONAME);
    return {
      arch,
      machine,
      soname: soname === undefined ? undefined : this.#text(soname),
      needed: entries.filter(([tag]) => tag === DT_NEEDED).map(([, name]) => this.#text(name)),
      versions: this.#versionsDefined(value(DT_VERDEF), value(DT_VERDEFNUM)),
      wanted: this.#versionsWanted(value(DT_VERNEED), value(DT_VERNEEDNUM)),
    };
  }

  #programHeaders(header: Buffer): Segment[] {
    const at = Number(header.readBigUInt64LE(32));
    const [entryBytes, count] = [header.readUInt16LE(54), header.readUInt16LE(56)];
    const table = this.#read(at, entryBytes * count);
    return Array.from({ length: count }, (_, i) => {
      const entry = table.subarray(i * entryBytes);
      return {
        type: entry.readUInt32LE(0),
        offset: Number(entry.readBigUInt64LE(8)),
        address: Number(entry.readBigUInt64LE(16)),
        bytes: Number(entry.readBigUInt64LE(32)),
      };
    });
  }

  #dynamicEntries({ offset, bytes }: Segment): [tag: number, value: number][] {
    const table = this.#read(offset, bytes);
    const entries: [number, number][] = [];
    for (let at = 0; at + 16 <= table.length; at += 16) {
      const tag = Number(table.readBigInt64LE(at));
      if (tag === DT_NULL) break;
      entries.push([tag, Number(table.readBigUInt64LE(at + 8))]);
    }
    return entries;
  }

  #versionsDefined(address: number | undefined, count = 0): string[] {
    const names: string[] = [];
    let at = address ?? 0;
    for (let i = 0; address !== undefined && i < Math.min(count, ENTRIES_MAX); i += 1) {
      const entry = this.#readAddress(at, 20);
      const aux = this.#readAddress(at + entry.readUInt32LE(12), 8);
      if ((entry.readUInt16LE(2) & VER_FLG_BASE) === 0) names.push(this.#text(aux.readUInt32LE(0)));
      const next = entry.readUInt32LE(16);
      if (next === 0) break;
      at += next;
    }
    return names;
  }

  #versionsWanted(address: number | undefined, count = 0): Map<string, string[]> {
    const wanted = new Map<string, string[]>();
    let at = address ?? 0;
    for (let i = 0; address !== undefined && i < Math.min(count, ENTRIES_MAX); i += 1) {
      const entry = this.#readAddress(at, 16);
      const names: string[] = [];
      let auxAt = at + entry.readUInt32LE(8);
      for (let k = 0; k < entry.readUInt16LE(2); k += 1) {
        const aux = this.#readAddress(auxAt, 16);
        names.push(this.#text(aux.readUInt32LE(8)));
        auxAt += aux.readUInt32LE(12);
      }
      wanted.set(this.#text(entry.readUInt32LE(4)), names);
      const next = entry.readUInt32LE(12);
      if (next === 0) break;
      at += next;
    }
    return wanted;
  }

  #text(at: number): string {
    const end = this.#strings.indexOf(0, at);
    if (at >= this.#strings.length || end < 0) throw new Error('is a damaged shared library (names)');
    return this.#strings.toString('utf8', at, end);
  }

  /** Bytes that the loader would put at an address. */
  #readAddress(address: number, bytes: number): Buffer {
    const segment = this.#segments.find(
      (one) => one.type === PT_LOAD && address >= one.address && address + bytes <= one.address + one.bytes,
    );
    if (segment === undefined) throw new Error('is a damaged shared library (tables)');
    return this.#read(segment.offset + address - segment.address, bytes);
  }

  #read(offset: number, bytes: number): Buffer {
    if (bytes > TABLE_BYTES_MAX || !(offset >= 0) || offset + bytes > this.#size) {
      throw new Error('is a damaged shared library (it ends too early)');
    }
    const buffer = Buffer.alloc(bytes);
    if (readSync(this.#fd, buffer, 0, bytes, offset) !== bytes) {
      throw new Error('is a damaged shared library (it ends too early)');
    }
    return buffer;
  }
}
