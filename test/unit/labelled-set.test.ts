import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { labelIndex } from '../../daemon/models/label-names.ts';
import { boxesOf, openLabelledSet } from '../../daemon/models/labelled-set.ts';
import { errorOf } from '../support/errors.ts';
import { folderWith } from '../support/photos.ts';

const DATASET = JSON.stringify({
  classes: ['person', 'car', 'dog'],
  sets: { 'street/val': { images: 1, labelled: ['car'] }, yard: {} },
});

/** The message of what a folder is refused with, without the folder. */
async function refusal(files: Readonly<Record<string, string>>, below = ''): Promise<string> {
  const folder = folderWith({ [join(below, 'a.txt')]: '', ...files });
  const { message } = await errorOf(openLabelledSet(join(folder, below)), 'LABELS_INVALID');
  return message.replaceAll(folder, '');
}

describe('the classes of a folder', () => {
  test('come from the dataset.json above it, with those that this set labels', async () => {
    const folder = folderWith({ 'dataset.json': DATASET, 'street/val/1.txt': '', 'yard/1.txt': '' });
    const street = await openLabelledSet(join(folder, 'street/val'));
    expect([street.name, street.classes, street.labelled]).toEqual([
      'street/val',
      ['person', 'car', 'dog'],
      ['car'],
    ]);
    expect((await openLabelledSet(join(folder, 'yard'))).labelled).toEqual(['person', 'car', 'dog']);
  });

  test.each([
    ['classes.txt', 'person\r\ncar\n', ['person', 'car']],
    ['labels.txt', 'person\ncar', ['person', 'car']],
    ['data.yaml', 'train: ../train\nnames: [person, car]\n', ['person', 'car']],
    ['data.yaml', 'names:\n  0: person\n  1: car\n', ['person', 'car']],
    ['dataset.json', '{"classes":["person","car"]}', ['person', 'car']],
  ])('come from its own %s', async (file, content, classes) => {
    const set = await openLabelledSet(folderWith({ [file]: content }));
    expect([set.classes, set.labelled]).toEqual([classes, classes]);
  });

  test('may be apart from photos and boxes: images and labels, the names above', async () => {
    const files = {
      'data.yaml': 'names: [person]',
      'val/images/1.jpg': '',
      'val/labels/1.txt': '0 .5 .5 1 1',
    };
    const set = await openLabelledSet(join(folderWith(files), 'val'));
    expect(await boxesOf(set, '1.jpg')).toEqual([{ label: 0, box: { x: 0, y: 0, width: 1, height: 1 } }]);
    expect(set.photos).toMatch(/val\/images$/);
  });

  test('that nothing names are asked for, with what to do', async () => {
    // So deep that what others leave in the system's temporary folder is not above it.
    expect(await refusal({}, 'a/b/c')).toContain('nothing names its classes; put a classes.txt');
  });

  test('are refused where they contradict themselves or this set is forgotten', async () => {
    expect(await refusal({ 'dataset.json': DATASET }, 'barn')).toContain(
      "has no set 'barn' (it has street/val, yard); add it",
    );
    expect(await refusal({ 'dataset.json': '{"classes":["a"],"labelled":["b"]}' })).toContain(
      "says that 'b' is labelled, which is none of its classes (a)",
    );
    expect(await refusal({ 'dataset.json': '{"classes":["a"' })).toContain('/dataset.json: cannot be read');
    expect(await refusal({ 'dataset.json': '{"classes":[3]}' })).toContain('/dataset.json: classes.0: ');
    expect(await refusal({ 'classes.txt': 'a\n\nb' })).toContain('/classes.txt: 1: ');
    expect(await refusal({ 'classes.txt': 'a\na' })).toContain("/classes.txt: names 'a' twice");
    expect(await refusal({ 'data.yaml': 'names: {0: a, 2: b}' })).toContain('without a gap');
  });
});

describe('the boxes of a photo', () => {
  const boxes = async (content: string): Promise<unknown> => {
    const folder = folderWith({ 'classes.txt': 'person\ncar', '1.txt': content });
    return boxesOf(await openLabelledSet(folder), '1.jpg');
  };

  test('are read with their class, cut at the edges where a labelling program has rounded', async () => {
    expect(await boxes('0 0.5 0.5 0.2 0.4\n\n1 0.9 0.5 0.204 0.5\n')).toEqual([
      { label: 0, box: { x: 0.4, y: 0.3, width: expect.closeTo(0.2), height: expect.closeTo(0.4) } },
      { label: 1, box: { x: expect.closeTo(0.798), y: 0.25, width: expect.closeTo(0.202), height: 0.5 } },
    ]);
  });

  test('may be none, which is not the same as no file', async () => {
    expect(await boxes('')).toEqual([]);
    const set = await openLabelledSet(folderWith({ 'classes.txt': 'person' }));
    expect(await boxesOf(set, '1.jpg')).toBeUndefined();
  });

  test.each([
    ['2 0.5 0.5 0.1 0.1', 'class 2 is none of the 2 (0 to 1)'],
    ['0.5 0.5 0.5 0.1 0.1', 'class 0.5 is none of the 2'],
    ['0 0.5 0.5 0.1', 'is not class, centre x, centre y, width and height'],
    ['0 0.5 0.5 0.1 wide', 'is not class, centre x, centre y, width and height'],
    ['0 100 50 20 20', 'box 100 50 20 20 is not within the photo (0..1)'],
    ['0 0.5 0.5 -0.1 0.1', 'is not within the photo'],
    ['0 0.1 0.1 0.2 0.2 0.3 0.3 0.4 0.4', 'is not class, centre x'],
  ])('are refused with file and line: %s', async (line, problem) => {
    const { message } = await errorOf(boxes(`0 0.5 0.5 0.1 0.1\n${line}`), 'LABELS_INVALID');
    expect(message).toContain('/1.txt:2: ');
    expect(message).toContain(problem);
  });
});

test('labels are found by name, whatever the spelling', () => {
  const labels = ['Person', 'motorbike', 'traffic_light', 'person', 'aeroplane'];
  expect(
    ['person', 'motorcycle', 'Traffic Light', 'airplane', 'bus'].map((name) => labelIndex(labels, name)),
  ).toEqual([3, 1, 2, 4, -1]);
});
