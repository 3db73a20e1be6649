// A program that asks the RandomData service for a number and prints it, with dbus-next.
import { createRequire } from 'node:module';

const { Message, sessionBus } = createRequire(import.meta.url)('dbus-next');
const bus = sessionBus({ busAddress: process.env.DBUS_SESSION_BUS_ADDRESS });
const { body: [number] } = await bus.call(new Message({
  destination: 'com.larry-price.test',
  path: '/com/larry_price/test/RandomData',
  interface: 'com.larry_price.test.RandomData',
  member: 'quick',
  signature: 'i',
  body: [16],
}));
console.log(`Your random number is: ${number}`);
bus.disconnect();
