// A program that asks the RandomData service for a number and prints it, with dbus-native.
import { createRequire } from 'node:module';

const { createClient } = createRequire(import.meta.url)('dbus-native');
const bus = createClient({ busAddress: process.env.DBUS_SESSION_BUS_ADDRESS });
bus.invoke({
  destination: 'com.larry-price.test',
  path: '/com/larry_price/test/RandomData',
  interface: 'com.larry_price.test.RandomData',
  member: 'quick',
  signature: 'i',
  body: [16],
}, (error, number) => {
  if (error) throw new Error(error.message);
  console.log(`Your random number is: ${number}`);
  bus.connection.end();
});
