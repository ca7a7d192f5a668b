// What the service would have around a configuration, for commands that look at it from outside: without it `check` would not find
// the service's models, nor `doctor` its passwords. Pure but for one look whether a folder is there.
import { existsSync } from 'node:fs';
import { SYSTEM_PATH } from '../config/load.ts';

/** As systemd/vedette.service has them: StateDirectory=, and where systemd.exec(5) puts LoadCredential= of a unit that runs. */
const SERVICE = { data: '/var/lib/vedette', credentials: '/run/credentials/vedette.service' };

/** The environment of a command for this configuration: the service's folders where it is the service's and nothing else is said. */
export function environmentFor(
  file: string,
  env: NodeJS.ProcessEnv,
  service: { readonly data: string; readonly credentials: string } = SERVICE,
): NodeJS.ProcessEnv {
  if (file !== SYSTEM_PATH) return env;
  const { STATE_DIRECTORY: data, CREDENTIALS_DIRECTORY: credentials } = env;
  return {
    ...env,
    STATE_DIRECTORY: data || service.data,
    ...(!credentials && existsSync(service.credentials)
      ? { CREDENTIALS_DIRECTORY: service.credentials }
      : {}),
  };
}
