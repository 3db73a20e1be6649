// Values inside as many containers as both real buses take, and one more: that is refused before anything is sent, since
// dbus-broker would end the connection.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectToBus, MarshalError, type Variant, variant } from '../../src/index.js';
import { ALL_BUSES } from '../support/private-broker.js';
import type { PrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';

/** A VARIANT inside which values are inside `count` variants more than in `innermost`. */
function nested(count: number, innermost: Variant): Variant {
  let value = innermost;
  for (let i = 0; i < count; i++) value = { signature: 'v', value };
  return value;
}

/** Values with 63 containers inside one another, and how to put one more around them. */
const DEEPEST: readonly (readonly [what: string, value: Variant])[] = [
  ['variants', nested(62, variant('y', 1))],
  ['an empty array', nested(61, variant('au', []))],
  ['an array of bytes', nested(61, variant('ay', Uint8Array.of(1)))],
  ['an empty dict', nested(61, variant('a{sy}', {}))],
  ['a dict', nested(60, variant('a{sy}', { k: 1 }))],
  ['an array of structs', nested(60, variant('a(s)', [['x']]))],
];

for (const { program, required, startBus } of ALL_BUSES) {
  describeWith(...required)(`containers on ${program}`, () => {
    let bus: PrivateBus;
    beforeAll(async () => {
      bus = await startBus();
    });
    afterAll(async () => {
      await bus.stop();
    });

    test.each(DEEPEST)('63 nested ones pass the bus, 64 are refused: %s', async (_, value) => {
      await using connection = await connectToBus(bus.address);
      const call = (body: Variant): Promise<unknown> => connection.call({
        destination: connection.uniqueName, path: '/', interface: 'com.example.Test1', member: 'M', signature: 'v',
        body: [body],
      });
      // The call comes back to this connection, which has no objects and says so.
      const answered = { name: 'DBusError', errorName: 'org.freedesktop.DBus.Error.UnknownObject' };
      await expect(call(value)).rejects.toMatchObject(answered);
      const refused = call({ signature: 'v', value });
      await expect(refused).rejects.toBeInstanceOf(MarshalError);
      await expect(refused).rejects.toMatchObject({ code: 'VALUE_TOO_DEEP' });
      await expect(call(value)).rejects.toMatchObject(answered);
    });
  });
}
