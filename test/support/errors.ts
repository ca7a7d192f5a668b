// The VedetteError that something ends with.
import { expect } from 'vitest';
import { type ErrorCode, VedetteError } from '../../daemon/platform/errors.ts';

/** Fails when nothing is thrown, something else is, or its code is not `code`. */
export async function errorOf(
  what: Promise<unknown> | (() => unknown),
  code?: ErrorCode,
): Promise<VedetteError> {
  let thrown: unknown;
  try {
    await (typeof what === 'function' ? what() : what);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(VedetteError);
  const error = thrown as VedetteError;
  if (code !== undefined) expect(error.code, error.message).toBe(code);
  return error;
}
