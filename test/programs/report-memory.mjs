// Loaded into a program under test (`node --expose-gc --import`): at SIGUSR2 it collects garbage and writes the bytes
// that are still in use, heap and buffers, to the file named by REPORT_MEMORY_TO. Unlike the resident memory of the
// process, that number does not depend on when the collector runs.

import { renameSync, writeFileSync } from 'node:fs';

process.on('SIGUSR2', () => {
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage(); // `external` includes buffers
  const file = process.env.REPORT_MEMORY_TO;
  writeFileSync(`${file}.new`, String(heapUsed + external));
  renameSync(`${file}.new`, file); // a reader sees a whole number
});
