// Which label of a model is which class of a labelled set: by name, whatever the case and the way of writing spaces, and by the
// names that darknet gives to six classes of COCO. Pure.

/** Spellings of darknet's coco.names and of Pascal VOC, and COCO's own. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ['motorbike', 'motorcycle'],
  ['aeroplane', 'airplane'],
  ['sofa', 'couch'],
  ['pottedplant', 'potted plant'],
  ['diningtable', 'dining table'],
  ['tvmonitor', 'tv'],
]);

/** Index into the model's labels; −1 where it has none of that name. The same spelling comes before another one. */
export function labelIndex(labels: readonly string[], name: string): number {
  const exact = labels.indexOf(name);
  return exact >= 0 ? exact : labels.findIndex((label) => plain(label) === plain(name));
}

function plain(name: string): string {
  const words = name
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, ' ');
  return OTHER_NAMES.get(words) ?? words;
}
