// Which version of MQTT the next attempt speaks. With `auto` MQTT 5 comes first; a broker that refuses it is spoken to in
// 3.1.1 from then on. Pure, main thread.
import type { MqttConfig } from '../config/types.ts';
import { isVersionRefusal } from './reasons.ts';

/** As it stands in a CONNECT packet: 4 is MQTT 3.1.1. */
export type ProtocolVersion = 4 | 5;

/** How an attempt ended before it was answered with yes. */
export interface FailedAttempt {
  /** Of the CONNACK. */
  readonly code?: number;
  /** The other side closed without an answer: a broker may do so that does not know the version. */
  readonly closed: boolean;
}

export class ProtocolChoice {
  readonly #auto: boolean;
  #version: ProtocolVersion;
  /** 5 was refused in words: 3.1.1 is spoken for good. */
  #refused = false;
  /** 5 was closed without an answer and 3.1.1 accepted: 5 is asked once more, now that the broker is there. */
  #proving = false;
  /** It was closed again: 3.1.1 is spoken on this connection. */
  #proved = false;

  constructor(setting: MqttConfig['protocol']) {
    this.#auto = setting === 'auto';
    this.#version = setting === '3.1.1' ? 4 : 5;
  }

  get version(): ProtocolVersion {
    return this.#version;
  }

  /** True when the next attempt speaks 3.1.1 because this one failed for its version: there is no reason to wait. */
  failed({ code, closed }: FailedAttempt): boolean {
    if (!this.#auto) return false;
    if (isVersionRefusal(code)) {
      this.#refused = this.#version === 5;
      this.#version = this.#refused ? 4 : 5;
      return this.#refused;
    }
    if (this.#refused) return false;
    this.#proved = closed && this.#proving;
    this.#proving = false;
    if (this.#proved) {
      this.#version = 4;
      return true;
    }
    // A close may have other reasons (a proxy whose broker is down): both versions in turn, and nothing is remembered.
    this.#version = closed && this.#version === 5 ? 4 : 5;
    return false;
  }

  /**
   * An attempt was answered with yes. True when it is to be ended and made again: it speaks 3.1.1 only because something
   * closed before, and that may have been the network. A connection may last for months.
   */
  accepted(): boolean {
    this.#proving = this.#auto && this.#version === 4 && !this.#refused && !this.#proved;
    if (this.#proving) this.#version = 5;
    return this.#proving;
  }

  /** The connection that was up has ended. */
  lost(): void {
    this.#proved = false;
    if (this.#auto && !this.#refused) this.#version = 5;
  }
}

export function protocolName(version: ProtocolVersion): '5' | '3.1.1' {
  return version === 5 ? '5' : '3.1.1';
}
