// What files beside a model say of it: names of its classes, its default boxes. Reads small text files. Any thread.
import { readFileSync, statSync } from 'node:fs';
import { readProblem, reasonOf, VedetteError } from '../platform/errors.ts';
import type { ImportWishes } from './import-wishes.ts';
import { LABEL_LISTS } from './import-wishes.ts';
import { isLabelList, labelsOf } from './labels.ts';

const BYTES_MAX = 16 * 2 ** 20;
const NAMES_MAX = 10_000;
const NAME_LENGTH_MAX = 2000;

type Labels = NonNullable<ImportWishes['labels']>;

/** A list that is known by its name, or the lines of a file. Throws USAGE. */
export function wishedLabels(listOrFile: string): Labels {
  if (isLabelList(listOrFile)) return { from: listOrFile, names: labelsOf(listOrFile) };
  const lines = readText('--labels', listOrFile, `there are the lists ${LABEL_LISTS.join(', ')}`).split(
    /\r?\n/,
  );
  while (lines.at(-1)?.trim() === '') lines.pop();
  const names = lines.map((line) => line.trim());
  const empty = names.indexOf('');
  if (empty >= 0)
    throw usage(`--labels: line ${empty + 1} of ${listOrFile} is empty; each line names a class`);
  const long = names.findIndex((name) => name.length > NAME_LENGTH_MAX);
  if (names.length === 0 || names.length > NAMES_MAX || long >= 0) {
    throw usage(
      long >= 0
        ? `--labels: line ${long + 1} of ${listOrFile} is longer than ${NAME_LENGTH_MAX} letters`
        : `--labels: ${listOrFile} has ${names.length} lines (1 to ${NAMES_MAX}), one for each class`,
    );
  }
  return { from: listOrFile, names };
}

/** Rows of numbers in a JSON file. Throws USAGE. */
export function wishedAnchors(file: string): readonly (readonly number[])[] {
  const text = readText('--anchors', file, 'it takes a JSON file of rows of numbers');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw usage(`--anchors: ${file} is not JSON (${reasonOf(error)})`);
  }
  const isRow = (row: unknown): row is number[] =>
    Array.isArray(row) && row.every((each) => Number.isFinite(each));
  if (!Array.isArray(value) || value.length === 0 || !value.every(isRow)) {
    throw usage(`--anchors: ${file} is no list of rows of numbers, as [[10, 13, 16, 30], [30, 61, 62, 45]]`);
  }
  return value;
}

function readText(flag: string, file: string, otherwise: string): string {
  try {
    const { size } = statSync(file);
    if (size > BYTES_MAX) throw usage(`${flag}: ${file} has ${size} bytes (limit ${BYTES_MAX})`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof VedetteError) throw error;
    throw new VedetteError('USAGE', `${flag}: ${file} ${readProblem(error)}; ${otherwise}`, { file }, error);
  }
}

function usage(message: string): VedetteError {
  return new VedetteError('USAGE', message);
}
