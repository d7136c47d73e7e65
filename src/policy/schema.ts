import * as v from 'valibot';
import { formatTimeMs, parseTimeMs } from '../core/duration.ts';
import type { Row } from './table.ts';

/** Entries of a list, and characters of a word, at most: a policy is written by hand. */
const MAX_WORDS = 1000;
const MAX_WORD_CHARS = 255;

/** What a value of a row has to be, in words: the end of a sentence that begins with the key. */
export function demandOf(row: Row): string {
  switch (row.type) {
    case 'boolean':
      return 'true or false';
    case 'number': {
      const unit = row.unit === undefined ? '' : ` ${row.unit}`;
      return `a ${row.whole ? 'whole number' : 'number'} from ${row.min} to ${row.max}${unit}`;
    }
    case 'time':
      return `a time from ${formatTimeMs(row.minMs)} to ${formatTimeMs(row.maxMs)}`;
    case 'word':
      return 'a text';
    case 'words':
      return 'a list of texts';
    case 'choice':
      return `one of ${row.values.join(', ')}`;
    default:
      return row satisfies never;
  }
}

/** How such a value is written, for whoever has not found out; '' where that is plain. */
export function exampleOf(row: Row): string {
  if (row.type === 'time') return ', such as 30s, 500ms, 2min, or 30 for seconds';
  return row.type === 'words' ? ', such as [a, b]' : '';
}

const WordSchema = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_WORD_CHARS));

/** The schema of a row's value as YAML gives it; a time comes out in ms. */
export function schemaOf(row: Row): v.GenericSchema<unknown, unknown> {
  switch (row.type) {
    case 'boolean':
      return v.boolean();
    case 'number': {
      const within = v.pipe(v.number(), v.finite(), v.minValue(row.min), v.maxValue(row.max));
      return row.whole ? v.pipe(within, v.integer()) : within;
    }
    case 'time':
      return v.pipe(
        v.union([v.pipe(v.number(), v.finite()), v.string()]),
        // A fraction of a second is fine as a number; parseTimeMs knows whole ones only.
        v.transform((value) => (typeof value === 'number' ? value * 1000 : parseTimeMs(value))),
        v.number(),
        v.minValue(row.minMs),
        v.maxValue(row.maxMs),
      );
    case 'word':
      return WordSchema;
    case 'words':
      return v.pipe(v.array(WordSchema), v.maxLength(MAX_WORDS));
    case 'choice':
      return v.picklist(row.values);
    default:
      return row satisfies never;
  }
}
