// Which of the remembered topics are this machine's. A data folder may be a copy: then what it remembers belongs to the board
// it was copied from, which goes on, and whose topics are not ours to clear. The machine is noted beside them by a keyed hash.
// Main thread.
import { isNote, type MemoryNotes } from './memory-notes.ts';
import type { TopicMemory } from './retained.ts';
import { topicOf } from './topics.ts';

export interface OwnTopicsOptions {
  readonly memory: TopicMemory;
  readonly notes: MemoryNotes;
  /** Hash of this machine. */
  readonly machine: string;
  /** First level below `vedette/`, as it is when the topics are recalled. */
  readonly device: () => string;
}

export class OwnTopics implements TopicMemory {
  /** They were kept by a version that notes its machine; valid once they are known. */
  noted = false;
  readonly #options: OwnTopicsOptions;

  constructor(options: OwnTopicsOptions) {
    this.#options = options;
  }

  /** Topics of another machine are forgotten, and stay at the broker; where no machine is noted, all are taken for ours. */
  known(): readonly string[] | undefined {
    const { memory, notes, machine, device } = this.#options;
    const topics = memory.known()?.filter((topic) => !isNote(topic));
    const machines = notes.of('machine')?.map(({ word }) => word);
    if (topics === undefined || machines === undefined) return undefined;
    this.noted = machines.length > 0;
    const foreign = machines.length > 0 && !machines.includes(machine);
    if (foreign) notes.remove(({ kind }) => kind === 'machine');
    notes.add(device(), [{ kind: 'machine', camera: undefined, word: machine }]);
    if (!foreign) return topics;
    // No two boards have one name: what is below ours is ours, whoever left it there.
    const isOurs = (topic: string): boolean => topic.startsWith(topicOf(device(), ''));
    memory.change({ added: [], removed: topics.filter((topic) => !isOurs(topic)) });
    return topics.filter(isOurs);
  }

  change(topics: Parameters<TopicMemory['change']>[0]): void {
    this.#options.memory.change(topics);
  }
}
