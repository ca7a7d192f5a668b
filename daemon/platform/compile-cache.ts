// Keeps the stripped and compiled code of the daemon on disk between its starts. Node strips types with a WebAssembly
// module that each thread and process loads for itself; what comes from the cache needs none of it: less memory, and a
// faster start on small cores. Main thread, before anything else is loaded.
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { cacheFolder } from './folders.ts';

/** For this process, its threads and its children. A folder that cannot be written is no reason to complain. */
export function keepCompiledCode(env: NodeJS.ProcessEnv): void {
  const caches = cacheFolder(env);
  const folder = env['NODE_COMPILE_CACHE'] ?? (caches && join(caches, 'compile'));
  if (!folder) return;
  env['NODE_COMPILE_CACHE'] = folder;
  enableCompileCache(folder);
}
