// Keeps the stripped and compiled code of the daemon on disk between its starts. Node strips types with a WebAssembly
// module that each thread and process loads for itself; what comes from the cache needs none of it: less memory, and a
// faster start on small cores. Main thread, before anything else is loaded. What is loaded before this, main.ts and what it
// imports, comes from the cache only where NODE_COMPILE_CACHE is set already, as the unit and the scripts of package.json do: 25 MB.
import { enableCompileCache } from 'node:module';
import { join, resolve } from 'node:path';
import { cacheFolder } from './folders.ts';

/** For this process, its threads and its children. A folder that cannot be written is no reason to complain. */
export function keepCompiledCode(env: NodeJS.ProcessEnv): void {
  const caches = cacheFolder(env);
  const wanted = env['NODE_COMPILE_CACHE'] ?? (caches && join(caches, 'compile'));
  if (!wanted) return;
  // Children may run in another folder.
  const folder = resolve(wanted);
  env['NODE_COMPILE_CACHE'] = folder;
  enableCompileCache(folder);
}
