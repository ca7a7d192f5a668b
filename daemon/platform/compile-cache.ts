// Keeps the stripped and compiled code of the daemon on disk between its starts. Node strips types with a WebAssembly
// module that each thread and process loads for itself; what comes from the cache needs none of it: less memory, and a
// faster start on small cores. Main thread, before anything else is loaded.
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

/** For this process, its threads and its children. A folder that cannot be written is no reason to complain. */
export function keepCompiledCode(env: NodeJS.ProcessEnv): void {
  const folder = env['NODE_COMPILE_CACHE'] ?? cacheFolder(env);
  if (!folder) return;
  env['NODE_COMPILE_CACHE'] = folder;
  enableCompileCache(folder);
}

/** Below systemd's CacheDirectory=, else where the XDG base directory specification puts caches. */
function cacheFolder(env: NodeJS.ProcessEnv): string | undefined {
  const { CACHE_DIRECTORY: own, XDG_CACHE_HOME: caches, HOME: home } = env;
  const folder = own ?? (caches && join(caches, 'vedette')) ?? (home && join(home, '.cache', 'vedette'));
  return folder && join(folder, 'compile');
}
