// ONNX files: read with a limit to their size, written whole or not at all. Any thread.
import { readFileSync, statSync } from 'node:fs';
import { readProblem, VedetteError } from '../platform/errors.ts';
import { writeWhole } from '../platform/whole-file.ts';
import { decodeModel, type OnnxModel } from './onnx.ts';
import { encodeModel } from './onnx-write.ts';

/** Of a model that this room takes apart; MobileNets have 1 to 30 MB. */
export const ONNX_BYTES_MAX = 256 * 2 ** 20;

/**
 * Reads and decodes a file. Throws MODEL_NOT_FOUND when it cannot be read, MODEL_UNSUPPORTED, naming the file, when it is too
 * large or no ONNX model.
 */
export function readOnnx(path: string): OnnxModel {
  const bytes = readModelBytes(path);
  try {
    return decodeModel(bytes);
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    throw new VedetteError(error.code, `${path}: ${error.message}`, { path, ...error.data }, error);
  }
}

/** The bytes of a model file within ONNX_BYTES_MAX; throws as `readOnnx` does. */
export function readModelBytes(path: string): Uint8Array {
  try {
    const { size } = statSync(path);
    if (size > ONNX_BYTES_MAX) {
      throw new VedetteError(
        'MODEL_UNSUPPORTED',
        `${path}: has ${size} bytes (limit ${ONNX_BYTES_MAX}): no model for a small board`,
        { path, bytes: size },
      );
    }
    return readFileSync(path);
  } catch (error) {
    if (error instanceof VedetteError) throw error;
    throw new VedetteError('MODEL_NOT_FOUND', `${path}: ${readProblem(error)}`, { path }, error);
  }
}

/** Writes beside the place, syncs, renames: the file is there whole or as it was before. Throws EXPORT_FAILED. */
export function writeOnnx(path: string, model: OnnxModel): { readonly bytes: number } {
  const bytes = encodeModel(model);
  writeWhole(path, bytes);
  return { bytes: bytes.length };
}
