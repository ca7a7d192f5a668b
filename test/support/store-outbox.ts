// The store as the publisher sees it, wired as daemon/app.ts does.
import type { OutboxSource } from '../../daemon/publish/outbox-sender.ts';
import type { Store } from '../../daemon/store/store.ts';

export function storeOutbox(store: Store): OutboxSource {
  return {
    read: (range) => store.readOutbox(range),
    delivered: (rows) => store.delivered(rows),
    unheard: (rows) => store.unheard(rows),
    passOver: (rows) => store.passOver(rows),
    lastRow: () => store.state().lastRow,
  };
}
