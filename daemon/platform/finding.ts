// The words in which a check of `vedette doctor` answers: what was found, how bad it is, what to do. Types only.

export type Level = 'ok' | 'warning' | 'fault';

export interface Finding {
  /** fault: the daemon does not do its work like this; warning: it works, but worse than it could or not for long. */
  readonly level: Level;
  /** What of the check it is about, where there are several: a camera, a device, a provider. */
  readonly subject?: string;
  /** What was seen, in plain words: lower case, no full stop. */
  readonly message: string;
  /** What the owner does about it. */
  readonly advice?: string;
  /** The same as numbers and names, for programs. */
  readonly facts?: Readonly<Record<string, unknown>>;
}
