// The limits of all caches of the wire layer, in one table: their sum bounds what peers can make a process keep.
// Each cache is created where it is used, with its limit from here. docs/wire.md lists the same table.
// Tests: bounded-cache.test.ts, test/wire/error-codes.test.ts.
import type { CacheLimit } from './bounded-cache.js';
import type { ByteCacheLimit } from './values/byte-cache.js';

export const CACHE_LIMITS = {
  /** Signatures: parsed types and compiled code. */
  codecs: { entries: 1024, characters: 16_384 },
  /** Received signatures, found by their bytes. */
  receivedSignatures: { slots: 256, maxLength: 64 },
  /**
   * Received text that repeats across messages: eight caches, one for OBJECT_PATH values, one for STRING keys of dicts,
   * and one for each of the six header fields that hold a name.
   */
  receivedTexts: { slots: 256, maxLength: 64 },
  /** Received header fields of whole messages. */
  receivedHeaders: { slots: 128, maxLength: 256 },
  /** Received header fields of whole replies, whatever the value of REPLY_SERIAL. */
  receivedReplies: { slots: 16, maxLength: 256 },
  /** Names found valid when writing: six caches, one for each header field that holds a name. */
  writtenNames: { entries: 512, characters: 16_384 },
  /** Written header fields of whole messages. */
  writtenHeaders: { slots: 64, maxLength: 1024 },
} as const satisfies Readonly<Record<string, CacheLimit | ByteCacheLimit>>;
