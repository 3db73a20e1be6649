// The number of values of one message, which its receiver limits: values in memory are larger than their bytes.
// (Not in the specification.) Tests: unmarshal.test.ts.
import { counted } from '../counted.js';
import type { UnmarshalErrorCode } from '../errors.js';
import type { Fault } from './fault.js';
import type { Reader } from './reader.js';

/** Counts values that are about to be read. @throws {Fault} if the message has more than its receiver accepts */
export function countValues(reader: Reader, count: number): void {
  if ((reader.valuesLeft -= count) < 0) throw tooManyValues(reader);
}

function tooManyValues(reader: Reader): Fault<UnmarshalErrorCode> {
  const { maxValues } = reader.reading;
  const problem = `more than ${counted(maxValues, 'value')}: there must be at most ${maxValues} (maxValues)`;
  return reader.fault('TOO_MANY_VALUES', problem);
}
