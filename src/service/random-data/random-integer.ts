// Uniformly random integers of any number of bits, from the cryptographic generator. Knows nothing of D-Bus.
// Tests: implementation.test.ts.
import { randomBytes } from 'node:crypto';

/** Returns `size` unpredictable bytes. */
export type RandomSource = (size: number) => Uint8Array;

/**
 * A uniformly random integer from 0 to 2^bits − 1 as decimal text; `"0"` for 0 bits.
 * The time it takes grows a little faster than `bits`: about 2 ms for 65,536.
 */
export function randomInteger(bits: number, source: RandomSource = randomBytes): string {
  if (bits === 0) return '0';
  const bytes = source(Math.ceil(bits / 8));
  const excess = bytes.length * 8 - bits;
  return (BigInt(`0x${Buffer.from(bytes).toString('hex')}`) >> BigInt(excess)).toString();
}
