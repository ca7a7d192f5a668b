#!/usr/bin/env node
// Assembles daemon/camera/pixel-kernels.wasm from pixel-kernels.wat beside it (`npm run kernels`). The binary is kept in the tree, so
// that a board needs no assembler; test/tidy says when the two are not in step.
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import wabt from 'wabt';

const FOLDER = resolve(import.meta.dirname, '../daemon/camera');
const SOURCE = `${FOLDER}/pixel-kernels.wat`;
const BINARY = `${FOLDER}/pixel-kernels.wasm`;

/** The binary as it should be, and as it is. */
export async function kernels(): Promise<{ wanted: Buffer; kept: Buffer }> {
  const module = (await wabt()).parseWat(SOURCE, readFileSync(SOURCE, 'utf8'));
  try {
    module.validate();
    return { wanted: Buffer.from(module.toBinary({}).buffer), kept: readFileSync(BINARY) };
  } finally {
    module.destroy();
  }
}

if (import.meta.main) {
  const { wanted, kept } = await kernels();
  if (!wanted.equals(kept)) writeFileSync(BINARY, wanted);
  console.log(`${BINARY}: ${wanted.length} bytes, ${wanted.equals(kept) ? 'unchanged' : 'written'}`);
}
