// Work that many may ask for in one turn of the loop and that is done once, when the turn is over. Main thread.

/** A function that has `work` done at the end of the turn, however often it is called until then. */
export function oncePerTurn(work: () => void): () => void {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    queueMicrotask(() => {
      asked = false;
      work();
    });
  };
}
