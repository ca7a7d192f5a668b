// Preloaded (`--import`) into a process that is to use a binding of onnxruntime-node built by the owner: puts it where the
// package looks for its own. onnxruntime-node has no setting for that; Node keeps what was loaded once by its path. Detector
// process and trials.
import { createRequire } from 'node:module';
import { BINDING_VARIABLE, packagedBinding } from './runtime-library.ts';

const file = process.env[BINDING_VARIABLE];
if (file !== undefined) {
  const require = createRequire(import.meta.url);
  require(file);
  require.cache[packagedBinding()] = require.cache[file];
}
