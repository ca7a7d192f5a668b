// Shared libraries that say of themselves what a test wants and do nothing: an ELF header, one segment, a dynamic table.

export interface ElfWish {
  readonly needed?: readonly string[];
  readonly soname?: string;
  /** Number of the processor: 62 x64, 183 arm64. */
  readonly machine?: number;
  /** Versions of symbols that it has. */
  readonly versions?: readonly string[];
}

const [HEADER, PROGRAM_HEADER] = [64, 56];
const TAG = { needed: 1, strtab: 5, strsz: 10, soname: 14, verdef: 0x6ffffffc, verdefnum: 0x6ffffffd };

export function elfLibrary({ needed = [], soname, machine = 62, versions = [] }: ElfWish): Buffer {
  let names = '\0';
  const nameAt = (name: string): number => {
    const at = names.length;
    names += `${name}\0`;
    return at;
  };
  const entries: [number, number][] = needed.map((name) => [TAG.needed, nameAt(name)]);
  if (soname !== undefined) entries.push([TAG.soname, nameAt(soname)]);
  const definitions = versionTable(versions.map(nameAt));
  const tableAt = HEADER + 2 * PROGRAM_HEADER;
  const rows = entries.length + 2 + (versions.length > 0 ? 2 : 0) + 1;
  const namesAt = tableAt + rows * 16;
  const definitionsAt = namesAt + names.length;
  entries.push([TAG.strtab, namesAt], [TAG.strsz, names.length]);
  if (versions.length > 0) entries.push([TAG.verdef, definitionsAt], [TAG.verdefnum, versions.length]);
  const table = Buffer.alloc(rows * 16);
  entries.forEach(([tag, value], i) => {
    table.writeBigUInt64LE(BigInt(tag), i * 16);
    table.writeBigUInt64LE(BigInt(value), i * 16 + 8);
  });
  const bytes = definitionsAt + definitions.length;
  const segments = [programHeader(1, 0, bytes), programHeader(2, tableAt, table.length)];
  return Buffer.concat([header(machine), ...segments, table, Buffer.from(names, 'latin1'), definitions]);
}

function header(machine: number): Buffer {
  const bytes = Buffer.alloc(HEADER);
  bytes.write('\x7fELF\x02\x01\x01', 'latin1');
  bytes.writeUInt16LE(3, 16);
  bytes.writeUInt16LE(machine, 18);
  bytes.writeBigUInt64LE(BigInt(HEADER), 32);
  bytes.writeUInt16LE(PROGRAM_HEADER, 54);
  bytes.writeUInt16LE(2, 56);
  return bytes;
}

/** Addresses are offsets. */
function programHeader(type: number, offset: number, size: number): Buffer {
  const bytes = Buffer.alloc(PROGRAM_HEADER);
  bytes.writeUInt32LE(type, 0);
  bytes.writeBigUInt64LE(BigInt(offset), 8);
  bytes.writeBigUInt64LE(BigInt(offset), 16);
  bytes.writeBigUInt64LE(BigInt(size), 32);
  return bytes;
}

function versionTable(names: readonly number[]): Buffer {
  const bytes = Buffer.alloc(names.length * 28);
  names.forEach((name, i) => {
    const at = i * 28;
    bytes.writeUInt16LE(1, at + 6);
    bytes.writeUInt32LE(20, at + 12);
    bytes.writeUInt32LE(i === names.length - 1 ? 0 : 28, at + 16);
    bytes.writeUInt32LE(name, at + 20);
  });
  return bytes;
}
