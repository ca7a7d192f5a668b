// What the store keeps of the retained topics, over the lives of a daemon.
import type { TopicMemory } from '../../daemon/publish/retained.ts';

export class TopicNotes implements TopicMemory {
  /** Undefined: the database is not open yet. */
  topics: string[] | undefined;

  constructor(topics: string[] = []) {
    this.topics = topics;
  }

  known(): readonly string[] | undefined {
    return this.topics;
  }

  change({ added, removed }: { added: readonly string[]; removed: readonly string[] }): void {
    this.topics = [...new Set([...(this.topics ?? []), ...added])].filter(
      (topic) => !removed.includes(topic),
    );
  }
}
