// What `vedette check` can know about the sources of the cameras: whether their programs are installed, their files and
// devices there. Starts nothing, connects to nothing.
import { access, constants, readdir, stat } from 'node:fs/promises';
import type { CameraConfig, Config, FramesConfig } from '../config/types.ts';
import type { ConfigFault } from '../core/config-fault.ts';
import { findProgram } from '../platform/child.ts';
import { reasonOf, VedetteError } from '../platform/errors.ts';
import { resolveSceneOptions } from '../scene/options.ts';

/** What was looked at: a line of plain words per good thing, a fault per bad one. */
export interface Findings {
  readonly good: readonly string[];
  readonly faults: readonly ConfigFault[];
}

/** What a source needs on this board. */
interface Needs {
  /** In plain words, with what it is read from. */
  readonly title: string;
  /** Any one of these programs. */
  readonly programs: readonly string[];
  readonly debianPackage?: string;
  /** What is wrong with a path, or undefined; with the key that names it. */
  readonly path?: { readonly key: string; readonly fault: string | undefined };
  /** What is wrong with the frames that are asked of it; with the key of `detect`. */
  readonly frames?: { readonly key: string; readonly fault: string } | undefined;
}

/** The cameras that would be started. */
export async function checkSources({ cameras }: Config): Promise<Findings> {
  const good: string[] = [];
  const faults: ConfigFault[] = [];
  for (const [name, camera] of Object.entries(cameras)) {
    if (!camera.enabled) {
      good.push(`camera '${name}': disabled, not looked at`);
      continue;
    }
    const { title, programs, debianPackage, path, frames } = await needsOf(camera);
    const at = (key: string): string[] => ['cameras', name, 'source', key];
    if (path?.fault !== undefined) faults.push({ path: at(path.key), message: path.fault });
    if (frames !== undefined) {
      faults.push({ path: ['cameras', name, 'detect', frames.key], message: frames.fault });
    }
    const program = programs.map(findProgram).find((found) => found !== undefined);
    if (programs.length > 0 && program === undefined) {
      const install = debianPackage === undefined ? '' : `: install it (apt install ${debianPackage})`;
      const key = camera.source.type === 'command' ? 'command' : 'type';
      faults.push({ path: at(key), message: `${programs[0]} is not on PATH${install}` });
    } else if (path?.fault === undefined && frames === undefined) {
      good.push(`camera '${name}': ${title}${program === undefined ? '' : `, read with ${program}`}`);
    }
  }
  return { good, faults };
}

async function needsOf({ source, detect }: CameraConfig): Promise<Needs> {
  const ffmpeg = { programs: ['ffmpeg'], debianPackage: 'ffmpeg' };
  switch (source.type) {
    case 'scene':
      return { title: 'the built-in scene, needs nothing', programs: [], frames: sceneFault(detect) };
    case 'file':
      return {
        ...ffmpeg,
        title: `video ${source.path}`,
        path: { key: 'path', fault: await videoFault(source.path) },
      };
    case 'folder':
      return {
        ...ffmpeg,
        title: `pictures in ${source.path}`,
        path: { key: 'path', fault: await folderFault(source.path) },
      };
    case 'libcamera':
      return {
        title: `Raspberry Pi camera ${source.camera}`,
        programs: ['rpicam-vid', 'libcamera-vid'],
        debianPackage: 'rpicam-apps',
      };
    case 'v4l2':
      return {
        ...ffmpeg,
        title: `device ${source.device}`,
        path: { key: 'device', fault: await deviceFault(source.device) },
      };
    case 'argus':
      return {
        title: `Jetson camera ${source.sensor}`,
        programs: ['gst-launch-1.0'],
        debianPackage: 'gstreamer1.0-tools',
      };
    case 'rtsp':
    case 'http':
      return { ...ffmpeg, title: `network camera ${new URL(source.url).host} (not asked)` };
    case 'command':
      return commandNeeds(source.command[0]!);
  }
}

/** The first thing about the frames that the scene itself would refuse. */
function sceneFault({ width, height, fps }: FramesConfig): Needs['frames'] {
  try {
    resolveSceneOptions({ width, height, fps });
    return undefined;
  } catch (error) {
    if (!(error instanceof VedetteError)) throw error;
    const { option, limit, value } = error.data;
    return { key: String(option), fault: `the built-in scene needs ${limit} (got ${value})` };
  }
}

async function commandNeeds(command: string): Promise<Needs> {
  if (!command.includes('/')) return { title: 'a command', programs: [command] };
  const title = `command ${command}`;
  const fault = await reachFault(command, constants.X_OK);
  return { title, programs: [], path: { key: 'command', fault } };
}

/** Why a video cannot be opened, or undefined. A FIFO or device may be a video too: only folders are refused. */
async function videoFault(path: string): Promise<string | undefined> {
  const fault = await reachFault(path, constants.R_OK);
  if (fault !== undefined || !(await stat(path)).isDirectory()) return fault;
  return `${path} is a folder, not a video`;
}

async function folderFault(path: string): Promise<string | undefined> {
  const fault = await reachFault(path, constants.R_OK);
  if (fault !== undefined) return fault;
  if (!(await stat(path)).isDirectory()) return `${path} is not a folder`;
  const pictures = (await readdir(path)).some((name) => /\.(?:jpe?g|png)$/i.test(name));
  return pictures ? undefined : `${path} holds no .jpg and no .png`;
}

async function deviceFault(path: string): Promise<string | undefined> {
  const fault = await reachFault(path, constants.R_OK);
  if (fault !== undefined || (await stat(path)).isCharacterDevice()) return fault;
  return `${path} is not a device`;
}

/** Why a path cannot be used in this way, or undefined. */
async function reachFault(path: string, mode: number): Promise<string | undefined> {
  try {
    await access(path, mode);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return `${path} does not exist`;
    const what = mode === constants.X_OK ? 'run' : 'read';
    return `${path} cannot be ${what} (${code ?? reasonOf(error)})`;
  }
}
