// When a detector process has grown too large to be kept: the runtime's arenas grow with what they are given and give
// nothing back (microsoft/onnxruntime#25325). Pure; main thread.

/** What a process may take beyond what it took when it was fresh, however low the limit: else it would be replaced for ever. */
const GROWTH_MIN = 1.25;

/** Resident bytes above which a process is replaced that took `freshBytes` when it was warm; a limit of 0 is none. */
export function memoryLimitBytes(limitMb: number, freshBytes: number): number {
  return limitMb === 0 ? Number.POSITIVE_INFINITY : Math.max(limitMb * 1e6, freshBytes * GROWTH_MIN);
}
