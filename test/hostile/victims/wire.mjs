// The wire library alone under attack: reads files of messages in chunks, as from a socket.
import { readFileSync } from 'node:fs';
import { checkBody, decodeHeader, MessageReader } from '../../../dist/wire/index.js';
import { serveCommands } from './commands.mjs';

const CHUNK = 65_536;
const codeOf = (error) => error?.code;

serveCommands({
  read: (file, options) => {
    const reader = new MessageReader(options);
    const bytes = readFileSync(file);
    const result = { messages: 0, invalid: [] };
    for (let at = 0; at < bytes.length && reader.failure === undefined; at += CHUNK) {
      result.messages += reader.push(bytes.subarray(at, at + CHUNK)).length;
      for (const { error } of reader.invalid) result.invalid.push(codeOf(error));
    }
    return { ...result, failure: codeOf(reader.failure) };
  },
  check: (file) => {
    const bytes = readFileSync(file);
    try {
      checkBody(decodeHeader(bytes), bytes);
      return 'valid';
    } catch (error) {
      return codeOf(error);
    }
  },
});
