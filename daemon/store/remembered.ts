// The tables of what has to be known again after a restart, beside what happened: switches and topics with a retained
// message. Every call is a single statement or runs inside the caller's transaction. Worker thread.
import type Database from 'better-sqlite3';
import type { StoredSwitch } from '../core/switches.ts';
import type { Recall, TopicsChange } from './messages.ts';

export class Remembered {
  readonly #keepSwitch: Database.Statement<[StoredSwitch]>;
  readonly #addTopic: Database.Statement<[string]>;
  readonly #removeTopic: Database.Statement<[string]>;
  readonly #switches: Database.Statement<[], StoredSwitch>;
  readonly #topics: Database.Statement<[], string>;

  constructor(db: Database.Database) {
    this.#keepSwitch = db.prepare(
      'INSERT OR REPLACE INTO switches (name, value, file_value) VALUES (@name, @value, @fileValue)',
    );
    this.#addTopic = db.prepare('INSERT OR IGNORE INTO retained_topics (topic) VALUES (?)');
    this.#removeTopic = db.prepare('DELETE FROM retained_topics WHERE topic = ?');
    this.#switches = db.prepare<[], StoredSwitch>(
      'SELECT name, value, file_value AS fileValue FROM switches ORDER BY name',
    );
    this.#topics = db.prepare<[], string>('SELECT topic FROM retained_topics ORDER BY topic').pluck();
  }

  keep(
    switches: readonly StoredSwitch[],
    { added, removed }: TopicsChange = { added: [], removed: [] },
  ): void {
    for (const { name, value, fileValue } of switches) this.#keepSwitch.run({ name, value, fileValue });
    for (const topic of removed) this.#removeTopic.run(topic);
    for (const topic of added) this.#addTopic.run(topic);
  }

  recall(): Recall {
    return { switches: this.#switches.all(), retainedTopics: this.#topics.all() };
  }
}
