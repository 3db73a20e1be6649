// @jellybrick/dbus-next 0.11.3: as dbus-next. Its package is one file that keeps these functions to itself, so the file
// is loaded as it is, with one line behind it that hands them out. It reads from streams only: the bytes stand in for
// one, which costs next to nothing.
import { readFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { dbusNextLike } from './dbus-next-like.mjs';

const NAMES = ['Message', 'Variant', 'marshallMessage', 'messageToJsFmt', 'unmarshalMessages'];

function internals() {
  const file = createRequire(import.meta.url).resolve('@jellybrick/dbus-next');
  const module = new Module(file);
  module.filename = file;
  module.paths = Module._nodeModulePaths(file);
  module._compile(`${readFileSync(file, 'utf8')}\nmodule.exports = { ${NAMES.join(', ')} };\n`, file);
  return module.exports;
}

/** A stream that holds `buffer`, as far as the library's reader looks at it. */
function streamOf(buffer, onReader) {
  let offset = 0;
  return {
    on: (_event, reader) => onReader(reader),
    rewind: () => (offset = 0),
    read(length) {
      if (offset + length > buffer.length || length === 0) return null;
      offset += length;
      return buffer.subarray(offset - length, offset);
    },
  };
}

export async function open(message) {
  const library = internals();
  return dbusNextLike(message, library, (bytes) => {
    let onReadable;
    let received;
    const stream = streamOf(Buffer.from(bytes), (reader) => (onReadable = reader));
    library.unmarshalMessages(stream, (one) => (received = one));
    return () => {
      stream.rewind();
      onReadable();
      return received;
    };
  });
}
