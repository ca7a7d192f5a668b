// All cameras of the daemon as one part: which there are, the slots each has at the detector, coming and going while the
// daemon runs. Main thread.
import type { ClipOrder } from '../core/clips.ts';
import type { Effort } from '../core/effort.ts';
import type { CameraSwitches } from '../core/switches.ts';
import type { DetectorState } from '../detector/wire.ts';
import type { Part } from '../platform/part.ts';
import type { Camera } from './camera.ts';
import type { AskedPicture, CameraPast } from './messages.ts';
import { noPicture } from './picture-requests.ts';

export interface CamerasOptions {
  /** Those to begin with. */
  readonly names: readonly string[];
  /** `index` decides the camera's slots at the detector; the least one that is free. */
  readonly make: (name: string, index: number) => Camera;
}

export class Cameras implements Part {
  readonly name = 'cameras';
  readonly #options: CamerasOptions;
  /** By index; a place is free again when its camera has gone. */
  readonly #places: (Camera | undefined)[] = [];
  /** As last set, for cameras that come later too. */
  readonly #efforts = new Map<string, Effort>();
  /** Of cameras that have gone, by name: one that comes again goes on from there. */
  readonly #pasts = new Map<string, CameraPast>();
  #detector: DetectorState | undefined;
  #stopped = false;

  constructor(options: CamerasOptions) {
    this.#options = options;
  }

  get list(): Camera[] {
    return this.#places.filter((camera) => camera !== undefined);
  }

  async start(): Promise<void> {
    await this.add(this.#options.names);
  }

  /** At the same time: each may take up to its own deadline. What a reload that is under way would add does not come any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.list.map((camera) => camera.stop()));
  }

  /** All cameras follow the detector, those that come later too. */
  detectorChanged(state: DetectorState): void {
    this.#detector = state;
    for (const camera of this.list) camera.detectorChanged(state);
  }

  /** Undefined where there is none of this name. */
  find(name: string): Camera | undefined {
    return this.list.find(({ camera }) => camera === name);
  }

  /** The switches of a camera have been turned; one that is made later asks for them itself. */
  turn(name: string, switches: CameraSwitches): void {
    this.find(name)?.turn(switches);
  }

  /** Of the camera of this name; rejects with CAMERA_NO_PICTURE. */
  async newestPicture(name: string): Promise<AskedPicture> {
    const camera = this.find(name);
    if (camera === undefined) throw noPicture(name, 'it is being started again, there is no frame');
    return camera.newestPicture();
  }

  /** See `Camera.rememberForClips`; asked for every camera. */
  rememberForClips(secondsOf: (camera: string) => number): void {
    for (const camera of this.list) camera.rememberForClips(secondsOf(camera.camera));
  }

  /** See `Camera.setEffort`; a camera of this name that is made later gets it too. */
  setEffort(name: string, effort: Effort): void {
    this.#efforts.set(name, effort);
    this.find(name)?.setEffort(effort);
  }

  /** False where the camera is not there, or does not run. */
  makeClip(order: ClipOrder): boolean {
    return this.find(order.camera)?.makeClip(order) ?? false;
  }

  async add(names: readonly string[]): Promise<void> {
    if (this.#stopped) return;
    await Promise.all(
      names.map((name) => {
        const free = this.#places.indexOf(undefined);
        const index = free === -1 ? this.#places.length : free;
        const camera = this.#options.make(name, index);
        this.#places[index] = camera;
        const past = this.#pasts.get(name);
        if (past !== undefined) camera.goOnFrom(past);
        const effort = this.#efforts.get(name);
        if (effort !== undefined) camera.setEffort(effort);
        if (this.#detector !== undefined) camera.detectorChanged(this.#detector);
        return camera.start();
      }),
    );
  }

  /** Stops and forgets these; their events have ended when this resolves. */
  async remove(names: readonly string[]): Promise<void> {
    await Promise.all(
      this.#places.map(async (camera, index) => {
        if (camera === undefined || !names.includes(camera.camera)) return;
        await camera.stop();
        this.#pasts.set(camera.camera, camera.past);
        this.#places[index] = undefined;
      }),
    );
  }
}
