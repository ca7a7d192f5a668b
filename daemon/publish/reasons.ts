// What a broker means by its numbers: return codes of MQTT 3.1.1 (table 3.1) and reason codes of MQTT 5 (section 2.4) in
// words, and what an owner can do about them. Owns no connection. Pure, main thread.
import { ReasonCodes } from 'mqtt';

/** Another client has connected with our name. */
export const SESSION_TAKEN_OVER = 0x8e;
/** It cannot take the last will of the CONNECT as it is. */
export const RETAIN_NOT_SUPPORTED = 0x9a;
export const QOS_NOT_SUPPORTED = 0x9b;
/** "Unacceptable protocol version" of 3.1.1, "unsupported protocol version" of 5. */
const VERSION_REFUSALS: readonly number[] = [1, 0x84];
/** A broker may send text with its reason; it is shown, but not without a limit. */
const TEXT_LENGTH_MAX = 200;

/** Reasons of a DISCONNECT that have nothing to do with what was sent: the broker stops, is busy or wants us elsewhere. */
const UNRELATED_TO_MESSAGES: readonly number[] = [
  0x00,
  0x89,
  0x8b,
  0x8d,
  SESSION_TAKEN_OVER,
  0x98,
  0x9c,
  0x9d,
  0x9f,
  0xa0,
];

/** Whether a message may be why the broker closed the connection; without a code it always may. */
export function mayBlameMessage(code: number | undefined): boolean {
  return code === undefined || !UNRELATED_TO_MESSAGES.includes(code);
}

export function isVersionRefusal(code: number | undefined): boolean {
  return code !== undefined && VERSION_REFUSALS.includes(code);
}

/** E.g. `session taken over (0x8E)`, with the broker's own text behind it. */
export function codeWords(code: number, text?: string): string {
  const words = (ReasonCodes as Readonly<Record<number, string>>)[code] || 'unknown reason';
  const number = code < 0x10 ? String(code) : `0x${code.toString(16).toUpperCase()}`;
  const said = text === undefined || text === '' ? '' : `: ${JSON.stringify(text.slice(0, TEXT_LENGTH_MAX))}`;
  return `${words.toLowerCase()} (${number})${said}`;
}

export interface AdviceContext {
  readonly clientId: string;
  readonly hasUser: boolean;
}

/** What an owner can do about the code of a CONNACK or DISCONNECT. */
export function adviceOn(code: number, { clientId, hasUser }: AdviceContext): string {
  switch (code) {
    case 1:
    case 0x84:
      return 'the broker does not speak this version of MQTT, set mqtt.protocol to auto';
    case 2:
    case 0x85:
      return `the broker does not accept the client name ${clientId}, give device.name another value`;
    case 3:
    case 0x88:
    case 0x89:
    case 0x8b:
      return 'the broker is not ready';
    case 4:
    case 5:
    case 0x86:
    case 0x87:
      return hasUser
        ? "check mqtt.user and mqtt.password, and the broker's access list"
        : 'the broker wants a user and a password, set mqtt.user and mqtt.password';
    case SESSION_TAKEN_OVER:
      return `another client uses the name ${clientId}, give each board its own device.name`;
    case 0x95:
      return 'raise the packet size limit of the broker';
    case 0x96:
    case 0x97:
    case 0x9f:
      return 'the broker sets a limit on this client, raise it there';
    case 0x9c:
    case 0x9d:
      return 'the broker has moved, change mqtt.url';
    default:
      return "the broker's log may say more";
  }
}
